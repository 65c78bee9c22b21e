import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import job

from intercom_export_widgets.errors import InputError, UnreadableAnswerError
from intercom_export_widgets.intercom.models import TRANSITIONS, Job, JobStatus, quote_identifier

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("pending", JobStatus.PENDING),
        ("in_progress", JobStatus.IN_PROGRESS),
        ("in-progress", JobStatus.IN_PROGRESS),
        ("In Progress", JobStatus.IN_PROGRESS),
        ("complete", JobStatus.COMPLETED),
        ("completed", JobStatus.COMPLETED),
        (" COMPLETED ", JobStatus.COMPLETED),
        ("no_data", JobStatus.NO_DATA),
        ("no-data", JobStatus.NO_DATA),
        ("failed", JobStatus.FAILED),
        ("canceled", JobStatus.CANCELED),
        ("Cancelled", JobStatus.CANCELED),
        ("unknown", JobStatus.UNKNOWN),
        ("paused", JobStatus.UNKNOWN),
        ("", JobStatus.UNKNOWN),
    ],
)
def test_every_spelling_of_a_status(text, status):
    """All spellings of the API's pages are read, and the word is kept as it came."""
    found = Job.from_json(job(status=text))
    assert found.status is status
    assert found.status_text == text.strip()


def test_only_the_four_ends_are_ends():
    """Four statuses end a job; an unknown word does not, so that it is asked about again."""
    assert {status for status in JobStatus if status.ended} == {
        JobStatus.COMPLETED,
        JobStatus.NO_DATA,
        JobStatus.FAILED,
        JobStatus.CANCELED,
    }


def test_the_table_is_complete_and_ends_are_final():
    """Every status has its row and may stay; an end leads nowhere else."""
    assert set(TRANSITIONS) == set(JobStatus)
    for status, following in TRANSITIONS.items():
        assert status in following
        assert (following == {status}) == status.ended


def test_a_late_answer_does_not_turn_a_job_back():
    """An answer that was overtaken changes neither an ended job nor a started one."""
    pending, running, done = (
        Job.from_json(job(status=word)) for word in ("pending", "in_progress", "completed")
    )
    assert pending.updated(running).updated(done) is done
    assert done.updated(running) is done
    assert running.updated(pending) is running
    assert pending.follows(done)
    assert not done.follows(pending)


def test_another_jobs_answer_is_not_taken():
    """A snapshot of another job never takes this one's place."""
    ours, other = Job.from_json(job("ours")), Job.from_json(job("other", "completed"))
    assert ours.updated(other) is ours


@given(st.lists(st.sampled_from(JobStatus), max_size=8))
def test_an_ended_job_stays_as_it_ended(statuses):
    """Whatever answers come in whatever order, the first end is the last."""
    now = Job("x", JobStatus.PENDING)
    for status in statuses:
        ended = now if now.status.ended else None
        now = now.updated(Job("x", status))
        assert ended in {None, now}


def test_both_spellings_of_the_key():
    """The misspelt key of some schema versions names the job as well."""
    assert Job.from_json({"job_identfier": "x", "status": "pending"}).job_identifier == "x"
    both = {"job_identifier": "x", "job_identfier": "y", "status": "pending"}
    assert Job.from_json(both).job_identifier == "x"
    assert Job.from_json({**both, "job_identifier": ""}).job_identifier == "y"


def test_optional_keys_may_be_missing_or_null():
    """Absent, null and empty optional keys are unset."""
    for value in (
        {"job_identifier": "x"},
        {"job_identifier": "x", "status": None, "download_url": None, "download_expires_at": None},
    ):
        assert Job.from_json(value) == Job("x", JobStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("came", "expires"),
    [
        ("1530000000", 1530000000),
        (1530000000, 1530000000),
        (1530000000.9, 1530000000),
        ("2018-06-26T08:00:00Z", 1530000000),
        ("2018-06-26T08:00:00", None),
        ("", None),
        (None, None),
        (0, None),
        (-5, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (10**400, None),
        ([1530000000], None),
        ({"at": 1530000000}, None),
        (True, None),
        ("9" * 400, None),
    ],
)
def test_an_expiry_in_every_form(came, expires):
    """An expiry is Unix seconds, as a string or a number; what is no time is unset."""
    assert Job.from_json(job(download_expires_at=came)).download_expires_at == expires


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (None, "answer"),
        ([], "answer"),
        ("v5xsp8c19ji0s82", "answer"),
        ({}, "job_identifier"),
        (job(""), "job_identifier"),
        (job(None), "job_identifier"),
        (job(["x"]), "job_identifier"),
        (job("x" * 4097), "job_identifier"),
        (job(".."), "job_identifier"),
        (job("\ud800"), "job_identifier"),
        ({"job_identfier": {}}, "job_identfier"),
    ],
)
def test_an_answer_that_is_no_job_names_the_key(value, key):
    """What is no job raises, and the sentence names the key at fault."""
    with pytest.raises(UnreadableAnswerError, match=rf"no export job: {key} is"):
        Job.from_json(value)


