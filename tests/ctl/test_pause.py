"""pause, drain and resume: what they do, and say, where not all is as usual."""

from types import SimpleNamespace

import pytest
from sights import DISABLED, FRESH, MASKED, OLD, STOPPED, seen

from trigger import paths
from trigger.ctl import pause, systemd
from trigger.ctl.errors import FAILED, OK, Failure

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


BUSY = {"claimed": [OLD], "job": {"ActiveState": "active"}}
WAITS_FOR_EVER = "x is paused, so the 1 request would wait for ever; `triggerctl resume x` comes first"


@pytest.mark.parametrize("later", [{"paused": True, "waiting": [OLD]}, {"paused": True, "waiting": [FRESH], **BUSY}])
@pytest.mark.parametrize("first", [{"paused": True}, {"waiting": [OLD]}, {"paused": True, **BUSY}, BUSY])
def test_a_drain_ends_when_what_is_left_waits_for_the_end_of_a_pause(looks, ordered, first, later):
    """A request that its acceptor held was accepted meanwhile, or somebody paused it."""
    looks(seen(**first), seen(socket=STOPPED, **later))
    screen = Screen()
    with pytest.raises(Failure) as caught:
        pause.drain(X, screen)
    assert str(caught.value) == WAITS_FOR_EVER
    assert ("stop", "trigger@x.socket", "trigger-fire@x.timer") in ordered
    assert "x: it no longer listens" in screen.noted


def test_a_drain_of_what_would_wait_for_ever_changes_nothing(looks, ordered):
    looks(seen(paused=True, waiting=[OLD]))
    with pytest.raises(Failure) as caught:
        pause.drain(X, Screen())
    assert (str(caught.value), ordered) == (WAITS_FOR_EVER, [])


def test_what_is_paused_and_has_nothing_left_is_drained(looks, ordered):
    looks(seen(paused=True, **BUSY), seen(paused=True, socket=STOPPED, **BUSY), seen(paused=True, socket=STOPPED))
    assert pause.drain(X, Screen()) == OK


@pytest.mark.parametrize(
    ("socket", "told"),
    [
        (STOPPED, "it listens again with `triggerctl resume x`, the next boot or playbook run"),
        (DISABLED, "it does not listen, since the playbook says `state: disabled`"),
        (MASKED, "it listens again with `systemctl unmask trigger@x.socket` and `triggerctl resume x`"),
    ],
)
def test_a_drain_tells_what_lets_it_listen_again(looks, ordered, socket, told):
    looks(seen(socket=socket))
    screen = Screen()
    pause.drain(X, screen)
    assert screen.said == ["x is drained; " + told]
