"""What the journal and the metrics are told of requests."""

import pytest
from message import message, parse

from trigger import counts, responses
from trigger.acceptor.access_log import AccessLog
from trigger.acceptor.exchange import Exchange


def exchange(status=200, outcome=None, peer=b"192.0.2.1", **fields):
    made = Exchange(peer)
    made.request = parse(message(**fields))[0]
    made.reply = responses.Reply(status, "told")
    made.outcome = outcome
    return made


def test_a_request_is_a_line_and_all_lines_are_written_together(capfd):
    log = AccessLog("a")
    log.say("<3>something else")
    log.answered(exchange(target="/x?secret"), 0.0123)
    assert capfd.readouterr().err == ""
    log.write()
    other, line = capfd.readouterr().err.splitlines()
    assert other == "<3>something else"
    assert (
        line == 'endpoint=a request=- peer=192.0.2.1 user=- auth=- method=POST path=/x status=200 reason="told" ms=12.3'
    )
    log.write()
    assert capfd.readouterr().err == ""


def test_what_came_without_a_head_is_a_line_too(capfd):
    log = AccessLog("a")
    made = Exchange()
    made.reply = responses.Reply(408, "the request did not arrive in time")
    log.answered(made, 10)
    log.write()
    line = capfd.readouterr().err
    assert "peer=unix" in line
    assert 'method=- path=- status=408 reason="the request did not arrive in time" ms=10000.0\n' in line


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (exchange(outcome="accepted"), {"accepted": 1}),
        (exchange(500, outcome="accepted"), {"accepted": 1}),  # whose run failed
        (exchange(outcome="ignored"), {"ignored": 1}),
        (exchange(503), {"refused 503": 1}),
        (exchange(200), {}),  # who only looks
    ],
)
def test_what_is_counted(tmp_path, told, counted):
    log = AccessLog("a", counts.Counts(str(tmp_path / "counts")))
    log.answered(told, 0)
    log.write(counts_too=True)
    assert counts.read(str(tmp_path / "counts")) == counted


def test_counts_that_cannot_be_written_are_told_at_the_end_too(tmp_path, capfd):
    log = AccessLog("a", counts.Counts(str(tmp_path / "gone" / "counts")))
    log.answered(exchange(outcome="accepted"), 0)
    log.write(counts_too=True)
    assert "<4>the counts for metrics cannot be written: " in capfd.readouterr().err
