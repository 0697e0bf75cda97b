"""Several clients fire, wait, stream, poll and cancel at once. Afterwards records, answers, runs API, journal,
triggerctl and metrics tell the same story."""

import collections
import json
import random
import re
import socket
import struct
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import metrics
import pytest
from background import Background
from client import (
    PORTS,
    TOKEN,
    acceptor_pid,
    ask,
    do,
    fire,
    open_gate,
    output_of,
    peak_memory,
    send,
    told,
    wait_for_state,
)
from host import connect, field, journal, property_of, record_of, records, run, wait_until, wait_until_idle

NAMES = ("act", "brief", "crowd", "stream", "much", "hook")
MEMORY = 40  # MiB
GIGABYTES = 120  # seconds for which a run may have to wait for those that print them
BEFORE = Path("/root/before.json")

# What is known of a request from its client: the states that may be true, and what its answer told, or None.
Known = collections.namedtuple("Known", "name request states answered")


def base(name):
    return "/hook" if name == "hook" else ""


def rest():
    """Wait until all is done and counted."""
    for name in NAMES:
        wait_until_idle(name)


# The clients: each is a function that returns a list of Known.


def waits(what, state, name="act"):
    answer = do(name, what)
    assert answer.status == (200 if state == "succeeded" else 500)
    return [Known(name, answer.headers["X-Request-Id"], (state,), answer.headers["X-Run-State"])]


def streams(what, state):
    connection, response = send("stream", f"/?do={what}")
    body = response.read()
    connection.close()
    word = re.fullmatch(rb"\[([a-z-]+),.* s\]", body.splitlines()[-1])[1].decode()
    return [Known("stream", response.headers["X-Request-Id"], (state,), word)]


def polls(what, state):
    """Declines to wait, and looks again and again."""
    request = fire("crowd", what)
    seen = [told("crowd", request)["state"]]
    while seen[-1] in ("queued", "running"):
        time.sleep(random.uniform(0, 0.05))
        seen.append(told("crowd", request)["state"])
    order = ["queued", "running", state]
    assert sorted(seen, key=order.index) == seen
    return [Known("crowd", request, (state,), seen[-1])]


def leaves():
    """Goes away while its run goes on. Its request is found by the answer that it does not wait for."""
    client = connect(PORTS["crowd"])
    client.sendall(b"GET /?do=succeed HTTP/1.1\r\nHost: a\r\n\r\n")
    client.close()
    return []


def writes():
    with_output = do("much", "gigabyte")
    assert with_output.status == 200
    request = with_output.headers["X-Request-Id"]
    assert output_of("much", request) == with_output.body
    return [Known("much", request, ("succeeded",), with_output.headers["X-Run-State"])]


def cancels():
    """One request before its turn, and one in the midst of its run."""
    running = fire("much", "hold")
    waiting = fire("much")
    known = []
    for request in (waiting, running):
        if request == running:
            wait_until(lambda: output_of("much", running) == b"begun\n", GIGABYTES)
        shown = json.loads(run("triggerctl", "cancel", "much", request, "--json"))
        known.append(Known("much", request, ("cancelled",), shown["state"]))
    return known


def kills():
    """All processes of a run at once."""
    request = fire("much", "hold")
    wait_until(lambda: output_of("much", request) == b"begun\n", GIGABYTES)
    run("systemctl", "kill", "--signal=KILL", "--kill-who=all", "trigger-run@much.service")
    state = wait_for_state("much", request, "failed", "interrupted")["state"]
    return [Known("much", request, ("failed", "interrupted"), state)]


def delivers():
    """The same three times; and what is ignored, and what is refused."""
    fields = {**TOKEN, "Idempotency-Key": "story-%d" % time.time_ns()}
    answers = [ask("hook", "/hook", "POST", b"", **fields) for _ in range(3)]
    assert ask("hook", "/hook", "POST", b"", **TOKEN, **{"X-Skip": "yes"}).status == 200
    assert ask("hook", "/hook?do=dance", "POST", b"", **TOKEN).status == 400
    (request,) = {answer.headers["X-Request-Id"] for answer in answers}
    return [Known("hook", request, ("succeeded",), None)]


def fires():
    """By root, on the host."""
    done = subprocess.run(
        ["triggerctl", "fire", "act", "--param", "do=fail", "--wait", "--json"], capture_output=True, check=False
    )
    run_of_it = json.loads(done.stdout)
    assert (done.returncode, run_of_it["exit_code"], run_of_it["output"]) == (1, 3, "out\nerr\n")
    return [Known("act", run_of_it["id"], ("failed",), run_of_it["state"])]


