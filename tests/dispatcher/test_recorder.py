"""What follows a run that is recorded: it is done with the claim, and what cannot be done now is done later."""

import os
from contextlib import closing

import pytest
from run_files import SECOND, request_id

from trigger import paths, records
from trigger.dispatcher import on_end, systemd_bus
from trigger.dispatcher.claims import Claims
from trigger.dispatcher.recorder import Recorder

IDS = [request_id(SECOND), request_id(SECOND + 1)]
UNIT = "tell@.service"
TELL = f"tell@{IDS[-1]}.service"


@pytest.fixture
def ended(endpoint, tmp_path, monkeypatch):
    """A run that has ended. Returns its endpoint, the Claims, and how it ended."""
    monkeypatch.setattr(paths, "RUNTIME", str(tmp_path))
    monkeypatch.setattr(on_end, "DIRECTORY", str(tmp_path / "ended"))
    settings = endpoint(on_failure=["other.service", UNIT])
    for each in IDS:
        for where in (settings.spool, settings.claimed):
            with open(f"{where}/{each}", "w"):
                pass
    with closing(Claims(settings)) as claims:
        claims._write(".outcome", "")
        yield settings, claims, Recorder(settings, claims, None, print).note(IDS[-1], {"state": "interrupted"})


def refusing(error, *units):
    """Orders systemd to start a unit, which it does not now, or not at all. What it does is in `started`."""

    def start(unit):
        if unit in units:
            raise error
        start.started.append(unit)

    start.started = []
    return start


NOT_NOW = systemd_bus.NotNow("StartUnit: Transaction is destructive.")


def test_what_cannot_be_started_now_is_started_by_the_next_dispatcher(ended):
    settings, claims, noted = ended
    first = refusing(NOT_NOW, TELL)
    with pytest.raises(systemd_bus.NotNow, match=f"{TELL}: StartUnit: Transaction is destructive"):
        Recorder(settings, claims, first, print).record(IDS, noted)
    # The run is recorded, nothing waits, and the claim still says what is to be done.
    written = os.stat(records.path(settings, IDS[-1]))
    assert claims.waiting() == [] and not set(IDS).intersection(os.listdir(settings.spool))
    assert claims.ids() == IDS and claims.noted(IDS[-1]) == {**noted, "is_recorded": True}
    then = refusing(None)
    Recorder(settings, claims, then, print).finish(IDS, claims.noted(IDS[-1]))
    assert then.started == ["other.service", TELL]
    assert claims.ids() == [] and claims.noted(IDS[-1]) is None
    assert os.stat(records.path(settings, IDS[-1])) == written
    assert records.read(settings, IDS[-1])["state"] == "interrupted"


def test_a_unit_that_does_not_exist_keeps_nobody_from_the_others(ended, capsys):
    settings, claims, noted = ended
    start = refusing(systemd_bus.Failed("StartUnit: Unit other.service not found."), "other.service")
    Recorder(settings, claims, start, print).record(IDS, noted)
    assert start.started == [TELL] and claims.ids() == []
    assert "other.service: StartUnit: Unit other.service not found." in capsys.readouterr().out
