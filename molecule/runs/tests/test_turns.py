"""When a run begins: debounce, exclusive, max_rate."""

import os
import time
from pathlib import Path

import pytest
from background import Background
from client import COARSE, PORTS, TOKEN, ask, do, fire, open_gate, seconds, told, wait_for_state
from host import (
    burst,
    field,
    is_active,
    journal,
    property_of,
    record_of,
    records,
    run,
    spooled,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
)

# debounce


NEARLY = 1 - COARSE  # of a second


def accepted(request):
    return seconds(told("calm", request)["accepted"])


def test_a_run_begins_when_no_further_request_has_come_for_a_while():
    """A second after the last of them, and one run serves them all."""
    for _ in range(5):  # on a machine that is busy just then they do not come quickly enough
        wait_until_idle("calm")
        requests = [fire("calm")]
        while time.time() < accepted(requests[0]) + 1.2:
            wait_until(lambda requests=requests: time.time() > accepted(requests[-1]) + 0.4)
            requests.append(fire("calm"))
        record = wait_for_record("calm", requests[-1])
        waited, in_all = (seconds(record["started"]) - accepted(end) for end in (requests[-1], record["requests"][0]))
        assert waited >= NEARLY or in_all >= 2.5 * NEARLY
        if record["requests"] == requests and waited < 2.4 and record["duration"] < 1:
            return
    raise AssertionError((requests, record, waited))


def test_requests_that_go_on_put_a_run_off_for_a_limited_time():
    wait_until_idle("calm")
    requests = [fire("calm")]
    while record_of("calm", requests[0]) is None and time.time() < accepted(requests[0]) + 30:
        requests.append(fire("calm"))
        wait_until(lambda: time.time() > accepted(requests[-1]) + 0.2)
    record = record_of("calm", requests[0])
    moments = [*map(accepted, record["requests"]), seconds(record["started"])]
    # On a machine that is busy just then there may have been a quiet second among them.
    has_been_quiet = any(later - earlier >= NEARLY for earlier, later in zip(moments, moments[1:]))
    assert has_been_quiet or moments[-1] - moments[0] >= 2.5 * NEARLY
    wait_for_record("calm", requests[-1])
    wait_until_idle("calm")


def test_what_waits_for_a_quiet_time_is_queued_and_survives_a_kill():
    wait_until_idle("calmer")
    request = fire("calmer")
    wait_until(lambda: is_active("trigger-dispatch@calmer.service"))
    now = told("calmer", request)
    assert (now["state"], now["position"]) == ("queued", 1)
    run("systemctl", "kill", "--signal=KILL", "trigger-dispatch@calmer.service")
    assert wait_for_record("calmer", request)["state"] == "succeeded"
    wait_until_idle("calmer")


# exclusive


def met(name):
    return Path(f"/var/lib/trigger/{name}/job/met").exists()


def test_endpoints_with_one_lock_never_run_at_the_same_time():
    """Each job also looks by itself whether it is alone."""
    for name in ("lock-a", "lock-b"):
        wait_until_idle(name)
    requests = [(name, fire(name, "alone", seconds="0.1")) for name in ("lock-a", "lock-b") * 4]
    spans = []
    for name, request in requests:
        record = wait_for_record(name, request, 60)
        assert record["state"] == "succeeded"
        spans.append((seconds(record["started"]), seconds(record["finished"])))
    spans.sort()
    assert all(earlier[1] <= later[0] + COARSE for earlier, later in zip(spans, spans[1:])), spans
    assert not met("lock-a")
    assert not met("lock-b")


def test_waiting_for_a_lock_is_not_the_runs_time():
    """lock-b may take ten seconds, and waits for longer."""
    first = fire("lock-a", "hold")
    wait_for_state("lock-a", first, "running")
    second = fire("lock-a", "alone")
    since = time.time()
    third = fire("lock-b", "alone")
    wait_until(lambda: "waiting for the lock stage" in journal("trigger-dispatch@lock-b.service", since))
    began_to_wait = time.time()
    wait_until(lambda: time.time() > began_to_wait + 10.5)
    now = told("lock-b", third)
    assert (now["state"], now["position"], now["started"]) == ("queued", 1, None)
    open_gate("lock-a")
    record = wait_for_record("lock-b", third, 60)
    assert record["state"] == "succeeded"
    assert seconds(record["started"]) >= seconds(record_of("lock-a", first)["finished"]) - COARSE
    assert wait_for_record("lock-a", second)["state"] == "succeeded"


