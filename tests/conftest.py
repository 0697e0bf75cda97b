"""What tests of several folders stand on."""

import os

import pytest
import role
from hypothesis import HealthCheck, settings
from page_host import Host

from trigger import paths

# How long an example takes, or is drawn, is the machine's matter.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture
def endpoint(tmp_path, _root_or_not):
    def make(metrics=False, **keys):
        made = role.endpoint(**keys)
        for name in ("spool", "claimed", "runs"):
            (tmp_path / name).mkdir(exist_ok=True)
            setattr(made, name, str(tmp_path / name))
        made.output_file = str(tmp_path / "output")
        made.run_counts, made.request_counts = str(tmp_path / "counts"), str(tmp_path / "spool" / ".counts")
        made.metrics = metrics
        return made

    return make


@pytest.fixture
def _root_or_not(monkeypatch):
    """Only the owner's change is left out where the tests do not run as root."""
    if os.getuid():
        monkeypatch.setattr(os, "fchown", lambda *_: None)


@pytest.fixture
def host(monkeypatch, _root_or_not):
    """A host with endpoints behind the front end (page_host)."""
    made = Host()
    for name, path in (("SPOOL", made.spool), ("STATE", made.state), ("RUNTIME", made.runtime)):
        monkeypatch.setattr(paths, name, path)
    yield made
    made.close()
