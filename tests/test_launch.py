"""What the units call: it starts the programs of the version that `current` leads to, and for the moment of an upgrade
in which that is still an earlier release, those of its flat tree; release 0.1 had no link."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parents[1] / "roles/trigger/files/launch.py"


def library(directory, modules, version="versions/1"):
    """An installed version in which each of these modules says its own name, and ends with 7."""
    shutil.copy(LAUNCHER, directory)
    for module in modules:
        file = directory / version / "trigger" / (module.replace(".", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"def main(name):\n    print({module!r}, name)\n    return 7\n")
    if version:
        os.symlink(version, directory / "current")
    return directory / "launch.py"


FLAT = {"acceptor": "acceptor", "claim": "claim", "record": "record", "page.server": "page.server"}
ZONES = {"acceptor": "acceptor.main", "claim": "dispatcher.claim", "record": "dispatcher.record"}


@pytest.mark.parametrize(
    ("tree", "version"),
    [(FLAT, ""), (FLAT, "versions/1"), ({**ZONES, "page.server": "page.server"}, "versions/1")],
    ids=["one version", "flat", "zones"],
)
@pytest.mark.parametrize("program", sorted(FLAT))
def test_a_program_is_that_of_the_version_that_is_current(tmp_path, tree, version, program):
    launcher = library(tmp_path, tree.values(), version)
    done = subprocess.run(
        [sys.executable, "-I", "-S", launcher, program, "hello"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, f"{tree[program]} hello\n", "")


@pytest.mark.parametrize("version", ["", "versions/1"])
def test_a_program_that_comes_with_an_upgrade_is_waited_for(tmp_path, version):
    """Its unit is there before the version that has it is current."""
    launcher = library(tmp_path, FLAT.values(), version)
    done = subprocess.run(
        [sys.executable, "-I", "-S", launcher, "dispatcher", "hello"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "<4>hello: dispatcher comes with an upgrade that is under way, or was cut short\n"


@pytest.mark.parametrize("missing", ["trigger.missing", "trigger.acceptor.missing", "trig"])
def test_a_program_that_lacks_a_module_says_which(tmp_path, missing):
    launcher = library(tmp_path, ["acceptor.main"])
    (tmp_path / "versions/1/trigger/acceptor/main.py").write_text(f"import {missing}\n")
    done = subprocess.run(
        [sys.executable, "-I", "-S", launcher, "acceptor", "hello"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"No module named '{missing}'" in done.stderr


@pytest.mark.parametrize(("modules", "sees"), [(FLAT, "True"), (ZONES, "False")], ids=["flat", "zones"])
def test_the_distributions_modules_are_there_for_those_that_needed_one(tmp_path, modules, sees):
    launcher = library(tmp_path, modules.values())
    program = tmp_path / "versions/1/trigger" / (modules["acceptor"].replace(".", "/") + ".py")
    program.write_text(
        "import sys\n\ndef main(name):\n    print('/usr/lib/python3/dist-packages' in sys.path)\n    return 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", launcher, "acceptor", "hello"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{sees}\n", "")
