import ast
import csv
import io
import re
import statistics
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_talk import JUNE, START, Talk, tables

import intercom_export_widgets.sandbox as room
from intercom_export_widgets.sandbox import Switches
from intercom_export_widgets.sandbox import data_generator as workspaces
from intercom_export_widgets.sandbox.archive_writer import Member, write_archive, write_zip
from intercom_export_widgets.sandbox.csv_columns import Texts, csv_lines, integers
from intercom_export_widgets.sandbox.data_generator import Workspace

DAY = 86400
RECEIPT = (
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
)
GROUPS = {
    "open": "receipt_id,opened_at",
    "click": "receipt_id,clicked_at,link_type,url",
    "reply": "receipt_id,replied_at",
    "completion": "receipt_id,completed_at",
    "dismissal": "receipt_id,dismissed_at",
    "reaction": "receipt_id,reacted_at,reaction",
    "goal_success": "receipt_id,goal_hit_at",
    "hard_bounce": "receipt_id,hard_bounced_at",
    "soft_bounce": "receipt_id,soft_bounced_at",
    "unsubscribe": "receipt_id,unsubscribed_at",
    "series_completion": "receipt_id,completed_at,completion_node_ruleset_id",
    "series_disengagement": "receipt_id,disengaged_at,disengaged_node_ruleset_id",
    "series_exit": "receipt_id,exited_at",
    "tour_step_view": "receipt_id,step_id,viewed_at",
    "tour_step_failure": "receipt_id,step_id,failed_selector,failure_url,failed_at",
    "answer": "receipt_id,answered_at,question_id,question,response_type,response",
    "fin_step_reached": (
        "receipt_id,involved_at,content_id,content_type,ruleset_id,conversation_id"
    ),
    "checkpoint": (
        "user_id,company_id,series_entry_record_id,ruleset_id,status_code,status_name,"
        "created_at,last_processed_at,expires_at,times_processed"
    ),
}


def export(folder, workspace, after, before, until=START, **switches):
    written = write_archive(
        folder,
        "export",
        workspace,
        after=after,
        before=before,
        until=until,
        switches=Switches(**switches),
    )
    if not written.rows:
        return {}
    return tables(written.path.read_bytes())


@pytest.fixture(scope="module")
def workspace():
    return Workspace(seed=1, rows_per_day=300)


@pytest.fixture(scope="module")
def june(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("june")
    return export(folder, workspace, *JUNE.values())


def test_receipts_have_the_columns_of_production_in_order(june):
    """The header is the 52 columns seen in production."""
    assert ",".join(june["receipt"][0]) == RECEIPT
    assert len(june["receipt"][0]) == 52


def test_every_known_group_is_there(june):
    """A month of default size has all the groups, each with its columns."""
    for group, header in GROUPS.items():
        assert ",".join(june[group][0]) == header
    assert {"overview", "answer_combined"} == set(june) - set(GROUPS) - {"receipt"}


def test_a_month_has_some_nine_thousand_receipts(june):
    """The default size is 300 messages on an average day of 2018."""
    assert 8_000 < len(june["receipt"]) < 10_500


def test_identifiers_are_text_that_looks_like_numbers(june):
    """Receipt ids are unique and of nineteen digits; leading zeros and -1 occur."""
    receipts = june["receipt"]
    ids = [row["receipt_id"] for row in receipts]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"\d{19}", one) for one in ids)
    external = {row["user_external_id"] for row in receipts}
    assert any(one.startswith("00") for one in external)
    assert any(re.fullmatch(r"\d{19}", one) for one in external)
    assert "" in external
    companies = Counter(row["company_id"] == "-1" for row in receipts)
    assert min(companies.values()) > 500
    assert all(row["series_id"] != "-1" or not row["series_title"] for row in receipts)
    assert {row["series_id"] == "-1" for row in receipts} == {True, False}


def test_nobody_is_real(june):
    """All mail addresses end in the names kept for examples (RFC 2606)."""
    for row in june["receipt"]:
        assert re.search(r"[@.]example\.(org|com|net)$", row["email"])


