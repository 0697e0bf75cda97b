"""docs/security.md names the test that holds each claim. Here is looked whether there is such a test, and whether it is
run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "docs/security.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
CLAIMS, OPEN = TEXT.split("\n## What is not defended against\n")

# [`auth/test_secrets.py::test_the_journal_has_no_secret`](../molecule/auth/tests/test_secrets.py)
# [`acceptor/test_auth.py::test_every_refusal_looks_the_same`](../tests/acceptor/test_auth.py)
NAMED = re.compile(r"\[`([\w/]+\.py)::(\w+)(?:\[[^`]*\])?`\]\(([^)]+)\)")


def named():
    """What the document names: list of (file as it is called there, name of the test, the file that is linked)."""
    return [(label, test, (DOCUMENT.parent / link).resolve()) for label, test, link in NAMED.findall(TEXT)]


FILES = sorted({path for _, _, path in named()})
UNIT_TESTS = [path for path in FILES if PROJECT / "tests" in path.parents]


def name_of(path):
    return str(path.relative_to(PROJECT))


def functions(path):
    return {node.name for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)}


def test_tests_are_named():
    assert len(named()) > 50
    assert len(named()) == len(re.findall(r"::test_", TEXT)), "one of them is no link of the form that is looked for"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_test_that_is_named_is_there(path):
    wanted = {test for _, test, linked in named() if linked == path}
    assert wanted - functions(path) == set()
    assert all(test.startswith("test_") for test in wanted)


def test_a_file_is_called_by_its_name_and_its_folder_or_scenario():
    for label, _, path in named():
        *folders, name = label.split("/")
        assert path.name == name
        parts = path.relative_to(PROJECT).parts
        if path in UNIT_TESTS:
            assert parts == ("tests", *folders, name)
        else:
            assert parts[: 1 + len(folders)] == ("molecule", *folders) and folders


def test_each_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert [link for link in links if not (DOCUMENT.parent / link).exists()] == []


def rows(text):
    """The rows of all tables below their heads: list of the cells of each."""
    tables = re.findall(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [line.strip("|").split("|") for table in tables for line in table.splitlines()]


def test_each_row_and_each_point_names_a_test():
    claims = [" ".join(cells) for cells in rows(CLAIMS) if "../roles/" not in cells[0]]
    claims += re.findall(r"^- (.*)", CLAIMS, re.MULTILINE)
    assert len(claims) > 30
    assert [claim for claim in claims if not NAMED.search(claim)] == []
    assert not NAMED.search(OPEN)


def test_the_directives_stand_in_the_units():
    found = 0
    for cells in rows(CLAIMS):
        for link in re.findall(r"\((\.\./roles/[^)]+)\)", cells[0]):
            lines = (DOCUMENT.parent / link).read_text(encoding="utf-8").splitlines()
            directives = re.findall(r"`([A-Z]\w+=[^`]*)`", cells[1])
            assert [directive for directive in directives if directive not in lines] == []
            found += len(directives)
    assert found > 20


def test_each_file_of_unit_tests_is_collected():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *UNIT_TESTS]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    collected = {tuple(line.partition("[")[0].split("::")) for line in done.stdout.splitlines() if "::" in line}
    wanted = {(name_of(path), test) for _, test, path in named() if path in UNIT_TESTS}
    assert wanted - collected == set()


def runs_of(scenario):
    """How a scenario has pytest run: list of (folders, arguments)."""
    playbook = PROJECT / "molecule" / scenario / "verify.yml"
    playbook = playbook if playbook.exists() else PROJECT / "molecule/shared/verify.yml"
    found = []

    def look(item, folders):
        if isinstance(item, list):
            for each in item:
                look(each, folders)
        elif isinstance(item, dict):
            said = item.get("vars", {})
            folders = said.get("test_folders", folders)
            if str(item.get("ansible.builtin.import_tasks", "")).endswith("tasks/pytest.yml"):
                found.append((folders, said.get("pytest_args", [])))
            for key in ("tasks", "block"):
                look(item.get(key), folders)

    look(yaml.safe_load(playbook.read_text(encoding="utf-8")), ["tests"])
    return found


def picks(arguments, name):
    """Whether pytest with these arguments runs a file of the folder in which it is started."""
    pairs = zip(["", *arguments], arguments)
    chosen = [item.partition("::")[0] for option, item in pairs if item[:5] == "test_" and option != "--deselect"]
    return name in chosen if chosen else f"--ignore={name}" not in arguments


@pytest.mark.parametrize("path", [path for path in FILES if path not in UNIT_TESTS], ids=name_of)
def test_each_file_of_a_scenario_is_run(path):
    molecule, scenario, folder, name = path.relative_to(PROJECT).parts
    assert (molecule, name[:5]) == ("molecule", "test_")
    assert [arguments for folders, arguments in runs_of(scenario) if folder in folders and picks(arguments, name)]
