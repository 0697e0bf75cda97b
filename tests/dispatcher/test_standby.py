"""A runner that stands ready serves no run that its unit of now would not serve."""

import socket
from contextlib import closing

import pytest
import role

from trigger import paths, run_protocol
from trigger.dispatcher import freshness, schedule
from trigger.dispatcher.cannot_start import CannotStart
from trigger.dispatcher.standby import Standby
from trigger.run_protocol import Message

INVOCATION = "0" * 32


class Unit:
    """A job's unit, as job_unit.JobUnit shows it: what lies in the files, and when systemd has read them."""

    def __init__(self, path):
        self.path = path
        self.generators = path.with_name("generator")
        self.generators.mkdir()
        self.write("1")
        self.reload()

    def write(self, text):
        draft = self.path.with_name("draft")
        draft.write_text(text)
        draft.rename(self.path)

    def reload(self):
        """As systemd does: what generators made is removed, and made anew."""
        self.generators.rename(self.generators.with_name("before"))
        self.generators.mkdir()
        self.generators.with_name("before").rmdir()

    def is_latest(self, invocation):
        return invocation == INVOCATION


@pytest.fixture
def unit(tmp_path, monkeypatch):
    monkeypatch.setattr(freshness, "_UNITS", (str(tmp_path),))
    monkeypatch.setattr(freshness, "_READ", (f"{tmp_path}/generator.early", f"{tmp_path}/generator"))
    return Unit(tmp_path / paths.Units("a").job)


@pytest.fixture
def standby(tmp_path, unit, monkeypatch):
    """Whose runner greets when it is asked for."""
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path))
    endpoint = role.endpoint()
    made = Standby(endpoint, unit, CannotStart(str(tmp_path / "mark"), print, print), print)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as listening:
        listening.bind(endpoint.run_socket_path)
        listening.listen()
        made.runners = []

        def ask():
            made.ask(endpoint)
            runner, _ = listening.accept()
            made.runners.append(runner)
            runner.send(Message(run_protocol.IDLE, invocation=INVOCATION).encode())
            made.hear(list)

        def state():
            return made.state(endpoint, waits=True)

        yield made, ask, state
        for runner in made.runners:
            runner.close()


def test_one_that_began_before_systemd_had_read_its_new_unit_is_not_used_after_that(unit, standby):
    _, ask, state = standby
    unit.write("2")
    ask()
    assert state() == schedule.IDLE  # systemd would start no other
    unit.reload()
    assert state() == schedule.STALE


def test_one_that_began_before_its_unit_was_written_is_not_used(unit, standby):
    _, ask, state = standby
    ask()
    assert state() == schedule.IDLE
    unit.write("2")
    assert state() == schedule.STALE


def test_one_is_used_as_long_as_nothing_changes(unit, standby):
    made, ask, state = standby
    for _ in range(3):
        ask()
        assert state() == schedule.IDLE
        made.hand_over().close()
    unit.write("2")
    unit.reload()
    ask()
    assert state() == schedule.IDLE
