"""Each host has what its own host_vars say, and nothing else."""

import json
import os
import socket
from pathlib import Path

from host import property_of, run

EVERYWHERE = ["counting", "deploy", "failing", "moving", "orders", "selling", "visits"]
OWN = {"debian11": "backup", "debian12": "reports", "debian13": "mirror"}
HOST = socket.gethostname()


def test_each_host_has_its_own():
    wanted = sorted([*EVERYWHERE, OWN[HOST]])
    assert sorted(one["endpoint"] for one in json.loads(run("triggerctl", "list", "--json"))) == wanted
    assert sorted(name[:-5] for name in os.listdir("/etc/trigger") if name.endswith(".json")) == wanted
    sockets = run("systemctl", "list-units", "--plain", "--no-legend", "trigger@*.socket").splitlines()
    assert sorted(line.split(".")[0].partition("@")[2] for line in sockets) == wanted


def test_rules_of_the_group_lie_below_those_of_a_host():
    for name in EVERYWHERE:
        assert configured(name)["timeout"] == 600
        assert property_of(f"trigger-run@{name}.service", "Nice") == "5"
    own = f"trigger-run@{OWN[HOST]}.service"
    assert configured(OWN[HOST])["timeout"] == (3600 if HOST == "debian11" else 600)
    assert property_of(own, "Nice") == ("10" if HOST == "debian12" else "5")


def test_each_host_takes_its_own_branches():
    (ref,) = configured("deploy")["parameters"]
    assert ref["choices"] == (["main"] if HOST == "debian12" else ["main", "next"])


def configured(name):
    return json.loads(Path(f"/etc/trigger/{name}.json").read_text())
