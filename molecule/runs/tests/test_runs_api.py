"""GET of runs: PATH/runs, PATH/runs/ID, PATH/runs/ID/output."""

import json
import os
import re

import pytest
from background import Background
from client import (
    ASYNC,
    COARSE,
    PORTS,
    TOKEN,
    UNKNOWN,
    ask,
    do,
    fire,
    open_gate,
    output_of,
    seconds,
    send,
    sign,
    told,
    wait_for_state,
)
from host import exchange, record_of, records, run, wait_for_record, wait_until, wait_until_idle

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def fire_hook(what="succeed", **parameters):
    answer = ask(
        "hook", "/hook", "POST", json.dumps({"do": what, **parameters}), Content_Type="application/json", **TOKEN
    )
    assert answer.status == 200, answer
    return answer.headers["X-Request-Id"]


@pytest.mark.parametrize(("name", "path", "base"), [("act", "/", "/runs/"), ("hook", "/hook", "/hook/runs/")])
def test_every_accepted_request_says_where_its_run_is_told_about(name, path, base):
    answer = ask(name, path, "POST", b"", **TOKEN, **ASYNC)
    request = answer.headers["X-Request-Id"]
    assert re.fullmatch(UUID, request)
    assert answer.headers["Location"] == base + request
    assert json.loads(ask(name, answer.headers["Location"]).body)["id"] == request


def test_a_request_that_starts_nothing_has_no_location():
    for answer in (ask("act", method="HEAD"), ask("act", "/?do=dance"), ask("act", "/elsewhere")):
        assert (answer.headers["Location"], answer.headers["X-Request-Id"]) == (None, None)


def test_a_request_is_queued_then_running_then_succeeded():
    first = fire("act", "hold")
    second, third = fire("act", "hold"), fire("act")
    running = wait_for_state("act", first, "running")
    assert (running["run"], running["position"], running["finished"]) == (first, None, None)
    assert seconds(running["accepted"]) <= seconds(running["started"]) + COARSE
    for request, position in ((second, 1), (third, 2)):
        queued = told("act", request)
        assert (queued["state"], queued["position"], queued["run"]) == ("queued", position, None)
    open_gate("act")
    ended = wait_for_state("act", third, "succeeded")
    assert (ended["result"], ended["exit_code"], ended["signal"], ended["run"]) == ("success", 0, None, third)
    assert seconds(ended["accepted"]) <= seconds(ended["started"]) + COARSE
    assert ended["started"] <= ended["finished"]
    assert told("act", first)["state"] == told("act", second)["state"] == "succeeded"
    assert ended == {**ended, **{key: record_of("act", third)[key] for key in ("started", "finished", "duration")}}


def test_a_run_that_failed():
    request = fire("act", "fail")
    ended = wait_for_state("act", request, "failed")
    assert (ended["result"], ended["exit_code"], ended["signal"]) == ("exit-code", 3, None)
    assert output_of("act", request) == b"out\nerr\n"


def test_a_run_that_died_of_a_signal():
    ended = wait_for_state("act", fire("act", "die"), "failed")
    assert (ended["result"], ended["exit_code"], ended["signal"]) == ("signal", None, "KILL")


def test_a_run_that_took_too_long():
    request = fire("brief", "hang")
    ended = wait_for_state("brief", request, "timed-out")
    assert (ended["result"], ended["exit_code"]) == ("timeout", None)
    assert ended["duration"] >= 8
    assert output_of("brief", request) == b"hanging\n"


def test_a_run_that_somebody_stopped():
    request = fire("crowd", "hold")
    wait_for_state("crowd", request, "running")
    wait_until(lambda: output_of("crowd", request))
    run("systemctl", "stop", "trigger-run@crowd.service")
    assert wait_for_state("crowd", request, "cancelled")["signal"] == "TERM"


def cancel(request):
    return ask("hook", f"/hook/runs/{request}", "DELETE", **TOKEN)


def test_a_run_is_cancelled_by_delete_and_so_is_a_request_that_waits():
    running, waiting, following = fire_hook("hold"), fire_hook(), fire_hook()
    wait_for_state("hook", running, "running", base="/hook")
    wait_until(lambda: output_of("hook", running, base="/hook"))
    answer = cancel(waiting)
    assert (answer.status, json.loads(answer.body)["state"]) == (202, "queued")
    assert wait_for_state("hook", waiting, "cancelled", base="/hook")["started"] is None
    assert told("hook", running, base="/hook")["state"] == "running"
    assert cancel(running).status == 202
    assert wait_for_state("hook", running, "cancelled", base="/hook")["signal"] == "TERM"
    wait_for_state("hook", following, "succeeded", base="/hook")
    assert cancel(running).status == cancel(waiting).status == 409
    wait_until(lambda: not [name for name in os.listdir("/var/spool/trigger/hook") if name.startswith(".cancel-")])


