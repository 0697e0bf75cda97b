"""What the programs say of themselves, held against them."""

import ast
import re
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[2] / "roles/trigger"
PACKAGE = ROLE / "files/trigger"
SAYS_NO = re.compile(r"(No|without) I/O(?! but)")
MODULES = [
    path for path in sorted(PACKAGE.rglob("*.py")) if SAYS_NO.search(ast.get_docstring(ast.parse(path.read_text())))
]

# Names of them that only calculate.
PURE = {"_socket": {"AF_INET", "AF_INET6", "AF_UNIX", "inet_pton"}, "os": {"statvfs_result"}}
OUTSIDE = {
    "os",
    "io",
    "pathlib",
    "shutil",
    "tempfile",
    "socket",
    "_socket",
    "select",
    "subprocess",
    "_signal",
    "signal",
}
# What is asked of a socket or a file that somebody else has opened.
ASKS = {"getsockname", "getpeername", "recv", "send", "sendall", "accept", "connect", "fileno", "readline", "flush"}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            pure = PURE.get(node.module, ())
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in pure)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_who_says_so_does_no_input_or_output(path):
    tree = ast.parse(path.read_text())
    assert [name for name in imported(tree) if name.partition(".")[0] in OUTSIDE] == []
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [func.id for func in called if isinstance(func, ast.Name) and func.id in ("open", "print", "input")] == []
    assert [func.attr for func in called if isinstance(func, ast.Attribute) and func.attr in ASKS] == []


def test_some_say_so():
    assert len(MODULES) > 20


def called():
    """What the units start by launch.py: set of str."""
    units = "".join(path.read_text() for path in sorted((ROLE / "templates").rglob("*.service.j2")))
    return set(re.findall(r"launch\.py ([\w.]+)", units))


def launched():
    """The table of launch.py: dict of program to module."""
    tree = ast.parse((ROLE / "files/launch.py").read_text())
    (table,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "PROGRAMS"]
    return ast.literal_eval(table)


def programs():
    """What the units start of the package, and what the command is: set of str."""
    (command,) = re.findall(r"from trigger\.([\w.]+) import main", (ROLE / "files/triggerctl").read_text())
    return {*called(), command}


def test_the_launcher_knows_what_the_units_start_and_nothing_else():
    assert set(launched()) == called()
    for module in launched().values():
        assert "def main(" in (PACKAGE / (module.replace(".", "/") + ".py")).read_text()


@pytest.mark.parametrize("zone", sorted({module.partition(".")[0] for module in launched().values()} | {"ctl"}))
def test_a_zone_says_who_it_is_and_whom_it_believes(zone):
    told = " ".join(ast.get_docstring(ast.parse((PACKAGE / zone / "__init__.py").read_text())).split())
    security = told.partition("Security. ")[2]
    for word in ("It runs as", "reads", "writes", "believes"):
        assert word in security


def test_the_table_of_the_package_has_all_programs_and_everything_in_it_is_there():
    told = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text()))
    rows = dict(re.findall(r"^([\w.]+) {2,}(\S.*)$", told, re.MULTILINE))
    assert set(rows) == programs()
    for name in re.findall(r"`([\w.]+)`", told):
        assert (PACKAGE / (name.replace(".", "/") + ".py")).exists(), name
