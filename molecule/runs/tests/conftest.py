import contextlib

import pytest
from client import PORTS, gate
from host import wait_until_idle


@pytest.fixture(autouse=True)
def _no_gate_stands_open():
    for name in PORTS:
        for which in ("gate", "second"):
            with contextlib.suppress(FileNotFoundError):
                gate(name, which).unlink()


@pytest.fixture
def idle():
    """A function that waits until an endpoint is at rest."""
    return wait_until_idle