def test_who_brings_no_token_cancels_nothing():
    request = fire_hook("hold")
    wait_for_state("hook", request, "running", base="/hook")
    path = f"/hook/runs/{request}"
    assert ask("hook", path, "DELETE").status == 401
    assert ask("hook", path, "DELETE", Sec_Fetch_Site="cross-site", **TOKEN).status == 403
    assert ask("signed", f"/runs/{UNKNOWN}", "DELETE", **sign(b"")).status == 403
    assert told("hook", request, base="/hook")["state"] == "running"
    assert cancel(request).status == 202
    wait_for_state("hook", request, "cancelled", base="/hook")


def test_a_run_whose_end_nobody_saw_is_interrupted():
    """The dispatcher is killed, and all processes of the run before the next one looks."""
    wait_until_idle("crowd")
    request = fire("crowd", "hold")
    wait_for_state("crowd", request, "running")
    dispatcher, job = (f"trigger-{part}@crowd.service" for part in ("dispatch", "run"))
    run("systemctl", "kill", "--signal=STOP", dispatcher)  # it hears nothing more, and no other comes
    for unit in (job, dispatcher):
        run("systemctl", "kill", "--signal=KILL", "--kill-who=all", unit)
    wait_for_state("crowd", request, "interrupted")
    ended = told("crowd", request)
    assert (ended["state"], ended["exit_code"], ended["run"]) == ("interrupted", None, request)
    wait_until_idle("crowd")


def test_requests_that_one_run_serves_name_it():
    running = fire("crowd", "hold")
    wait_for_state("crowd", running, "running")
    others = [fire("crowd") for _ in range(3)]
    assert [told("crowd", request)["position"] for request in others] == [1, 2, 3]
    open_gate("crowd")
    for request in others:
        assert wait_for_state("crowd", request, "succeeded")["run"] == others[-1]
    outputs = {output_of("crowd", request) for request in others}
    assert outputs == {f"done {others[-1]}\n".encode()}
    assert told("crowd", running)["run"] == running


def test_requests_that_one_run_is_serving_name_it():
    running = fire("crowd", "hold")
    wait_for_state("crowd", running, "running")
    others = [fire("crowd", "hold", gate="second") for _ in range(2)]
    open_gate("crowd")
    for request in others:
        now = wait_for_state("crowd", request, "running")
        assert (now["run"], now["position"]) == (others[-1], None)
    open_gate("crowd", "second")
    wait_for_state("crowd", others[0], "succeeded")


@pytest.mark.parametrize(
    "what",
    [
        UNKNOWN,
        UNKNOWN + "/output",
        UNKNOWN.upper(),
        UNKNOWN[:-1],
        UNKNOWN + "0",
        UNKNOWN.replace("7", "4", 1),
        "/",
        ".",
        "../..",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%00",
        ".draft-1",
        UNKNOWN + "/",
        UNKNOWN + "/outputs",
        UNKNOWN + "/output/",
        UNKNOWN + "/../" + UNKNOWN,
        UNKNOWN + ".json",
    ],
)
def test_what_is_no_known_run_is_answered_404(what):
    answer = ask("act", "/runs/" + what)
    assert (answer.status, b"root:" in answer.body) == (404, False)


def test_a_known_run_is_told_under_its_right_name_alone():
    request = fire("act")
    wait_for_state("act", request, "succeeded")
    for wrong in (request.upper(), request + "/", request + "/outputs", request + "?/", request + ".json"):
        if wrong != request + "?/":
            assert ask("act", "/runs/" + wrong).status == 404
    for base in ("/hook/runs/", "/run/", "//runs/", "/runs//"):
        assert ask("act", base + request).status == 404


def test_the_runs_of_another_endpoint_are_not_told():
    request = fire("act")
    wait_for_state("act", request, "succeeded")
    for tail in ("", "/output", "/output?follow=1"):
        assert ask("crowd", f"/runs/{request}{tail}").status == 404
    waiting = [fire("act", "hold"), fire("act")]
    assert [ask("crowd", f"/runs/{request}").status for request in waiting] == [404, 404]
    open_gate("act")
    wait_for_state("act", waiting[1], "succeeded")


def test_runs_that_are_not_kept_any_more_are_not_told():
    requests = [do("kept").headers["X-Request-Id"] for _ in range(5)]
    wait_until(lambda: len(records("kept")) == 3)
    for request in requests[:2]:
        assert ask("kept", f"/runs/{request}").status == 404
        assert ask("kept", f"/runs/{request}/output?follow=1").status == 404
    assert [told("kept", request)["state"] for request in requests[2:]] == ["succeeded"] * 3


def test_a_list_needs_a_token_and_tells_the_newest_first():
    requests = [fire_hook() for _ in range(3)]
    for request in requests:
        wait_for_state("hook", request, "succeeded", base="/hook")
    held = [fire_hook("hold"), fire_hook()]
    wait_for_state("hook", held[0], "running", base="/hook")
    listed = json.loads(ask("hook", "/hook/runs?limit=5", **TOKEN).body)
    assert [item["id"] for item in listed] == [*held[::-1], *requests[::-1]]
    assert [item["state"] for item in listed] == ["queued", "running", *["succeeded"] * 3]
    for item in listed:
        assert item == told("hook", item["id"], "/hook")
    assert json.loads(ask("hook", "/hook/runs?limit=1", **TOKEN).body)[0]["id"] == held[1]
    open_gate("hook")
    wait_for_state("hook", held[1], "succeeded", base="/hook")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1e1", "99999", "%31", "+1"])
