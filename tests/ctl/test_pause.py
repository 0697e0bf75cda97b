"""pause, drain and resume: what they do, and say, where not all is as usual."""

from types import SimpleNamespace

import pytest
from sights import MASKED, seen

from trigger import paths
from trigger.ctl import pause, systemd
from trigger.ctl.errors import FAILED, Failure

X = SimpleNamespace(name="x")


class Screen:
    as_json = False

    def __init__(self):
        self.said, self.noted = [], []
        self.say, self.note = self.said.append, self.noted.append


@pytest.fixture
def ordered(monkeypatch):
    """What systemd was told to do. It does nothing."""
    orders = []
    monkeypatch.setattr(systemd, "order", lambda *words: orders.append(words))
    monkeypatch.setattr(pause.wake, "wake", lambda _: None)
    monkeypatch.setattr(pause, "LOOK_EVERY", 0)
    return orders


@pytest.fixture
def looks(monkeypatch):
    """What is seen, one look after the other; the last one stays."""

    def show(*sights):
        left = list(sights)
        monkeypatch.setattr(pause, "_look", lambda _: left.pop(0) if left[1:] else left[0])

    return show


@pytest.mark.parametrize("unit", ["socket", "dispatch_socket", "timer"])
@pytest.mark.parametrize("paused", [True, False])
def test_resume_of_what_is_masked_tells_what_comes_first(looks, ordered, unit, paused):
    looks(seen(paused=paused, **{unit: MASKED}))
    name = getattr(paths.Units("x"), unit)
    with pytest.raises(Failure, match=f"`systemctl unmask {name}` comes first") as caught:
        pause.resume(X, Screen())
    assert caught.value.status == FAILED
    assert ordered == []
