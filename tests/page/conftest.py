"""The host whose page is looked at."""

import os

import pytest
from page_host import Host

from trigger import paths


@pytest.fixture
def host(monkeypatch):
    made = Host()
    for name, path in (("SPOOL", made.spool), ("STATE", made.state), ("RUNTIME", made.runtime)):
        monkeypatch.setattr(paths, name, path)
    if os.getuid():
        monkeypatch.setattr(os, "fchown", lambda *_: None)
    yield made
    made.close()
