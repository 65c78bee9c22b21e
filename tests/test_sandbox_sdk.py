import httpx
import pytest
from sandbox_talk import JUNE, Talk

intercom = pytest.importorskip("intercom", reason="python-intercom, the official SDK, is missing")


@pytest.fixture
def talk():
    with Talk() as talk:
        yield talk


@pytest.fixture
def sdk(talk):
    # A connection of its own, because the SDK can't be closed.
    with httpx.Client(trust_env=False) as http:
        yield intercom.Intercom(
            token=talk.sandbox.token, base_url=talk.sandbox.base_url, httpx_client=http
        )


ONCE = {"max_retries": 0}


def test_the_official_sdk_exports(talk, sdk):
    """Create, find and download work with the SDK; its download asks for anything."""
    talk.sandbox.switch(accept="matching")
    job = sdk.data_export.create(**JUNE)
    assert job.status == "pending"
    talk.clock.move(3)
    assert sdk.data_export.find(job.job_identifier).status == "completed"
    assert sdk.data_export.download(job.job_identifier) is None
    assert talk.sandbox.requests[-1].call == "download"


def test_the_official_sdk_cancels(sdk):
    """Its cancel answers the canceled job."""
    job = sdk.data_export.create(**JUNE)
    assert sdk.data_export.cancel(job.job_identifier).status == "canceled"


def test_the_official_sdk_reads_the_errors(sdk):
    """The lock, a wrong range and an unknown job are errors with the API's body."""
    from intercom.core.api_error import ApiError

    sdk.data_export.create(**JUNE)
    for status, ask in (
        (429, lambda: sdk.data_export.create(**JUNE, request_options=ONCE)),
        (400, lambda: sdk.data_export.create(created_at_after=2, created_at_before=1)),
        (404, lambda: sdk.data_export.find("nope")),
    ):
        with pytest.raises(ApiError) as caught:
            ask()
        assert caught.value.status_code == status
        assert caught.value.body["type"] == "error.list"


def test_the_official_sdk_knows_who_it_is(sdk):
    """``/me`` parses as the SDK's admin with its app."""
    assert sdk.admins.identify().app.id_code.startswith("sandbox_")
