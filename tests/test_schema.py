"""The table of groups and columns against the API and against itself."""

from __future__ import annotations

import pytest

from intercom_export_widgets.data.schema import (
    GROUPS,
    Kind,
    column_kind,
    has_none_marker,
    singular,
)

# As Intercom writes it, seen in production.
RECEIPT_COLUMNS = (  # noqa: SIM905 - as the CSV has it
    "user_id,user_external_id,company_id,company_external_id,email,name,ruleset_id,content_id,"
    "content_type,content_title,created_via,device,ruleset_version_id,receipt_id,received_at,"
    "conversation_id,series_id,series_title,node_id,first_reply,first_completion,"
    "first_series_completion,first_series_disengagement,first_series_exit,first_goal_success,"
    "first_tour_step_failure,first_tour_step_view,first_reaction,first_open,first_click,"
    "first_dismissal,first_collected_email,first_unsubscribe,first_hard_bounce,"
    "first_soft_bounce,first_spam_complaint,first_permission_grant,first_button_tap,"
    "first_screen_view,first_webhook_failure,first_sms_failure,first_whatsapp_failure,"
    "first_push_failure,first_answer,first_keyword_reply,first_people_reached_receipt,"
    "first_checklist_step_receipt,first_checklist_step_open,first_checklist_step_click,"
    "first_checklist_step_completion,first_fin_helpful_answer,first_fin_step_reached"
).split(",")


def test_receipt_has_the_columns_of_the_api():
    """The columns of receipt are those seen in production, in their order."""
    assert [column.name for column in GROUPS["receipt"].columns] == RECEIPT_COLUMNS


def test_every_group_of_the_api_is_known():
    """The groups are those that Intercom has."""
    assert set(GROUPS) == {
        *("receipt", "open", "click", "reply", "completion", "dismissal", "reaction"),
        *("goal_success", "hard_bounce", "soft_bounce", "unsubscribe", "series_completion"),
        *("series_disengagement", "series_exit", "tour_step_view", "tour_step_failure", "answer"),
        *("fin_step_reached", "answer_combined", "checkpoint", "overview"),
    }


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS.keys())
def test_columns_are_described_once(group):
    """Each column stands once in its group, with one sentence that ends as sentences do."""
    names = [column.name for column in group.columns]
    assert len(set(names)) == len(names)
    for column in group.columns:
        assert column.description.endswith((".", "…"))
        assert column_kind(group.name, column.name) is column.kind
    assert set(group.signature) <= set(names)


@pytest.mark.parametrize(
    ("group", "column", "kind"),
    [
        ("receipt", "receipt_id", Kind.ID),
        ("receipt", "first_hologram", Kind.TIMESTAMP),
        ("receipt", "brand_new", Kind.TEXT),
        ("open", "first_hologram", Kind.TEXT),
        ("open", "opened_at", Kind.TIMESTAMP),
        ("open", "content_type", Kind.CATEGORY),
        ("open", "clicked_at", Kind.TIMESTAMP),
        ("checkpoint", "times_processed", Kind.COUNT),
        ("overview", "open_total", Kind.COUNT),
        ("overview", "open_unique", Kind.COUNT),
        ("overview", "open_rate", Kind.RATE),
        ("receipt", "open_rate", Kind.TEXT),
        ("answer_combined", "How are you?", Kind.TEXT),
        ("hologram", "opened_at", Kind.TIMESTAMP),
        ("hologram", "opened_at.1", Kind.TEXT),
        ("overview", "last_sent_at", Kind.TIMESTAMP),
        ("overview", "state", Kind.CATEGORY),
    ],
)
def test_kind_is_told_by_name(group, column, kind):
    """Known columns have their kind; new firsts of receipt, and any ``*_at``, are timestamps."""
    assert column_kind(group, column) is kind


def test_only_two_columns_mark_none():
    """``-1`` means none in company_id and series_id of known groups, nowhere else."""
    marked = {column for column in RECEIPT_COLUMNS if has_none_marker("receipt", column)}
    assert marked == {"company_id", "series_id"}
    assert has_none_marker("checkpoint", "company_id")
    assert not has_none_marker("hologram", "company_id")


@pytest.mark.parametrize("group", GROUPS)
def test_plural_names_its_group(group):
    """Every group is found by its name, and by its English plural."""
    plural = group[:-1] + "ies" if group.endswith("y") else group + "s"
    plural = group + "es" if group.endswith("ss") else plural
    assert singular(group) == group
    assert singular(plural) == group
    assert singular("holograms") == "holograms"
