"""What a client waits for when nothing of ours runs: a program is to load little."""

import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "roles/trigger/files"
# Modules of the standard library that take a while, and what annotations would need that are not quoted.
DEAR = {"argparse", "enum", "functools", "re", "subprocess", "typing", "__future__"}


@pytest.mark.parametrize("program", ["acceptor", "dispatcher", "runner"])
def test_what_starts_for_a_client_loads_nothing_dear(program):
    text = "import sys; sys.path.insert(0, sys.argv[1]); __import__(sys.argv[2]); print(*sys.modules)"
    command = ["/usr/bin/python3", "-I", "-S", "-B", "-c", text, str(FILES), f"trigger.{program}.main"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert f"trigger.{program}.main" in loaded
    assert DEAR.isdisjoint(loaded)
