"""What a job sees, and what is written down about it."""

import json
import os
import re
import signal
import time
from pathlib import Path

from host import (
    exchange,
    journal,
    post,
    property_of,
    records,
    request_id,
    run,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_running,
)

UNIX = "/run/trigger/echo.sock"


def seen_by_echo(message):
    identifier = request_id(exchange(UNIX, message))
    assert wait_for_record("echo", identifier)["state"] == "succeeded"
    with open(f"/var/lib/trigger/echo/job/{identifier}.json") as file:
        return identifier, json.load(file)


def test_the_request_arrives_as_rfc_3875_says():
    identifier, seen = seen_by_echo(
        post(b"a=b", "/?x=%41&y=$HOME", ["Content-Type: text/csv", "Proxy: evil", "Authorization: Basic eDp5"])
    )
    environment = seen["environment"]
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "test",
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/",
        "PATH_INFO": "",
        "QUERY_STRING": "x=%41&y=$HOME",
        "REMOTE_ADDR": "",
        "CONTENT_TYPE": "text/csv",
        "CONTENT_LENGTH": "3",
        "TRIGGER_ENDPOINT": "echo",
        "TRIGGER_REQUEST_ID": identifier,
        "TRIGGER_REQUESTS": "1",
        "TRIGGER_SOURCE": "http",
    }
    assert {key: environment.get(key) for key in expected} == expected
    assert seen["stdin"] == "a=b"
    assert not [key for key in environment if key.startswith("HTTP_") or "eDp5" in environment[key]]


def test_the_environment_is_clean():
    _, seen = seen_by_echo(post(b""))
    allowed = re.compile(
        "PATH|LANG|LC_.*|HOME|LOGNAME|USER|SHELL|INVOCATION_ID|JOURNAL_STREAM|STATE_DIRECTORY|CREDENTIALS_DIRECTORY"
        "|SYSTEMD_EXEC_PID|MEMORY_PRESSURE_.*|GATEWAY_INTERFACE|SERVER_.*|REQUEST_METHOD|SCRIPT_NAME|PATH_INFO"
        "|QUERY_STRING|REMOTE_.*|TRIGGER_.*|PERCENT|DOLLAR|QUOTES|LINES|UNICODE|EMPTY"
    )
    assert [key for key in seen["environment"] if not allowed.fullmatch(key)] == []
    assert seen["descriptors"] == ["0", "1", "2", "3"]  # 3 is the directory that it lists


def test_the_signals_that_python_ignores_are_not_ignored_in_the_job():
    """Python ignores SIGPIPE and SIGXFSZ at its start, and what is ignored stays so over execve(2)."""
    since = time.time()
    wait_for_record("recipe", request_id(exchange(3000)))
    wait_until(lambda: "SigIgn" in journal("trigger-run@recipe.service", since))
    ignored = int(re.search(r"SigIgn:\s*([0-9a-f]+)", journal("trigger-run@recipe.service", since))[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_what_a_user_writes_arrives_as_written():
    _, seen = seen_by_echo(post(b""))
    assert seen["argv"] == ["--n=%n", "$HOME", "a b", "", "\"'\\", "é", "{x}", ";", "-"]
    environment = seen["environment"]
    assert environment["PERCENT"] == "100% %n %%"
    assert environment["DOLLAR"] == "$HOME ${HOME} $$"
    assert environment["QUOTES"] == "\"double\" 'single' \\ back\\slash"
    assert environment["LINES"] == "one\n\ttwo"
    assert environment["UNICODE"] == "é ☃"
    assert environment["EMPTY"] == ""
    assert seen["credentials"] == {"key": "s3cret with % and $ and \n a line"}
    description = property_of("trigger-run@echo.service", "Description")
    assert description == "100% \"quoted\" $HOME 'é' \\o/"


def test_a_body_of_any_size_arrives_on_standard_input():
    for size in (1, 65536, 65537, 1024 * 1024):
        body = os.urandom(1024) * (size // 1024) + b"x" * (size % 1024)
        assert seen_by_echo(post(body))[1]["stdin"] == body.decode("latin-1")


def test_a_job_that_hangs_is_stopped_with_all_its_processes():
    if os.path.exists("/var/lib/trigger/hanging/job/child"):
        os.unlink("/var/lib/trigger/hanging/job/child")
    identifier = request_id(exchange(3005))
    child = wait_until(lambda: _read("/var/lib/trigger/hanging/job/child"))
    os.kill(int(child), 0)
    record = wait_for_record("hanging", identifier)
    assert (record["state"], record["result"]) == ("timed-out", "timeout")
    assert not os.path.exists(f"/proc/{child.strip()}")
    for unit in ("trigger-dispatch@hanging.socket", "trigger-run@hanging.socket"):
        assert property_of(unit, "ActiveState") == "active"


def test_a_failed_job_is_recorded_with_its_exit_code():
    """226 is also what systemd says when it cannot make a sandbox. The job has run, so it runs once."""
    identifier = request_id(exchange(3007))
    record = wait_for_record("failing", identifier)
    assert (record["state"], record["exit_code"], record["signal"]) == ("failed", 226, None)
    wait_until_idle("failing")
    assert [r["requests"] for r in records("failing")].count([identifier]) == 1
    second = wait_for_record("failing", request_id(exchange(3007)))
    assert second["id"] != record["id"]


def test_a_job_that_was_stopped_is_recorded_as_cancelled():
    wait_until_idle("slow")
    identifier = request_id(exchange(3001))
    wait_until_running("slow", identifier)
    run("systemctl", "stop", "trigger-run@slow.service")
    assert wait_for_record("slow", identifier)["state"] == "cancelled"


def test_a_record_tells_what_systemd_knows():
    identifier = request_id(exchange(3000))
    record = wait_for_record("recipe", identifier)
    assert record["endpoint"] == "recipe"
    assert record["requests"][-1] == record["id"]
    assert (record["state"], record["result"], record["exit_code"]) == ("succeeded", "success", 0)
    for key in ("started", "finished"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record[key])
    told = ["journalctl", "--unit", "trigger-run@recipe.service", "--output", "json", "--no-pager"]
    wait_until(lambda: record["invocation_id"] in run(*told))


def test_started_with_nothing_pending_it_says_so_and_ends_well():
    wait_until_idle("recipe")
    before = len(records("recipe"))
    since = time.time()
    run("systemctl", "start", "trigger-run@recipe.service")
    wait_until(lambda: "nothing is pending" in journal("trigger-run@recipe.service", since))
    wait_until_idle("recipe")
    assert property_of("trigger-run@recipe.service", "Result") == "success"
    assert len(records("recipe")) == before


def test_a_claim_that_was_left_behind_is_looked_at_when_the_dispatchers_socket_starts():
    """As when the power went after a run was recorded and its request removed, and before its claim was."""
    identifier = request_id(exchange(3000))
    wait_for_record("recipe", identifier)
    wait_until_idle("recipe")
    run("systemctl", "stop", "trigger-dispatch@recipe.socket")
    claim = Path(f"/var/lib/trigger/recipe/claimed/{identifier}")
    claim.touch()
    run("systemctl", "start", "trigger-dispatch@recipe.socket")
    wait_until(lambda: not claim.exists())
    assert [record["state"] for record in records("recipe") if identifier in record["requests"]] == ["succeeded"]


def test_only_the_latest_records_are_kept():
    served = []
    for _ in range(4):
        served.append(request_id(exchange(3007)))
        wait_for_record("failing", served[-1])
        wait_until_idle("failing")
    assert [record["id"] for record in records("failing")] == served[-3:]


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""