@pytest.mark.parametrize("parts", [("run",), ("dispatch", "run")])
def test_a_lock_is_let_go_whatever_is_killed(parts):
    units = [f"trigger-{part}@lock-a.service" for part in parts]
    request = fire("lock-a", "hold")
    wait_for_state("lock-a", request, "running")
    waiting = fire("lock-b", "alone")
    wait_until(lambda: is_active("trigger-dispatch@lock-b.service"))
    assert told("lock-b", waiting)["state"] == "queued"
    run("systemctl", "kill", "--signal=KILL", "--kill-who=all", *units)
    assert wait_for_record("lock-b", waiting)["state"] == "succeeded"
    assert wait_for_record("lock-a", request)["state"] in ("failed", "interrupted")
    again = fire("lock-a", "alone")
    assert wait_for_record("lock-a", again)["state"] == "succeeded"


def test_a_run_that_waits_for_a_lock_can_be_killed_and_comes_again():
    held = fire("lock-a", "hold")
    wait_for_state("lock-a", held, "running")
    waiting = fire("lock-b", "alone")
    wait_until(lambda: is_active("trigger-dispatch@lock-b.service"))
    run("systemctl", "kill", "--signal=KILL", "trigger-dispatch@lock-b.service")
    open_gate("lock-a")
    assert wait_for_record("lock-b", waiting)["state"] == "succeeded"
    assert wait_for_record("lock-a", held)["state"] == "succeeded"


def test_a_lock_outlives_the_dispatcher_that_held_it():
    """As long as the job goes on for which it was taken; and the next dispatcher knows how that ends."""
    request = fire("lock-a", "hold")
    wait_for_state("lock-a", request, "running")
    waiting = fire("lock-b", "alone")
    wait_until(lambda: is_active("trigger-dispatch@lock-b.service"))
    run("systemctl", "kill", "--signal=KILL", "trigger-dispatch@lock-a.service")
    open_gate("lock-a")
    first, second = wait_for_record("lock-a", request), wait_for_record("lock-b", waiting)
    assert (first["state"], second["state"]) == ("succeeded", "succeeded")
    assert seconds(second["started"]) >= seconds(first["finished"]) - 0.1
    assert not met("lock-a") and not met("lock-b")


