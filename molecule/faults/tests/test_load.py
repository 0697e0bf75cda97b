"""What load.py was told, when it was ended by a power cut, a reboot, or after a run of the role."""

import load
import pytest
from endpoints import ENDPOINTS, SLOW
from oracle import Oracle


@pytest.mark.parametrize("name", load.NAMES)
def test_what_clients_were_told(name, request):
    SLOW.unlink(missing_ok=True)
    fault = request.config.getoption("--fault")
    oracle = Oracle(fault, name, **ENDPOINTS[name], notes=load.notes(name))
    assert len(oracle.told) >= load.ENOUGH
    oracle.faults += 1
    if fault != "reboot":  # in which the socket goes before the client
        assert {client.code for client in oracle.told[:-1]} == {200}
    assert oracle.ask().code == 200
    counts = oracle.judge(120)
    # A job was running, and only the role lets it end.
    assert counts.get("interrupted", 0) == (fault != "role re-run")
