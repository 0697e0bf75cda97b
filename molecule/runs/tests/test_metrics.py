"""trigger.prom tells what the tests did."""

import contextlib
import os
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import metrics
import pytest
from background import Background
from client import TOKEN, ask, do, fire, open_gate, wait_for_state
from host import property_of, record_of, run, spooled, wait_until, wait_until_idle

PROMTOOL = "/root/prometheus/usr/bin/promtool"
NAMES = ("act", "brief", "hook", "much")


@pytest.fixture
def before():
    for name in NAMES:
        wait_until_idle(name)
    do("act")
    wait_until(metrics.FILE.exists)
    settle()
    return metrics.read()


def settle():
    """Wait until what has been counted is told."""
    for name in NAMES:
        wait_until_idle(name)
    wait_until(lambda: property_of("trigger-metrics.service", "ActiveState") == "inactive")


def wait_for_growth(before, expected):
    """Wait until each sample has grown by what is expected: dict of (metric, endpoint, label) to int."""

    def grown():
        return {key: metrics.growth(before, *key) for key in expected}

    deadline = time.monotonic() + 30
    while grown() != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert grown() == expected


def test_runs_are_counted_by_result(before):
    answers = [do("act", what) for what in ("succeed", "succeed", "fail", "die")]
    do("brief", "hang")
    wait_for_growth(
        before,
        {
            ("trigger_requests_accepted_total", "act", None): 4,
            ("trigger_requests_accepted_total", "brief", None): 1,
            ("trigger_runs_total", "act", "succeeded"): 2,
            ("trigger_runs_total", "act", "failed"): 2,
            ("trigger_runs_total", "act", "timed-out"): 0,
            ("trigger_runs_total", "brief", "timed-out"): 1,
            ("trigger_runs_total", "act", "cancelled"): 0,
        },
    )
    taken = [record_of("act", answer.headers["X-Request-Id"]) for answer in answers]
    seconds = metrics.growth(before, "trigger_run_seconds_total", "act")
    assert abs(seconds - sum(record["duration"] for record in taken)) < 0.01
    success = metrics.read()["trigger_last_success_timestamp_seconds", "act", None]
    finished = datetime.strptime(taken[1]["finished"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    assert abs(success - finished.timestamp()) < 0.002


def test_requests_are_counted_by_what_became_of_them(before):
    def call(**headers):
        return ask("hook", "/hook", "POST", b"", **headers).status

    key = {"Idempotency-Key": os.urandom(8).hex()}
    assert [call(**TOKEN, **key) for _ in range(3)] == [200] * 3
    assert call(**TOKEN, **{"X-Skip": "yes"}) == 200
    assert call(**TOKEN, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert [call() for _ in range(2)] == [401] * 2
    assert ask("hook", "/hook?do=dance", "POST", b"", **TOKEN).status == 400
    assert ask("hook", "/hook").status == 405
    assert ask("hook", "/", "POST", b"").status == 404
    wait_for_growth(
        before,
        {
            ("trigger_requests_accepted_total", "hook", None): 1,
            ("trigger_requests_repeated_total", "hook", None): 2,
            ("trigger_requests_ignored_total", "hook", None): 1,
            ("trigger_requests_refused_total", "hook", "bad-request"): 1,
            ("trigger_requests_refused_total", "hook", "unauthorized"): 2,
            ("trigger_requests_refused_total", "hook", "forbidden"): 1,
            ("trigger_requests_refused_total", "hook", "not-found"): 1,
            ("trigger_requests_refused_total", "hook", "method-not-allowed"): 1,
            ("trigger_runs_total", "hook", "succeeded"): 1,
        },
    )


def test_the_queue_is_told(before):
    """While a run goes on, the file is written anew whenever an acceptor leaves."""
    request = fire("much", "hold")
    wait_for_state("much", request, "running")
    others = [fire("much") for _ in range(2)]
    assert len(spooled("much")) == 3
    wait_until(lambda: metrics.read()["trigger_queue_length", "much", None] == 3)
    open_gate("much")
    wait_for_state("much", others[-1], "succeeded")
    wait_until(lambda: metrics.read()["trigger_queue_length", "much", None] == 0)


def test_looking_at_runs_counts_nothing(before):
    request = do("act").headers["X-Request-Id"]
    for _ in range(5):
        assert ask("act", f"/runs/{request}").status == 200
        assert ask("act", method="HEAD").status == 200
    wait_for_growth(before, {("trigger_requests_accepted_total", "act", None): 1})
    settle()
    assert metrics.growth(before, "trigger_requests_accepted_total", "act") == 1


def test_what_is_counted_is_told_in_the_end(before):
    """Also what was counted while the file was being written."""
    names = ("act", "crowd", "much")
    for number in range(1, 11):
        for calling in [Background(fire, name) for name in names]:
            calling.result()
        for name in names:
            wait_until_idle(name)
        wait_for_growth(before, {("trigger_runs_total", name, "succeeded"): number for name in names})


@pytest.mark.parametrize("left", ['{"accepted": NaN}', "[" * 60000, '{"accepted": %s}' % ("9" * 60000), "\0"], ids=len)
def test_whatever_an_acceptor_counts_the_others_numbers_go_on(before, left):
    counts = Path("/var/spool/trigger/hook/.counts")
    kept = counts.read_bytes() if counts.exists() else b"{}"
    counts.write_text(left)
    try:
        do("act")
        wait_for_growth(before, {("trigger_requests_accepted_total", "act", None): 1})
        settle()
        assert property_of("trigger-metrics.service", "Result") == "success"
    finally:
        counts.write_bytes(kept)


def test_an_acceptor_that_says_without_end_that_it_has_counted(before):
    """Root's program starts once a second for it, and the numbers go on."""
    written = {metrics.FILE.stat().st_mtime_ns}
    fifo = os.open("/var/spool/trigger/.metrics", os.O_WRONLY | os.O_NONBLOCK)

    def is_written_again():
        with contextlib.suppress(BlockingIOError):
            os.write(fifo, bytes(4096))
        written.add(metrics.FILE.stat().st_mtime_ns)
        return len(written) > 5

    try:
        wait_until(is_written_again, 60)
    finally:
        os.close(fifo)
    _, first, *others = sorted(written)
    assert others[-1] - first >= 3.9e9  # nanoseconds: four stays, whose stamps are coarse
    do("act")
    wait_for_growth(before, {("trigger_requests_accepted_total", "act", None): 1})


def test_everybody_may_read_the_file_and_nobody_else_write_it():
    status = metrics.FILE.stat()
    assert (status.st_mode & 0o7777, status.st_uid) == (0o644, 0)
    # No draft stays there: it may be written once more just now.
    wait_until(lambda: [path.name for path in metrics.FILE.parent.iterdir()] == ["trigger.prom"])


@pytest.mark.skipif(not os.path.exists(PROMTOOL), reason="prometheus is fetched on one of the hosts")
def test_promtool_finds_nothing_to_say():
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=metrics.FILE.read_bytes(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_directory_that_is_gone_is_told_and_mended():
    """Whoever removes it loses the metrics alone."""
    aside = metrics.FILE.parent.with_name("aside")
    metrics.FILE.parent.rename(aside)
    try:
        assert do("act").status == 200
        wait_until(lambda: property_of("trigger-metrics.service", "Result") != "success")
    finally:
        aside.rename(metrics.FILE.parent)
    before = metrics.read()
    do("act")
    wait_until(lambda: metrics.growth(before, "trigger_requests_accepted_total", "act") >= 1)
    run("systemctl", "reset-failed", "trigger-metrics.service")
