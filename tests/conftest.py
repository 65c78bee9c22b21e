"""What tests share: a sandbox, a session on it, a shell, and one JupyterLab for all."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import leftovers
import pytest
from wire import Clock, WireServer

from intercom_export_widgets.intercom.client import IntercomClient
from intercom_export_widgets.intercom.credentials import Token
from intercom_export_widgets.jobs.session import ExportSession
from intercom_export_widgets.sandbox import Sandbox, Switches

TOKEN = "dG9rOnRoZS10b2tlbi1vZi10aGUtdGVzdHM"  # noqa: S105 - the sandbox's, known so that it can be searched for
JUPYTERS_OWN = "Canceled future for"
"""What JupyterLab itself says when a kernel goes while it is asking something of it."""

DELIVERIES = {"rows_per_day": 30, "switches": Switches(container="gzip")}
"""A sandbox of deliveries alone, and few: an export costs half of what it costs with all tables."""

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("sample", deadline=None, max_examples=30)
hypothesis.settings.register_profile("exhaustive", deadline=None, max_examples=500)

SLOW = ("browser", "kernel", "binder", "environments")
"""The markers that keep a test out of the quick run."""

FIRST_BROWSER = {
    "test_backfill_card",
    "test_form_access",
    "test_form_dates",
    "test_form_kernels",
    "test_form_static",
    "test_notebook7",
}
SECOND_BROWSER = {
    "test_charts",
    "test_completion",
    "test_form_cards",
    "test_form_errors",
    "test_form_every",
    "test_form_glance",
    "test_form_life",
    "test_form_pictures",
    "test_form_token",
    "test_tableview",
}
"""The browser's tests in two halves, by time; each has its own JupyterLab and Chromium."""

STORES = {"test_dask", "test_store"}
"""The files whose tests share one S3 server, which takes a second or two to start."""

LONGEST = ("browser-1", "browser-2", "test_notebooks", "test_kernel", "test_kernels_killed")
"""The groups that start first, since they take longest."""

# The tests start some hundred interpreters, which would each compile all that they import.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# jsonschema, and so altair, takes 4 s to build grammars for a format that nothing here checks.
sys.modules["rfc3987_syntax"] = None

FAILED = pytest.StashKey[bool]()
ARTIFACTS = Path(__file__).parents[1] / ".artifacts"


def pytest_addoption(parser):
    """Let a run take every point at which a process can be killed."""
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="try every point at which a process can be killed, and more examples, not a sample",
    )


def pytest_xdist_auto_num_workers():
    """Run one worker more than there are processors: browsers and kernels often wait."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """Mark the slow tests, and put the longest groups first, so that no worker ends with one."""
    for item in items:
        if "replay" in item.fixturenames:
            item.add_marker(pytest.mark.binder)
        if any(item.get_closest_marker(name) for name in SLOW):
            item.add_marker(pytest.mark.slow)
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: (
            order.get(group_of(item.nodeid), len(order)),
            item.get_closest_marker("slow") is None,
        )
    )


def group_of(nodeid):
    """Return what a test shares a worker with: one of two browsers, an environment, or its file."""
    file, _, name = nodeid.partition("::")
    stem = Path(file).stem
    if stem in FIRST_BROWSER:
        return "browser-1"
    if stem in SECOND_BROWSER:
        return "browser-2"
    if stem in STORES:
        return "stores"
    return f"{stem}-{name.partition('[')[2]}" if stem == "test_environments" else stem


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give whole groups to workers.

    xdist's own "loadgroup" (3.8) writes the group into each node's identifier, in an attribute
    that pytest 9.2 does not have: its groups fall apart without a word.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return Groups(config, log)


@pytest.fixture
def exhaustive(request):
    """Whether every point is asked for."""
    return request.config.getoption("--exhaustive")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    """Fail a run that leaves a process behind; every process that it starts inherits its mark."""
    result = yield
    if hasattr(session.config, "workerinput"):
        return result
    for process in leftovers.processes():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write(f"\nstill running after the tests: {leftovers.describe(process)}\n")
        process.kill()
    return result


def pytest_configure(config):
    """Choose how much is tried; mark this process and those that it starts."""
    profile = "exhaustive" if config.getoption("--exhaustive") else "sample"
    hypothesis.settings.load_profile(profile)
    if not hasattr(config, "workerinput"):
        leftovers.mark()


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory):
    """Keep temporary files within pytest's folder; no file or thread of ours outlives the run."""
    folder = tmp_path_factory.mktemp("tmp")
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    yield
    tempfile.tempdir = None
    assert not [path.name for path in folder.iterdir() if path.name.startswith("intercom-")]
    assert not leftovers.threads()


