"""How a run ended: what the runner says, and what is known besides."""

import pytest

from trigger.dispatcher import outcome
from trigger.run_protocol import DUMPED, EXITED, KILLED

TERM, KILL, SEGV = 15, 9, 11


@pytest.mark.parametrize(
    ("code", "status", "known", "state", "result"),
    [
        (EXITED, 0, {}, "succeeded", "success"),
        (EXITED, 3, {}, "failed", "exit-code"),
        (KILLED, KILL, {}, "failed", "signal"),
        (DUMPED, SEGV, {}, "failed", "core-dump"),
        # Nobody has asked it to stop: a signal of the job's own.
        (KILLED, TERM, {}, "failed", "signal"),
        (KILLED, TERM, {"stopped": "order"}, "cancelled", "signal"),
        (EXITED, 143, {"stopped": "order"}, "cancelled", "exit-code"),
        # It has ended well, whoever was about to stop it.
        (EXITED, 0, {"stopped": "order"}, "succeeded", "success"),
        (KILLED, TERM, {"stopped": "shutdown"}, "interrupted", "signal"),
        (EXITED, 0, {"cancelled": True}, "cancelled", "success"),
        (KILLED, TERM, {"cancelled": True, "stopped": "order"}, "cancelled", "signal"),
        (EXITED, 0, {"overtime": True}, "timed-out", "timeout"),
        (KILLED, TERM, {"overtime": True, "stopped": "order"}, "timed-out", "timeout"),
        (KILLED, KILL, {"result": "oom-kill"}, "failed", "oom-kill"),
    ],
)
def test_the_end_of_a_job(code, status, known, state, result):
    found = outcome.of_job(code, status, **known)
    assert (found["state"], found["result"]) == (state, result)
    assert (found["exit_code"] is None) == (code != EXITED)
    assert (found["signal"] is None) == (code == EXITED)


@pytest.mark.parametrize(
    ("result", "code", "status", "known", "state"),
    [
        ("signal", KILLED, KILL, {}, "failed"),
        ("timeout", KILLED, KILL, {"stopped": "order"}, "cancelled"),
        ("timeout", KILLED, KILL, {"stopped": "order", "overtime": True}, "timed-out"),
        ("oom-kill", KILLED, KILL, {}, "failed"),
        # A runner that leaves without a word has told of no success.
        ("success", EXITED, 0, {}, "failed"),
        ("success", 0, 0, {}, "failed"),
    ],
)
def test_the_end_of_a_runner_that_told_nothing(result, code, status, known, state):
    assert outcome.of_lost_runner(code, status, result=result, **known)["state"] == state


@pytest.mark.parametrize(
    ("code", "status", "cancelled", "state"),
    [
        (EXITED, 98, False, "succeeded"),
        (EXITED, 98, True, "cancelled"),
        (EXITED, 99, False, "interrupted"),
        (EXITED, 99, True, "cancelled"),
        (KILLED, KILL, False, "interrupted"),
    ],
)
def test_the_end_of_a_runner_that_nobody_has_heard(code, status, cancelled, state):
    assert outcome.of_unheard(code, status, cancelled)["state"] == state


@pytest.mark.parametrize(
    ("cancelled", "overtime", "state"),
    [
        (False, False, "interrupted"),
        (False, True, "timed-out"),
        (True, False, "cancelled"),
        (True, True, "cancelled"),
    ],
)
def test_the_end_that_nobody_knows(cancelled, overtime, state):
    assert outcome.of_unknown(cancelled, overtime)["state"] == state


def test_who_was_asked_to_end():
    assert outcome.is_asked("success", KILLED, TERM)
    assert not outcome.is_asked("success", EXITED, 0)
    assert not outcome.is_asked("success", KILLED, 1)  # which systemd takes for a clean end, and sends to nobody


def test_the_names_of_signals():
    assert [outcome.signal_name(number) for number in (9, 15, 34, 36, 99)] == ["KILL", "TERM", "RTMIN", "RTMIN+2", "99"]