def test_titles_are_nasty(june):
    """Quotes, commas, newlines, emoji, HTML, formulas, spaces, other scripts, great length."""
    titles = {row["content_title"] for row in june["receipt"]}
    for mark in ('"', ",", "\n", "😢", "<script>", "=1+1", "م", "007", "null"):
        assert any(mark in title for title in titles), mark
    assert any(title != title.strip() for title in titles)
    assert max(map(len, titles)) > 500


def test_versions_of_a_test_have_contents_of_their_own(june):
    """One message of an A/B test has two content_ids (documented)."""
    contents = {}
    for row in june["receipt"]:
        contents.setdefault(row["ruleset_id"], set()).add(row["content_id"])
    assert {len(found) for found in contents.values()} == {1, 2}


TIMES = {
    "open": "opened_at",
    "click": "clicked_at",
    "reply": "replied_at",
    "completion": "completed_at",
    "dismissal": "dismissed_at",
    "reaction": "reacted_at",
    "goal_success": "goal_hit_at",
    "hard_bounce": "hard_bounced_at",
    "soft_bounce": "soft_bounced_at",
    "unsubscribe": "unsubscribed_at",
    "series_completion": "completed_at",
    "series_disengagement": "disengaged_at",
    "series_exit": "exited_at",
    "tour_step_view": "viewed_at",
    "tour_step_failure": "failed_at",
    "fin_step_reached": "involved_at",
    "answer": "answered_at",
}


@pytest.mark.parametrize(("group", "column"), TIMES.items())
def test_first_columns_are_the_first_of_their_group(june, group, column):
    """Each ``first_`` value is the earliest row of its group, and each group's row has one."""
    firsts = {}
    for row in june[group]:
        moment = int(row[column])
        assert JUNE["created_at_after"] <= moment <= JUNE["created_at_before"]
        firsts[row["receipt_id"]] = min(moment, firsts.get(row["receipt_id"], moment))
    told = {
        row["receipt_id"]: int(row[f"first_{group}"])
        for row in june["receipt"]
        if row[f"first_{group}"]
    }
    assert told == firsts
    assert told


def test_what_happens_happens_in_order(june):
    """Nothing precedes its receipt, no click its first open; what bounced is never opened."""
    for row in june["receipt"]:
        received = int(row["received_at"])
        for name, value in row.items():
            if name.startswith("first_") and value:
                assert int(value) >= received
        if row["first_click"]:
            assert int(row["first_open"]) <= int(row["first_click"])
        if row["first_hard_bounce"]:
            assert not row["first_open"]


def test_receipts_come_in_the_order_of_their_time(june):
    """``received_at`` never goes back."""
    times = [int(row["received_at"]) for row in june["receipt"]]
    assert times == sorted(times)


def test_a_day_is_the_same_whatever_range_is_asked_for(workspace, june, tmp_path):
    """A day alone has exactly the rows that it has in its month, events in range aside."""
    for day in (0, 15, 29):
        after = JUNE["created_at_after"] + day * DAY
        alone = export(tmp_path, workspace, after, after + DAY - 1)["receipt"]
        told = [row for row in june["receipt"] if after <= int(row["received_at"]) < after + DAY]
        plain = [
            [{k: v for k, v in row.items() if not k.startswith(("first", "conv"))} for row in rows]
            for rows in (alone, told)
        ]
        assert plain[0] == plain[1]
        for one, other in zip(alone, told, strict=True):
            for name in TIMES:
                value = other[f"first_{name}"]
                inside = value if value and int(value) < after + DAY else ""
                assert one[f"first_{name}"] == inside


def test_seeds_differ_and_repeat(tmp_path):
    """The same seed gives the same bytes, another one other people."""
    range_ = (JUNE["created_at_after"], JUNE["created_at_after"] + DAY - 1)
    one, same, other = (
        export(tmp_path, Workspace(seed, 50), *range_)["receipt"] for seed in (1, 1, 2)
    )
    assert one == same
    assert {row["user_id"] for row in one}.isdisjoint(row["user_id"] for row in other)