def test_a_limit_that_is_none(limit):
    assert ask("hook", "/hook/runs?limit=" + limit, **TOKEN).status == 400


def test_no_signature_opens_the_list():
    assert ask("hook", "/hook/runs", **sign(b"")).status == 401
    assert ask("hook", "/hook/runs").status == 401
    assert ask("hook", "/hook/runs", Authorization="Bearer " + "x" * 20).status == 401


def test_without_a_token_entry_there_is_no_list():
    answer = ask("signed", "/", "POST", b"", **sign(b""))
    assert answer.status == 200
    request = answer.headers["X-Request-Id"]
    assert wait_for_state("signed", request, "succeeded")["id"] == request
    assert ask("signed", "/runs", **sign(b"")).status == 403
    assert ask("act", "/runs").status == 403
    assert ask("act", "/runs", **TOKEN).status == 403


def test_a_signature_is_not_needed_either_for_what_the_id_opens():
    request = fire_hook("fail")
    wait_for_state("hook", request, "failed", base="/hook")
    assert output_of("hook", request, "/hook") == b"out\nerr\n"


def test_without_runs_api_nothing_is_told():
    answer = do("silent")
    request = answer.headers["X-Request-Id"]
    assert (answer.status, answer.headers["Location"], answer.headers["X-Run-State"]) == (200, None, "succeeded")
    for path in ("/runs", f"/runs/{request}", f"/runs/{request}/output"):
        assert ask("silent", path).status == 404


def test_runs_are_looked_at_whatever_the_methods_say():
    request = fire_hook()
    wait_for_state("hook", request, "succeeded", base="/hook")
    assert ask("hook", "/hook").status == 405
    path = f"/hook/runs/{request}"
    head, get = ask("hook", path, "HEAD"), ask("hook", path)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", get.headers["Content-Length"])
    for method in ("POST", "PUT", "OPTIONS"):
        answer = ask("hook", path, method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, DELETE")
    assert ask("hook", path, "DELETE").status == 401
    assert ask("hook", path, "DELETE", **TOKEN).status == 409
    assert len([record for record in records("hook") if request in record["requests"]]) == 1


def test_head_of_an_output_sends_none():
    request = fire("act", "orders")
    wait_for_state("act", request, "succeeded")
    path = f"/runs/{request}/output"
    message = f"HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    assert exchange(PORTS["act"], message).endswith(b"\r\n\r\n")
    head = ask("act", path, "HEAD")
    assert (head.status, head.headers["X-Run-State"], head.headers["X-Run-Exit-Code"]) == (200, "succeeded", "0")


def test_the_output_so_far():
    request = fire("act", "hold")
    wait_until(lambda: output_of("act", request) == b"begun\n")
    answer = ask("act", f"/runs/{request}/output")
    assert (answer.headers["X-Run-State"], answer.headers["X-Run-Exit-Code"]) == ("running", None)
    waiting = fire("act", "orders")
    assert output_of("act", waiting) == b""
    open_gate("act")
    wait_for_state("act", waiting, "succeeded")
    assert output_of("act", request) == b"begun\nended\n"


def follow(name, request, arrived):
    """Read an output to its end, and note what arrives."""
    connection, response = send(name, f"/runs/{request}/output?follow=1")
    assert response.status == 200
    while True:
        part = response.read1(65536)
        if not part:
            connection.close()
            return b"".join(arrived)
        arrived.append(part)


def test_output_can_be_followed_from_before_its_beginning_to_its_end():
    first = fire("act", "hold")
    second = fire("act", "hold", gate="second")
    wait_for_state("act", first, "running")
    first_arrived, second_arrived = [], []
    followers = [Background(follow, "act", first, first_arrived), Background(follow, "act", second, second_arrived)]
    wait_until(lambda: first_arrived == [b"begun\n"])
    assert told("act", first)["state"] == "running"
    assert second_arrived == []
    open_gate("act")
    assert followers[0].result() == b"begun\nended\n"
    wait_until(lambda: second_arrived == [b"begun\n"])
    assert followers[1].is_alive()
    open_gate("act", "second")
    assert followers[1].result() == b"begun\nended\n"


def test_a_run_that_prints_nothing_can_be_followed():
    request = fire("act", "alone", seconds="0.5")
    assert follow("act", request, []) == b""
    assert told("act", request)["state"] == "succeeded"


def test_a_follower_that_goes_away_disturbs_nothing():
    request = fire("crowd", "hold")
    wait_for_state("crowd", request, "running")
    for _ in range(20):
        send("crowd", f"/runs/{request}/output?follow=1")[0].close()
    open_gate("crowd")
    assert wait_for_record("crowd", request)["state"] == "succeeded"
    wait_until_idle("crowd")
