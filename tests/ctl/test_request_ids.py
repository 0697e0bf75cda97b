"""Which request somebody means who types less than its id."""

import os

import pytest
from page_host import SECOND, claim, queue, record, request_id

from trigger import records, runs
from trigger.ctl import request_ids
from trigger.ctl.errors import UNKNOWN, Failure
from trigger.ctl.main import main
from trigger.dispatcher import history

# Of one run with three requests, of the present one, and of one that waits.
IDS = [request_id(SECOND + number, number) for number in range(5)]


@pytest.fixture
def endpoint(host):
    made = host.put()
    record(made, *IDS[:3])
    queue(made, *IDS[3:])
    claim(made, IDS[3])
    return made


def refused(endpoint, text):
    with pytest.raises(Failure) as caught:
        request_ids.find(endpoint, text)
    assert caught.value.status == UNKNOWN
    return str(caught.value)


@pytest.mark.parametrize("number", range(5))
def test_a_unique_begin_or_end_is_enough(endpoint, number):
    for text in (IDS[number], IDS[number][:-1], IDS[number][:14], IDS[number][1:]):
        if [each for each in IDS if each.startswith(text) or each.endswith(text)] == [IDS[number]]:
            assert request_ids.find(endpoint, text) == IDS[number]
    assert request_ids.find(endpoint, IDS[number][:18]) == IDS[number]


def test_the_last_is_the_newest(endpoint):
    assert request_ids.find(endpoint, "last") == IDS[4]


def test_the_last_is_no_garbage(endpoint):
    """Whose id may lie days ahead."""
    history.write_damaged(endpoint, request_id(SECOND + 86400), "it is empty")
    assert request_ids.find(endpoint, "last") == IDS[4]


def test_the_last_is_the_first_that_is_listed(endpoint):
    """Not the one with the greatest id, which may have lain ahead when the clock was set back since."""
    ahead = request_id(SECOND + 86400)
    record(endpoint, ahead)
    os.utime(records.path(endpoint, ahead), (SECOND, SECOND))  # two that come at once have the same stamp, and go by id
    assert request_ids.find(endpoint, "last") == IDS[4]
    for each in IDS[3:]:
        os.unlink(f"{endpoint.spool}/{each}")
    os.unlink(f"{endpoint.claimed}/{IDS[3]}")
    later = request_id(SECOND + 20)
    record(endpoint, later)
    assert request_ids.find(endpoint, "last") == later == runs.Runs(endpoint).latest(1)[0]["id"]


def test_more_than_one_are_told(endpoint):
    assert refused(endpoint, "000000").startswith("5 requests of hello begin or end with '000000': " + IDS[0])
    queue(endpoint, *(request_id(SECOND + number) for number in range(10, 13)))
    assert refused(endpoint, "0").endswith(", …")


@pytest.mark.parametrize("text", ["", "x", "LAST", "..", "00000000-", IDS[0][1:-1]])
def test_what_is_none_is_none(endpoint, text):
    assert refused(endpoint, text).startswith(f"hello has no request {text!r}")


def test_an_id_as_a_whole_is_left_to_who_looks_for_it(endpoint):
    assert request_ids.find(endpoint, request_id(1)) == request_id(1)


def test_without_requests_there_is_no_last_one(host):
    empty = host.put()
    assert "no request 'last'" in refused(empty, "last")
    with pytest.raises(Failure, match="no run yet"):
        request_ids.latest_run(empty)


def test_the_latest_run_is_no_request_that_waits(endpoint, host):
    assert request_ids.latest_run(endpoint) == IDS[3]
    record(endpoint, IDS[3])
    assert request_ids.latest_run(endpoint) == IDS[3]
    other = host.put("other")
    queue(other, IDS[0], IDS[1])
    assert request_ids.latest_run(other) == IDS[1]


def test_the_latest_run_is_the_one_under_way_and_then_the_one_that_ended_last(host):
    """With parameters, a run may go by an older id than the one that ended before it began."""
    made = host.put()
    first, other, second = (request_id(SECOND + number) for number in range(3))
    record(made, first, second)
    os.utime(records.path(made, second), (SECOND, SECOND))
    queue(made, other)
    assert request_ids.latest_run(made) == second
    claim(made, other)
    assert request_ids.latest_run(made) == other
    record(made, other)
    assert request_ids.latest_run(made) == records.last(made)["id"] == other
    assert request_ids.find(made, "last") == other


def test_what_has_not_run_is_the_latest_only_where_nothing_has(host):
    made = host.put()
    record(made, IDS[1], state="cancelled", exit_code=None, started=None)
    assert request_ids.latest_run(made) == IDS[1]
    record(made, IDS[0])
    assert request_ids.latest_run(made) == IDS[0]


@pytest.mark.parametrize(
    "arguments",
    [["cancel", "a"], ["cancel", "a", "b", "c"], ["runs", "a", "--lines", "1"], ["pause"], ["logs", "a", "-n", "0"]],
)
def test_a_wrong_call_is_told_the_usage_of_its_command(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"usage: triggerctl {arguments[0]} ")


def test_the_version_is_told_to_anybody(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("triggerctl 0.")