def test_late_opens_are_missed_by_the_month(workspace, june, tmp_path):
    """June's export misses the opens that June's messages get in July (documented)."""
    longer = export(
        tmp_path, workspace, JUNE["created_at_after"], JUNE["created_at_before"] + 14 * DAY
    )
    mine = {row["receipt_id"] for row in june["receipt"]}
    opened = sum(bool(row["first_open"]) for row in june["receipt"])
    later = sum(bool(row["first_open"]) for row in longer["receipt"] if row["receipt_id"] in mine)
    assert opened < later < opened * 1.2


def test_weeks_have_seasons_and_years_grow(workspace):
    """Weekends are quiet, and every year has some 6 % more than the last."""
    monday = 17532  # 2018-01-01
    weekdays = [
        [workspace.rows_on(monday + 7 * week + day) for week in range(52)] for day in range(7)
    ]
    means = [statistics.mean(rows) for rows in weekdays]
    assert max(means[5:]) < min(means[:5]) * 0.6
    years = [sum(workspace.rows_on(monday + 364 * y + d) for d in range(364)) for y in range(3)]
    assert years[0] * 1.04 < years[1] < years[1] * 1.04 < years[2]


def test_nothing_is_of_the_future(workspace, tmp_path):
    """A range that ends in the future shows nothing later than now."""
    found = export(tmp_path, workspace, START - DAY, START + 10 * DAY)
    assert START - 3600 < max(int(row["received_at"]) for row in found["receipt"]) <= START
    assert max(int(row["opened_at"]) for row in found["open"]) <= START
    shown = [int(row["last_processed_at"] or 0) for row in found["checkpoint"]]
    assert max(shown) <= START
    assert export(tmp_path, workspace, START + 1, START + DAY) == {}


