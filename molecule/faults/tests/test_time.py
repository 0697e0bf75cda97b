"""The clock steps backwards and forwards, for the programs of one endpoint: libfaketime, never the machine's clock."""

import time
from pathlib import Path

import pytest
from endpoints import ENDPOINTS, paused, slow
from host import run, wait_until_idle, wait_until_running
from oracle import Oracle, look

OFFSET = Path("/var/lib/trigger/timed/offset")  # where the acceptor sees it, too
DAY = 24 * 3600
UNITS = ("trigger@timed.service", "trigger-dispatch@timed.service", "trigger-run@timed.service")


@pytest.fixture(autouse=True)
def faked():
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    variables = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": OFFSET,
        "FAKETIME_NO_CACHE": 1,
        # A step changes no stamp of a file that is there.
        "NO_FAKE_STAT": 1,
        # It leaves the monotonic clock alone; the name depends on the version.
        "DONT_FAKE_MONOTONIC": 1,
        "FAKETIME_DONT_FAKE_MONOTONIC": 1,
    }
    drop_ins = [Path("/run/systemd/system", unit + ".d", "time.conf") for unit in UNITS]
    step("+0")
    Path("/var/spool/trigger/timed/.rate").unlink(missing_ok=True)  # each test begins with the whole rate
    for path in drop_ins:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Service]\n" + "".join(f"Environment={key}={value}\n" for key, value in variables.items()))
    run("systemctl", "daemon-reload")
    yield
    wait_until_idle("timed")
    for path in drop_ins:
        path.unlink()
    OFFSET.unlink()
    run("systemctl", "daemon-reload")


def step(offset):
    OFFSET.write_text(offset + "\n")


def age(told):
    """For how many seconds a request has been there, as its id tells it (RFC 9562, section 5.7)."""
    return time.time() - int(told.request.replace("-", "")[:12], 16) / 1000


def test_the_clock_steps_while_requests_wait():
    """They run in the order in which they came, each once, and later ones are accepted at once."""
    oracle = Oracle("clock steps", "timed", **ENDPOINTS["timed"])
    with paused("timed"):
        for offset in ("+0", "-1d", "+1d", "-2h", "+0"):
            step(offset)
            oracle.faults += 1
            assert oracle.ask().code == 200
        assert age(oracle.told[2]) < -DAY / 2  # the clock has stepped indeed
    assert oracle.judge()["succeeded"] == 5


@pytest.mark.parametrize(("before", "behind"), [("+0", "+1d"), ("+0", "-1d"), ("+1d", "-1d")])
def test_the_clock_steps_during_a_run(before, behind):
    oracle = Oracle("clock steps", "timed", **ENDPOINTS["timed"])
    step(before)
    with slow():
        wait_until_running("timed", oracle.ask().request)
        step(behind)
        oracle.faults += 1
        assert oracle.ask().code == 200
    wait_until_idle("timed")
    durations = [record["duration"] for record in look("timed").records]
    assert min(durations) >= 0
    assert (max(durations) > DAY / 2) == (behind == "+1d")  # the clock has stepped indeed
    oracle.judge()


def test_what_was_noted_in_the_future():
    """The count of a rate shuts nobody out, and a delivery that was known stays known."""
    step("+1d")
    oracle = Oracle("clock steps", "timed", **ENDPOINTS["timed"])
    while oracle.ask().code == 200:
        pass
    assert oracle.told[-1].code == 429
    step("+0")
    oracle.faults += 1
    assert oracle.ask().code == 200
    first = oracle.told[0]
    assert oracle.ask(first.word) == first
    oracle.judge()