@pytest.fixture(autouse=True)
def own_environment(tmp_path, monkeypatch):
    """Keep the user's token, data folder and settings out of the tests."""
    for name in ("INTERCOM_ACCESS_TOKEN", "INTERCOM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("INTERCOM_EXPORT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


def own_sandbox(module, job_seconds=0.0):
    """Return a sandbox as a test module's `SANDBOX` describes it, if there is one."""
    return Sandbox(token=TOKEN, job_seconds=job_seconds, **getattr(module, "SANDBOX", {}))


def own_session(sandbox, folder):
    """Return a session on a sandbox that asks often."""
    return ExportSession(
        sandbox.token,
        base_url=sandbox.base_url,
        folder=folder / "exports",
        ledger=folder / "ledger.sqlite",
        poll_interval=0.05,
        pause=lambda _: None,
    )


@pytest.fixture
def sandbox(request):
    """A sandbox whose jobs take no time, or the seconds that a test asks for."""
    with own_sandbox(request.module, getattr(request, "param", 0.0)) as running:
        yield running


@pytest.fixture
def session(sandbox, tmp_path):
    """A session on the sandbox that asks often."""
    with own_session(sandbox, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_sandbox(request):
    """One sandbox for all tests of a module that change nothing in it."""
    with own_sandbox(request.module) as running:
        yield running


@pytest.fixture(scope="module")
def shared_session(shared_sandbox, tmp_path_factory):
    """One session for all tests of a module that only read what it has exported."""
    with own_session(shared_sandbox, tmp_path_factory.mktemp("shared")) as opened:
        yield opened


@pytest.fixture
def clock():
    """A clock that goes on only when somebody waits."""
    return Clock()


@pytest.fixture
def play(clock):
    """Return a function that makes a server of a script, and a client of it."""
    with ExitStack() as opened:

        def start(*steps, **options):
            server = opened.enter_context(WireServer(*steps))
            client = opened.enter_context(
                IntercomClient(
                    Token(TOKEN), base_url=server.url, pause=clock.pause, now=clock.now, **options
                )
            )
            return server, client

        yield start


def come_about(condition):
    """Wait for something that other threads bring about."""
    resting = threading.Event()
    for _ in range(400):
        if condition():
            return
        resting.wait(0.025)
    raise AssertionError("it has not come about")


@pytest.fixture(scope="session")
def replay(tmp_path_factory):
    """Binder's environment, built once."""
    from binder import Replay

    return Replay(tmp_path_factory.mktemp("binder"))


def one_more(session):
    """Return another session on the same workspace, folder and ledger: another notebook."""
    return ExportSession(
        TOKEN,
        base_url=session.connection.base_url,
        folder=session.folder,
        ledger=session.ledger.path,
        poll_interval=0.05,
        pause=lambda _: None,
    )


@pytest.fixture
def another(session):
    """Another notebook of the same user."""
    with one_more(session) as opened:
        yield opened


@pytest.fixture(scope="session")
def object_store():
    """One S3 server for all tests."""
    from objects import ObjectStore

    running = ObjectStore()
    yield running
    running.stop()


@pytest.fixture
def bucket(object_store, monkeypatch, request):
    """An address in it that no other test has, found by the environment alone."""
    from objects import BUCKET

    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    yield f"s3://{BUCKET}/{re.sub('[^a-z0-9]+', '-', request.node.name.lower())}"
    import s3fs

    # The next test's server may be asked with other variables.
    s3fs.S3FileSystem.clear_instance_cache()


# The browser ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """One JupyterLab for all tests; its kernels find the sandbox's token."""
    from lab import KEPT_TOKEN, Lab

    running = Lab(
        tmp_path_factory.mktemp("lab"), {"INTERCOM_ACCESS_TOKEN": TOKEN, KEPT_TOKEN: TOKEN}
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium; under CI there must be one."""
    from lab import CHROMIUM_FLAGS, HOW_TO_GET_ONE, find_chromium
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW_TO_GET_ONE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def loaded_page(browser, lab):
    """JupyterLab's page, loaded once."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    yield lab.load(context.new_page())
    context.close()


@pytest.fixture
def own_page(browser, lab):
    """Return a function that loads JupyterLab once more, for what would disturb the others.

    It takes a script that runs before the page's own.
    """
    opened = []

    def load(script=""):
        opened.append(browser.new_context(viewport={"width": 1280, "height": 1400}))
        page = opened[-1].new_page()
        page.add_init_script(script)
        return lab.load(page)

    yield load
    for context in opened:
        context.close()


@pytest.fixture
def page(loaded_page):
    """The page, for one test, which fails on a script's error."""
    faults = []

    def note(error):
        faults.append(error)

    loaded_page.on("pageerror", note)
    yield loaded_page
    loaded_page.remove_listener("pageerror", note)
    assert not [fault for fault in faults if JUPYTERS_OWN not in str(fault)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember whether any part of a test failed, for what is torn down after it."""
    report = yield
    before = call.when != "setup" and item.stash.get(FAILED, False)
    item.stash[FAILED] = report.failed or before
    page = item.funcargs.get("page")
    if report.failed and page is not None and not page.is_closed():
        texts = page.locator(".iew").all_inner_texts()
        report.sections.append(("what the page shows", "\n---\n".join(texts)))
    return report


def portray(page, request):
    """Keep a picture of what is seen last."""
    ARTIFACTS.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "-", request.node.name)
    page.screenshot(path=str(ARTIFACTS / f"{name}.png"))


@pytest.fixture
def notebook(page, lab, request):
    """Return a function that opens a notebook with these cells; what is seen last is kept."""
    from lab import Notebook

    opened = []

    def open_notebook(*cells, kernel="python3"):
        name = f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())}-{len(opened)}.ipynb"
        lab.write(name, *cells, kernel=kernel)
        opened.append(Notebook(page, lab, name, kernel))
        return opened[-1].open()

    yield open_notebook
    if opened:
        portray(page, request)
    for each in opened:
        each.close()


@pytest.fixture
def setup(sandbox):
    """The cell that loads the extension and points it at the sandbox."""
    return (
        "%load_ext intercom_export_widgets\n"
        f"%config IntercomExport.base_url = '{sandbox.base_url}'\n"
        "%config IntercomExport.poll_interval = 0.2"
    )


@pytest.fixture(scope="session")
def warm_notebooks():
    """The notebooks whose kernels the next tests use, by the kernel's name."""
    return {}


@pytest.fixture
def warm_notebook(page, lab, warm_notebooks, request):
    """Return a function that gives a notebook with up to three cells, on a running kernel.

    A kernel takes longer to start than most of these tests to run: it goes from one that
    passed to the next, unless it was restarted, or a test is marked to have its own.
    """
    from lab import Notebook

    own = request.node.get_closest_marker("own_kernel")
    opened = []

    def give(*cells, kernel="python3"):
        cells += ("",) * (3 - len(cells))
        if kernel in warm_notebooks and not own:
            opened.append(warm_notebooks.pop(kernel).refill(*cells))
        else:
            name = f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())}.ipynb"
            lab.write(name, *cells, kernel=kernel)
            opened.append(Notebook(page, lab, name, kernel).open())
        return opened[-1]

    yield give
    if opened:
        portray(page, request)
    for book in opened:
        if own or book.restarted or request.node.stash[FAILED] or book.kernel in warm_notebooks:
            book.close()
        else:
            warm_notebooks[book.kernel] = book.put_away()


@pytest.fixture
def form(setup, warm_notebook):
    """The form in a notebook, once it knows whose workspace it is."""
    from playwright.sync_api import expect

    opened = warm_notebook(setup, "form = %intercom_export\nform", "print(form.first, form.last)")
    opened.run(0)
    opened.run(1)
    shown = opened.form(1)
    expect(shown.locator(".iew-workspace")).to_contain_text("Sandbox: synthetic data")
    shown.notebook = opened
    return shown
