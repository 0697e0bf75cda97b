"""A run whose runner's connection outlives it, and one that is found by another dispatcher."""

from contextlib import closing
from types import SimpleNamespace

import pytest
from run_files import SECOND, request_id

from trigger import counts, records, run_protocol
from trigger.dispatcher import on_end, recovery, schedule, systemd_bus, watch
from trigger.dispatcher.claims import Claims
from trigger.dispatcher.job_unit import Activation
from trigger.dispatcher.recorder import Recorder
from trigger.run_protocol import Message

ID = request_id(SECOND)
INVOCATION, ANOTHER = "0" * 32, "1" * 32


class Unit:
    """A job's unit, as job_unit.JobUnit shows it."""

    def __init__(self, active="active", sub="running", invocation=INVOCATION, **properties):
        self.active, self.sub, self.invocation = active, sub, invocation
        self.known = {"Result": "success", "ExecMainCode": 0, "ExecMainStatus": 0, "NRestarts": 0, **properties}
        self.orders = []

    def activation(self):
        return Activation(self.active, self.sub, bytes.fromhex(self.invocation))

    def properties(self, *names):
        known = {"ActiveState": self.active, **self.known}
        return [known[name] for name in names]

    def stopped_for(self):
        return "order"

    def stop(self):
        self.orders.append("stop")

    def end(self, **properties):
        self.active, self.sub = "failed", "failed"
        self.known.update(properties)


class Link:
    """A connection that stays open whatever becomes of the runner, as somebody else has got it."""

    def __init__(self, *said):
        self.said = list(said)
        self.is_closed = False

    def messages(self):
        while self.said:
            yield self.said.pop(0)

    def noted(self, run_id, state):
        pass

    def close(self):
        self.is_closed = True


@pytest.fixture
def watched(endpoint, monkeypatch):
    """Makes a Watch over a run that was handed over."""
    monkeypatch.setattr(watch, "LOOK_STOPPED", 0.0)
    monkeypatch.setattr(watch, "SILENCE", 0.0)
    settings = endpoint(timeout="1h")
    for where in (settings.spool, settings.claimed):
        with open(f"{where}/{ID}", "w"):
            pass
    with closing(Claims(settings)) as claims:
        claims._write(".outcome", "")
        claims._write(".invocation", INVOCATION)

        def make(*said, timeout=3600.0):
            settings.timeout = timeout
            run = watch.Run([ID], INVOCATION, handed=True)
            made = watch.Watch(run, Link(*said), settings, Unit(), standby, recorder)
            made.hear()
            return made

        met = []
        standby = SimpleNamespace(
            retry_later=lambda: None,
            ask_ahead=lambda _: None,
            ask_again=lambda: None,
            cannot_start=SimpleNamespace(over=lambda: None, met=lambda *told: met.append(told)),
            departure=SimpleNamespace(expect=lambda _: None),
        )
        make.met, make.claims, make.endpoint = met, claims, settings
        recorder = Recorder(settings, claims, None, lambda line: None)
        yield make


def follow(made):
    """Until the run is over. Each step is one in which something happens."""
    for _ in range(10):
        if made.is_over:
            return
        made.follow()
    raise AssertionError("it goes on for ever")


BEGAN = Message(run_protocol.BEGAN, ID, since=0)
ENDED = Message(run_protocol.ENDED, ID, since=0, code=run_protocol.EXITED, status=0)


def test_behind_an_order_to_stop_the_next_runner_may_say_that_it_is_another(watched, monkeypatch):
    """It takes the connection that waits, and would find nobody there."""
    monkeypatch.setattr(watch, "LOOK_STOPPED", 60.0)
    for wants_it in (lambda made: made.follow(), lambda made: made.cancel()):
        made = watched(BEGAN, timeout=1.0)
        made._unit.invocation = ANOTHER
        made._looked_at = float("-inf")  # it has gone on for long
        wants_it(made)
        assert made.follow() > 0 and not made.link.is_closed


def test_one_that_is_recorded_and_not_kept_is_counted_once(watched, tmp_path, monkeypatch):
    """While systemd starts no unit, each dispatcher comes by."""
    monkeypatch.setattr(on_end, "DIRECTORY", str(tmp_path / "ended"))
    watched.endpoint.keep_runs, watched.endpoint.metrics, watched.endpoint.on_failure = 0, True, ["tell@.service"]
    made = watched(BEGAN)

    def refuse(_):
        raise systemd_bus.NotNow("it goes down")

    made._recorder._start_unit = refuse
    made._unit.end(Result="exit-code", ExecMainCode=run_protocol.EXITED, ExecMainStatus=99)
    for _ in range(4):
        with pytest.raises(systemd_bus.NotNow):
            follow(made)
    counted = counts.read(watched.endpoint.run_counts)
    assert sum(counted.get(state, 0) for state in records.STATES) == 1


def test_no_run_outlasts_its_time_by_its_connection(watched):
    made = watched(BEGAN, timeout=1.0)
    link, unit = made.link, made._unit
    made.follow()
    assert unit.orders == ["stop"] and made.run.overtime and not link.is_closed
    assert made.follow() < schedule.FOREVER  # it has yet to end, and that is looked at
    unit.end(Result="timeout", ExecMainCode=run_protocol.KILLED, ExecMainStatus=9)
    follow(made)
    assert link.is_closed and records.read(watched.endpoint, ID)["state"] == "timed-out"
    assert unit.orders == ["stop"]


def test_nor_its_being_cancelled(watched):
    made = watched(BEGAN, timeout=None)
    made.cancel()
    assert made.follow() < schedule.FOREVER
    made._unit.end(ExecMainCode=run_protocol.KILLED, ExecMainStatus=15)
    follow(made)
    assert records.read(watched.endpoint, ID)["state"] == "cancelled"


def test_nor_the_end_of_its_unit_whoever_has_ended_it(watched):
    """An administrator, or triggerctl."""
    made = watched(BEGAN, timeout=None)
    made._unit.end(Result="signal", ExecMainCode=run_protocol.KILLED, ExecMainStatus=9)
    follow(made)
    assert records.read(watched.endpoint, ID)["state"] == "failed"


def test_what_the_runner_said_before_its_unit_ended_counts(watched):
    made = watched(BEGAN, timeout=None)
    made.link.said.append(ENDED)
    made._unit.end()
    follow(made)
    assert records.read(watched.endpoint, ID)["state"] == "succeeded"


def test_one_that_has_not_begun_waits_again(watched):
    made = watched()
    made.follow()
    assert made._unit.orders == ["stop"]
    made._unit.end(Result="signal", ExecMainCode=run_protocol.KILLED, ExecMainStatus=9)
    follow(made)
    assert watched.claims.waiting() == [ID] and watched.claims.ids() == []
    assert watched.met


# Found by another dispatcher


@pytest.mark.parametrize(
    ("known", "found", "state"),
    [
        ({}, recovery.NOT_BEGUN, None),
        ({"overtime": True}, recovery.ENDED, "timed-out"),
        ({"began": True}, recovery.ENDED, "interrupted"),
        ({"began": True, "overtime": True}, recovery.ENDED, "timed-out"),
    ],
)
def test_no_run_that_may_have_begun_is_repeated_because_its_unit_was_started_again(watched, known, found, state):
    made = watched()
    for name, value in known.items():
        setattr(made.run, name, value)
    unit = Unit("activating", "auto-restart", ANOTHER, NRestarts=1)
    what, how = recovery.find(made.run, False, unit, made._recorder)
    assert what == found
    assert state is None or how(False)["state"] == state
