"""triggerctl, when it waits for the end of a run."""

from types import SimpleNamespace

import pytest
from page_host import SECOND, claim, prints, queue, record, request_id

from trigger import runs
from trigger.ctl import fire, logs, status
from trigger.ctl.errors import FAILED, Failure
from trigger.ctl.follow import follow

ONE = request_id(SECOND)


@pytest.fixture
def forgetful(host, monkeypatch):
    """An endpoint that keeps no records, with a run under way that has printed something."""
    made = host.put(keep_runs=0)
    queue(made, ONE)
    claim(made, ONE)
    prints(made, b"printed\n")
    monkeypatch.setattr(status, "load", lambda _: made)
    return made


class Screen:
    """The run ends as soon as somebody has read what it printed."""

    as_json = False

    def __init__(self, endpoint):
        self.read, self.noted = [], []
        self.note = self.noted.append
        self._endpoint = endpoint

    def output(self, part):
        self.read.append(part)
        record(self._endpoint, ONE)


COMMANDS = {
    "follow": lambda made, screen: follow(runs.Runs(made), ONE, screen.output),
    "fire --wait": lambda made, screen: fire._wait(made, ONE, float("inf"), screen),
    "logs --follow": lambda made, screen: logs.logs(
        SimpleNamespace(name="hello", id=ONE, all=False, lines=None, follow=True), screen
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_of_which_nothing_is_kept(forgetful, command):
    screen = Screen(forgetful)
    with pytest.raises(Failure, match=f"^{ONE} is no longer known: keep_runs or keep_for let it go$") as caught:
        COMMANDS[command](forgetful, screen)
    assert caught.value.status == FAILED
    assert screen.read == [b"printed\n"]
    assert not [text for text in screen.noted if "running" in text or "succeeded" in text]


def test_a_run_that_was_over_before_the_first_look(forgetful):
    record(forgetful, ONE)
    with pytest.raises(Failure, match="is no longer known"):
        follow(runs.Runs(forgetful), ONE, bytes)