def test_nothing_is_older_than_2018(workspace, tmp_path):
    """The first receipt is of 2018-01-01, or of the first day that the sandbox was given."""
    early = export(tmp_path, workspace, 0, 1514764800 + DAY)
    assert 0 <= min(int(row["received_at"]) for row in early["receipt"]) - 1514764800 < DAY / 2
    assert export(tmp_path, workspace, 0, 1514764799) == {}
    with Talk(days=2) as talk:
        found = talk.tables({"created_at_after": 0, "created_at_before": START})
        first = min(int(row["received_at"]) for row in found["receipt"])
        assert first >= (START // DAY - 2) * DAY


def test_the_header_of_combined_answers_depends_on_the_range(workspace, june, tmp_path):
    """One column per question of the surveys that were live; one row per receipt."""
    header = list(june["answer_combined"][0])
    fixed = ["receipt_id", "user_id", "user_external_id", "email", "completed_at"]
    assert header[:5] == fixed
    found = export(tmp_path, workspace, START - 20 * DAY, START)
    later = list(found["answer_combined"][0])
    assert len(header) < len(later)
    rows = found["answer_combined"]
    assert len({row["receipt_id"] for row in rows}) == len(rows)
    answers = Counter((row["question"], row["response"]) for row in found["answer"])
    combined = Counter((name, row[name]) for row in rows for name in later[5:] if row[name])
    assert combined == Counter({key: n for key, n in answers.items() if key[1]})


def test_the_overview_counts_what_the_groups_hold(june):
    """Totals, uniques and rates per message agree with the rows of the other groups."""
    sums = Counter()
    for row in june["overview"]:
        for name, value in row.items():
            if name.endswith(("_total", "_unique")):
                sums[name] += int(value)
        rate = int(row["open_unique"]) / int(row["receipt_total"])
        assert abs(float(row["open_rate"]) - rate) < 1e-4
    assert sums["receipt_total"] == len(june["receipt"])
    for group in ("open", "click", "reply", "hard_bounce"):
        assert sums[f"{group}_total"] == len(june[group])
        assert sums[f"{group}_unique"] == len({row["receipt_id"] for row in june[group]})


def test_large_days_are_cut_into_parts_without_a_seam(tmp_path, monkeypatch):
    """With several blocks of rows a day, ids stay unique and times in order."""
    monkeypatch.setattr(workspaces, "BLOCK_ROWS", 2_000)
    workspace = Workspace(seed=3, rows_per_day=6_000)
    assert workspace._parts == 3
    after = JUNE["created_at_after"]
    path = write_archive(
        tmp_path,
        "day",
        workspace,
        after=after,
        before=after + DAY - 1,
        until=START,
        switches=Switches(container="csv"),
    ).path
    with path.open(newline="", encoding="utf-8") as file:
        header, *found = csv.reader(file)
    receipt, received = header.index("receipt_id"), header.index("received_at")
    rows = [(row[receipt], int(row[received])) for row in found]
    assert len(rows) == workspace.rows_on(after // DAY)
    assert len({one for one, _ in rows}) == len(rows)
    assert [time for _, time in rows] == sorted(time for _, time in rows)
    assert max(time for _, time in rows) < after + DAY


PEAK = """
import sys, pathlib
from intercom_export_widgets.sandbox import Switches, data_generator
from intercom_export_widgets.sandbox.archive_writer import write_archive
data_generator.BLOCK_ROWS = 1000  # so that a few thousand rows are many blocks
rows = data_generator.Workspace(1, 3000)
for days in (4, 12):
    written = write_archive(pathlib.Path(sys.argv[1]), "x", rows, after=1527811200,
        before=1527811200 + days * 86400 - 1, until=1768415545, switches=Switches())
    status = pathlib.Path("/proc/self/status").read_text()
    print(written.rows["receipt"], status.partition("VmHWM:")[2].split()[0])
assert "pandas" not in sys.modules
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured in /proc")
def test_memory_does_not_grow_with_the_export(tmp_path):
    """Three times the rows take no more memory; and pandas is never imported."""
    command = [sys.executable, "-c", PEAK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    few, low, many, high = map(int, done.stdout.split())
    assert many > few * 3
    assert high < low * 1.07


def test_importing_it_is_light_and_starting_it_needs_no_arrow():
    """Import loads no server and no numpy; start loads no numpy; neither loads our rooms."""
    code = (
        "import sys, intercom_export_widgets.sandbox as room\n"
        "heavy = {'starlette', 'uvicorn', 'numpy', 'pyarrow', 'pandas', 'httpx', 'IPython'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "with room.Sandbox(): pass\n"
        "assert not {'numpy', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "ours = [n for n in sys.modules if n.startswith('intercom_export_widgets.')]\n"
        "assert all('.sandbox' in name for name in ours), ours\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_knows_only_the_wire():
    """No file of the room imports anything of the rest of the package."""
    files = list(Path(room.__file__).parent.glob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name and name.startswith("intercom_export_widgets"):
                    assert name.startswith("intercom_export_widgets.sandbox"), file


FIELD = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(FIELD, FIELD, st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=9))
def test_csv_is_what_the_csv_module_reads(rows):
    """Whatever text and numbers go in, Python's csv module reads them back."""
    import numpy as np

    places = np.arange(len(rows), dtype=np.int64)
    columns = [
        Texts([row[0] for row in rows]).take(places),
        None,
        integers(np.array([row[2] for row in rows], dtype=np.int64)),
        Texts([row[1] for row in rows]).take(places, places % 2 == 0),
    ]
    text = csv_lines(columns, len(rows)).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))
    expected = [
        [a, "", str(number), b if place % 2 == 0 else ""]
        for place, (a, b, number) in enumerate(rows)
    ]
    assert read == expected


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("far", [0xFFFFFFFF, 1, 2000])
def test_zips_beyond_four_gigabytes_are_zip64(tmp_path, streamed, far):
    """With the limit of ZIP64 anywhere, an independent reader finds the same members."""
    members = []
    for number, size in enumerate((10, 5000, 0, 300)):
        member = Member(tmp_path, f"ünï-{number}.csv")
        member.write(bytes(range(256)) * size)
        member.finish()
        members.append(member)
    path = tmp_path / "x.zip"
    write_zip(path, members, streamed=streamed, far=far)
    for member in members:
        member.discard()
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert [info.file_size for info in file.infolist()] == [2560, 1_280_000, 0, 76_800]
        assert [info.filename for info in file.infolist()] == [one.name for one in members]