CLIENTS = [
    (waits, "succeed", "succeeded"),
    (waits, "succeed", "succeeded"),
    (waits, "fail", "failed"),
    (waits, "die", "failed"),
    (waits, "hang", "timed-out", "brief"),
    (waits, "fork", "succeeded"),
    *[(streams, "orders", "succeeded")] * 3,
    (streams, "fail", "failed"),
    *[(polls, "succeed", "succeeded")] * 6,
    (polls, "fail", "failed"),
    (leaves,),
    (writes,),
    (cancels,),
    (kills,),
    (delivers,),
    (fires,),
]


# What is compared.


@pytest.fixture
def before():
    """How things stand before a story, as JSON can hold it."""
    rest()
    do("act")
    rest()
    wait_until(lambda: metrics.FILE.exists() and _all_told())
    return {
        "time": time.time(),
        "metrics": [[*key, value] for key, value in metrics.read().items()],
        "records": {name: [record["id"] for record in records(name)] for name in NAMES},
    }


def _all_told():
    """Whether the file has what is counted: what comes later belongs to the story."""
    samples = metrics.read()
    for name in NAMES:
        for path, key, metric in (
            (f"/var/spool/trigger/{name}/.counts", "accepted", ("trigger_requests_accepted_total", name, None)),
            (f"/var/lib/trigger/{name}/counts", "succeeded", ("trigger_runs_total", name, "succeeded")),
        ):
            counted = json.loads(Path(path).read_text()).get(key, 0) if Path(path).exists() else 0
            if samples.get(metric, 0) != counted:
                return False
    return True