def test_a_job_with_a_lock_sees_nothing_of_it():
    request = fire("lock-a", "look")
    wait_for_record("lock-a", request)
    lines = ask("lock-a", f"/runs/{request}/output").body.decode().splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert "TRIGGER_REQUEST_ID" in names
    assert not names & {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET"}
    assert lines[-1].split() == ["0", "1", "2", "3"]


# max_rate: 3/15s


def rated(**headers):
    return ask("rated", "/", "POST", b"", **TOKEN, **headers)


def quiet_rate():
    """Wait until the endpoint takes three requests again."""
    wait_until(lambda: not _stamps() or time.time() > max(_stamps()) + 15)


def _stamps():
    try:
        return [float(line) for line in Path("/var/spool/trigger/rated/.rate").read_text().split()]
    except FileNotFoundError:
        return []


def test_more_than_max_rate_is_refused_until_it_says():
    quiet_rate()
    begun = time.time()
    assert [rated().status for _ in range(3)] == [200] * 3
    refused = rated()
    told_at = time.time()
    assert (refused.status, refused.headers["X-Request-Id"]) == (429, None)
    after = int(refused.headers["Retry-After"])
    assert 1 <= after <= 16
    # Also an acceptor that comes later knows.
    wait_until(lambda: property_of("trigger@rated.service", "ActiveState") == "inactive")
    if time.time() < begun + 14:
        assert rated().status == 429
    wait_until(lambda: time.time() >= told_at + after)
    assert rated().status == 200


def test_of_a_burst_no_more_than_the_rate_is_accepted():
    quiet_rate()
    wait_until_idle("rated")
    before = sum(len(record["requests"]) for record in records("rated"))
    message = f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {TOKEN['Authorization']}\r\n\r\n".encode()
    answers = burst(PORTS["rated"], 30, message)
    assert sorted(map(status, answers)) == [200] * 3 + [429] * 27
    assert all(field(answer, "Retry-After") for answer in answers if status(answer) == 429)
    wait_until(lambda: not spooled("rated"))
    assert sum(len(record["requests"]) for record in records("rated")) == before + 3


def test_what_comes_twice_does_not_count():
    quiet_rate()
    key = {"Idempotency-Key": os.urandom(8).hex()}
    ids = {rated(**key).headers["X-Request-Id"] for _ in range(6)}
    assert len(ids) == 1
    assert [rated().status for _ in range(3)] == [200, 200, 429]
    # The one that is known is answered even now.
    again = rated(**key)
    assert (again.status, {again.headers["X-Request-Id"]}) == (200, ids)


def test_what_is_refused_does_not_count():
    quiet_rate()
    for _ in range(4):
        assert ask("rated", "/?do=dance", "POST", b"", **TOKEN).status == 400
    assert [rated().status for _ in range(4)] == [200, 200, 200, 429]


# on_success, on_failure


def note(kind, request):
    """What a unit that was started after a run had in its environment."""
    path = Path(f"/run/note-{kind},{request}")
    wait_until(path.exists)
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_a_unit_is_started_when_a_run_has_succeeded():
    request = fire("told")
    seen = note("success", request)
    record = record_of("told", request)
    assert seen == {
        "TRIGGER_ENDPOINT": "told",
        "TRIGGER_RUN_ID": request,
        "TRIGGER_RUN_STATE": "succeeded",
        "TRIGGER_RUN_RESULT": "success",
        "TRIGGER_RUN_EXIT_CODE": "0",
        "TRIGGER_RUN_DURATION": str(record["duration"]),
        "TRIGGER_RUN_OUTPUT": f"/var/lib/trigger/told/runs/{request}.output",
    }
    assert Path(seen["TRIGGER_RUN_OUTPUT"]).read_text() == f"done {request}\n"
    assert not Path(f"/run/note-failure,{request}").exists()


def test_what_root_writes_for_a_run_is_nobody_elses():
    """The job of `told` has UMask=0000."""
    request = fire("told")
    note("success", request)
    wait_until_idle("told")
    for path, others in ((f"ended/{request}", 0o077), ("ended", 0o077), ("", 0o022)):
        status = os.stat(f"/run/trigger/{path}")
        assert (status.st_uid, status.st_mode & others) == (0, 0), path


def test_units_are_started_when_a_run_has_failed():
    for name, what, state in (
        ("told", "fail", "failed"),
        ("told", "die", "failed"),
        ("told-brief", "hang", "timed-out"),
    ):
        wait_until(lambda: property_of("note-any.service", "ActiveState") in ("inactive", "failed"))
        Path("/run/note-any,").unlink(missing_ok=True)
        request = fire(name, what)
        seen = note("failure", request)
        assert (seen["TRIGGER_RUN_ID"], seen["TRIGGER_RUN_STATE"]) == (request, state)
        assert seen.get("TRIGGER_RUN_EXIT_CODE") == ("3" if what == "fail" else None)
        wait_until(Path("/run/note-any,").exists)
        assert not Path(f"/run/note-success,{request}").exists()


def test_no_unit_is_started_when_somebody_has_stopped_a_run():
    wait_until_idle("told")
    Path("/run/note-any,").unlink(missing_ok=True)
    request = fire("told", "hold")
    wait_until(lambda: ask("told", f"/runs/{request}/output").body)
    run("systemctl", "stop", "trigger-run@told.service")
    wait_for_state("told", request, "cancelled")
    # What follows the next run has come, so what would have followed this one has, too.
    note("success", fire("told"))
    assert not Path("/run/note-any,").exists()
    assert not list(Path("/run").glob(f"note-*{request}"))


def test_units_are_started_once_when_a_job_cannot_start():
    """After ten seconds. Its request waits, and is served after the repair."""
    wait_until_idle("told")
    job = Path("/usr/local/lib/trigger/jobs/told")
    job.rename(job.with_name("away"))
    try:
        request = fire("told")
        seen = note("failure", request)
        assert (seen["TRIGGER_RUN_ID"], seen["TRIGGER_RUN_STATE"]) == (request, "cannot-start")
        told_of = Path(f"/run/note-failure,{request}")
        told_of.unlink()
        assert spooled("told") == [request]
    finally:
        job.with_name("away").rename(job)
    assert wait_for_record("told", request)["state"] == "succeeded"
    assert note("success", request)["TRIGGER_RUN_STATE"] == "succeeded"
    assert not told_of.exists()
    assert not Path("/run/trigger/told.cannot-start").exists()


def test_a_unit_that_is_not_there_disturbs_nothing():
    unit = Path("/etc/systemd/system/note-success@.service")
    text = unit.read_text()
    unit.unlink()
    run("systemctl", "daemon-reload")
    try:
        answer = Background(do, "told").result()
        assert (answer.status, answer.headers["X-Run-State"]) == (200, "succeeded")
        wait_until(lambda: f"after run {answer.headers['X-Request-Id']}" in journal("trigger-dispatch@told.service"))
        wait_until_idle("told")
    finally:
        unit.write_text(text)
        run("systemctl", "daemon-reload")