def test_a_number_may_name_a_job():
    """An identifier that comes as a JSON number is the same text."""
    assert Job.from_json(job(17)).job_identifier == "17"


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("job_identifier", "status", "download_url", "download_expires_at"), JSON
        ),
    )
    | JSON
)
def test_any_value_is_a_job_or_the_documented_error(value):
    """Nothing but UnreadableAnswerError comes out, for any JSON value."""
    try:
        found = Job.from_json(value)
    except UnreadableAnswerError:
        return
    assert quote_identifier(found.job_identifier)
    assert found.status in JobStatus


@pytest.mark.parametrize("identifier", ["", " ", ".", "..", "x" * 4097, "\ud800", "a\udfff"])
def test_what_can_not_be_in_a_path_is_refused(identifier):
    """What a path would swallow or change is no identifier."""
    with pytest.raises(InputError, match="is not a job identifier"):
        quote_identifier(identifier)


@pytest.mark.parametrize(
    ("identifier", "segment"),
    [
        ("v5xsp8c19ji0s82", "v5xsp8c19ji0s82"),
        ("../me", "..%2Fme"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2e%2e", "%252e%252e"),
        ("é", "%C3%A9"),
        ("ab\ac\0", "ab%07c%00"),
        ("x" * 4096, "x" * 4096),
    ],
)
def test_an_identifier_is_one_segment(identifier, segment):
    """Whatever an identifier holds, it stays one segment of the path."""
    assert quote_identifier(identifier) == segment


def test_the_address_of_the_data_is_not_in_the_repr():
    """An address may be a key to the data, so a repr doesn't show it."""
    assert "secret" not in repr(Job.from_json(job(download_url="https://x/?signature=secret")))


def test_a_long_or_broken_status_is_shown_on_one_line():
    """A status word from anywhere stays short and on one line."""
    text = Job.from_json(job(status="very\n\tlong " * 100)).status_text
    assert len(text) <= 100
    assert "\n" not in text


@pytest.mark.parametrize(
    ("came", "status", "text"),
    [
        (5, JobStatus.UNKNOWN, "5"),
        (True, JobStatus.UNKNOWN, "True"),
        (["pending"], JobStatus.UNKNOWN, ""),
        ({"is": "pending"}, JobStatus.UNKNOWN, ""),
        ("run\ud800ning", JobStatus.UNKNOWN, "run ning"),
        ("\x1b[31mred\0\u202e\r\n", JobStatus.UNKNOWN, "[31mred"),
    ],
)
def test_a_status_of_any_kind_is_printable(came, status, text):
    """A status of another type, or with control characters, loses no job and can be shown."""
    found = Job.from_json(job(status=came))
    assert (found.status, found.status_text) == (status, text)
    assert found.status_text.isprintable()


@pytest.mark.parametrize("came", [5, ["x"], {}, True, "https://x/\0", "https://\ud800", "x" * 9000])
def test_an_address_that_can_not_be_asked_is_unset(came):
    """A download_url that is no text, can't be printed or has no end is unset."""
    assert Job.from_json(job(download_url=came)).download_url == ""


@pytest.mark.parametrize("came", ["x" * 300, "x" * 4096, "ab\x07c", "a\nb", " pad ded ", "jöb-🎉"])
def test_an_identifier_is_kept_as_it_came(came):
    """An identifier is kept to the letter, since nothing else finds the job again."""
    assert Job.from_json(job(came)).job_identifier == came


def test_an_answer_that_names_no_job_is_about_the_one_that_was_asked_about():
    """A known status without an identifier is the asked job's; another word is no job."""
    assert Job.from_json(job("", "completed"), asked="ours").job_identifier == "ours"
    assert Job.from_json(job("other", "completed"), asked="ours").job_identifier == "other"
    for value in (job("", "ok"), {"job_identifier": None}, {}):
        with pytest.raises(UnreadableAnswerError, match="job_identifier is missing"):
            Job.from_json(value, asked="ours")