def compare(before, known, least_accepted, earlier=None):
    """Assert that all who know of the requests tell the same. earlier: what the journals had, where a reboot took it
    away (podman keeps /var/log/journal in memory), dict of unit to str."""
    earlier = earlier or {}
    since = before["time"]
    metrics_before = {tuple(key): value for *key, value in before["metrics"]}
    for name in NAMES:
        mine = {each.request: each for each in known if each.name == name}
        new = [record for record in records(name) if record["id"] not in before["records"][name]]
        by_request = {request: record for record in new for request in record["requests"]}
        # Nothing is lost, and nothing is there twice.
        assert set(mine) <= set(by_request)
        assert sum(len(record["requests"]) for record in new) == len(by_request)
        listed = {row["id"]: row for row in json.loads(run("triggerctl", "runs", name, "--limit", "100", "--json"))}
        messages, dispatcher, acceptor = (earlier.get(unit, "") + journal(unit, since) for unit in _units(name))
        for request, each in mine.items():
            record, shown = by_request[request], told(name, request, base(name))
            assert record["state"] in each.states
            assert each.answered in (None, record["state"])
            assert (shown["state"], shown["run"]) == (record["state"], record["id"])
            assert {**shown, **listed[request]} == shown
            for key in ("started", "finished", "duration", "exit_code", "signal", "result"):
                assert shown[key] == record.get(key)
        for record in new:
            # What was taken back has no run.
            words = re.findall(rf"run {record['id']} ([a-z-]+)", messages)
            if record["started"] is None:
                assert words == []
            elif record["state"] == "interrupted":
                assert words[0] == "begins"
                assert set(words[1:]) <= {"was", "interrupted"}  # the reboot may have taken the line away
            else:
                # Where all processes of a run were killed, so was its runner.
                assert words == ["begins", record["state"]] or (words == ["begins"] and record["signal"] == "KILL")
                assert re.findall(rf"run {record['id']} ([a-z-]+)$", dispatcher, re.MULTILINE) == [record["state"]]
        accepted = set(re.findall(r'request=([0-9a-f-]{36}) .* reason="(?:accepted|the run)', acceptor))
        assert accepted <= set(by_request)
        fired_here = {each.request for each in known if each.name == name} - accepted
        assert len(fired_here) <= 2, fired_here  # by triggerctl, or by a client whose line the restart took
        # What is counted is what happened.
        states = collections.Counter(record["state"] for record in new)
        expected = {("trigger_runs_total", name, state): states[state] for state in states}
        expected["trigger_queue_length", name, None] = 0
        wait_until_told(metrics_before, expected)
        seconds = metrics.growth(metrics_before, "trigger_run_seconds_total", name)
        assert abs(seconds - sum(record["duration"] or 0 for record in new)) <= 0.01 * len(new)
        grown = metrics.growth(metrics_before, "trigger_requests_accepted_total", name)
        assert grown == len(accepted) >= least_accepted.get(name, 0)
        succeeded = [record["finished"] for record in new if record["state"] == "succeeded"]
        if succeeded:
            stamp = datetime.strptime(max(succeeded), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
            assert abs(metrics.read()["trigger_last_success_timestamp_seconds", name, None] - stamp) < 0.002
    shown = {row["endpoint"]: row for row in json.loads(run("triggerctl", "list", "--json"))}
    for name in NAMES:
        latest = max(records(name), key=lambda record: record["finished"])
        assert (shown[name]["pending"], shown[name]["running"]) == (0, [])
        assert (shown[name]["last"]["id"], shown[name]["last"]["state"]) == (latest["id"], latest["state"])


def wait_until_told(before, expected):
    def grown():
        return {key: metrics.growth(before, *key) for key in expected}

    deadline = time.monotonic() + 30
    while grown() != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert grown() == expected


def test_everybody_tells_the_same_story(before):
    random.seed(4)
    played = [Background(*client) for client in random.sample(CLIENTS, len(CLIENTS))]
    peaks = collections.Counter()
    while any(each.is_alive() for each in played):
        for name in NAMES:
            pid = acceptor_pid(name)
            try:
                peaks[name] = max(peaks[name], peak_memory(pid)) if pid else peaks[name]
            except (FileNotFoundError, ProcessLookupError, TypeError):
                pass  # it has left
    known = [one for each in played for one in each.result()]
    assert len({each.request for each in known}) == len(known) == len(CLIENTS)
    assert 0 < max(peaks.values()) < MEMORY
    rest()
    compare(before, known, {"act": 5, "brief": 1, "stream": 4, "crowd": 7, "much": 4, "hook": 1})


def test_before_a_reboot(before):
    """Runs are under way, requests wait, and clients look on."""
    known = []
    for name in ("act", "crowd", "stream"):
        running = _accepted(name, "hold")
        if name != "act":
            wait_until(lambda name=name, running=running: told(name, running)["state"] == "running")
            known.append([name, running, ["interrupted"]])
            known += [[name, _accepted(name, "succeed"), ["succeeded"]] for _ in range(3)]
        else:
            open_gate("act")
            known.append([name, running, ["succeeded"]])
            known += [[name, _accepted(name, what), ["succeeded", "failed"]] for what in ("fail", "succeed")]
    wait_until_idle("act")
    # Then nothing that was counted is in a process's memory alone.
    for name in ("crowd", "stream"):
        wait_until(lambda name=name: property_of(f"trigger@{name}.service", "ActiveState") == "inactive")
    earlier = {unit: journal(unit, before["time"]) for name in NAMES for unit in _units(name)}
    for name in ("crowd", "stream"):
        _let_look_on(name, next(one for of, one, _ in known if of == name))
    BEFORE.write_text(json.dumps({**before, "known": known, "earlier": earlier}))


def _units(name):
    return tuple(f"trigger{part}@{name}.service" for part in ("-run", "-dispatch", ""))


def _accepted(name, what):
    """Have a request accepted without waiting; a stream is left at once, by a reset, which shows at once."""
    if name != "stream":
        return fire(name, what)
    with connect(PORTS[name]) as client:
        client.sendall(f"GET /?do={what} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        request = field(client.recv(65536), "X-Request-Id")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return request


def _let_look_on(name, request):
    """Have a client follow a run, who goes on when pytest ends, and goes himself when the acceptor has gone."""
    seen = Path(f"/root/seen-{name}")
    url = f"http://127.0.0.1:{PORTS[name]}/runs/{request}/output?follow=1"
    last = ["--unit", f"looks-on-{name}", "--property", f"Before=trigger@{name}.service"]
    run("systemd-run", *last, "curl", "--silent", "--no-buffer", "--output", seen, url)
    wait_until(lambda: seen.exists() and seen.read_text() == "begun\n")


def test_after_a_reboot():
    before = json.loads(BEFORE.read_text())
    known = [Known(name, request, tuple(states), None) for name, request, states in before["known"]]
    for each in known:
        wait_until(lambda each=each: record_of(each.name, each.request), 60)
    rest()
    compare(before, known, {"act": 3, "crowd": 4, "stream": 4}, before["earlier"])
    assert {told("crowd", each.request)["run"] for each in known if each.name == "crowd"} == {
        known_run(known, "crowd", 0),
        known_run(known, "crowd", 3),
    }


def known_run(known, name, index):
    return [each.request for each in known if each.name == name][index]
