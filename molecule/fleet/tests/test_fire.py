"""What playbooks/fire.yml has started: `main` everywhere, `next` only before the host that refuses it."""

import socket

from host import records


def test_the_second_host_has_stopped_it():
    fired = [record["parameters"]["ref"] for record in records("deploy")]
    assert fired == {"debian11": ["main", "next"], "debian12": ["main"], "debian13": ["main"]}[socket.gethostname()]
