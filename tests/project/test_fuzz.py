"""What is fuzzed by fuzz/run, without fuzzing: its seeds, and all that was ever found; and that it runs at all."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_findings import FINDINGS
from seeds import SEEDS
from targets import TARGETS

PROJECT = Path(__file__).parents[2]
WITH_ATHERIS = pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="it has no wheel for this machine")
BEGINNINGS = {f"{target}-{n}": (target, seed) for target in TARGETS for n, seed in enumerate(SEEDS[target])}


@pytest.mark.parametrize(("target", "data", "shown"), FINDINGS, ids=[finding[2] for finding in FINDINGS])
def test_what_was_found_is_mended(target, data, shown):
    TARGETS[target](data)


@pytest.mark.parametrize(("target", "seed"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_seed_shows_nothing(target, seed):
    TARGETS[target](seed)


def fuzz(root, cache, *targets):
    """Run the fuzzer of a tree. Returns its exit status and its table, without the head."""
    command = [sys.executable, root / "fuzz/run", "--runs", "2000", "--cache", cache, *targets]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, [line.split() for line in done.stdout.splitlines() if line.startswith(tuple(TARGETS))]


@WITH_ATHERIS
def test_the_fuzzer_runs(tmp_path):
    """It begins with the seeds, and sees the code; else it would be blind."""
    status, table = fuzz(PROJECT, tmp_path)
    assert [(name, findings) for name, *_, findings in table] == [(name, "none") for name in TARGETS]
    assert all(int(executions) >= 2000 and int(coverage) > 10 for _, executions, _, coverage, _ in table)
    assert status == 0
    assert list((tmp_path / "findings").iterdir()) == []


@WITH_ATHERIS
def test_a_finding_is_told_and_kept(tmp_path):
    """In a tree whose parser takes a line feed for a line's end."""
    roles = ("roles/trigger/" + part for part in ("files/trigger", "module_utils", "plugin_utils", "meta"))
    for part in ("fuzz", "tests/support", "tools", *roles):
        shutil.copytree(PROJECT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    parser = tmp_path / "roles/trigger/files/trigger/http.py"
    broken = parser.read_text().replace("if received.count(", "if False and received.count(", 1)
    broken = broken.replace('.split(b"\\r\\n")', '.replace(b"\\r\\n", b"\\n").split(b"\\n")', 1)
    parser.write_text(broken)
    status, ((name, *_, findings),) = fuzz(tmp_path, tmp_path / "cache", "http")
    assert (status, name, findings) == (1, "http", "FOUND")
    (finding,) = (tmp_path / "cache/findings").iterdir()
    assert b"\n" in finding.read_bytes().replace(b"\r\n", b"")
