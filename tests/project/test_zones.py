"""Who may import whom: a folder of the package is one process and one trust. It imports the top level and itself, and
nobody else's code; the top level imports itself alone."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "roles/trigger/files/trigger"
ZONES = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
# triggerctl is root, as the dispatcher is, and takes its turn at requests by the same rules.
MORE = {"ctl": {"dispatcher"}}
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def zone_of(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


def imported(code):
    """The modules of the package that some code imports, wherever it does: list of str, without `trigger.`."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports begin with trigger"
            found += [f"{node.module}.{name.name}" for name in node.names]
    return [name.partition(".")[2] for name in found if name.partition(".")[0] == "trigger"]


def crossings(path, code):
    allowed = {None, zone_of(path)} | MORE.get(zone_of(path), set())
    zones = {name: name.partition(".")[0] for name in imported(code)}
    return [name for name, zone in zones.items() if (zone if zone in ZONES else None) not in allowed]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_its_own_zone_and_the_top_level_alone(path):
    assert crossings(path, path.read_text()) == []


def test_there_are_zones():
    assert {"acceptor", "dispatcher", "runner", "metrics", "page", "ctl"} <= ZONES


@pytest.mark.parametrize(
    ("module", "code", "found"),
    [
        ("entry.py", "from trigger.acceptor import loop", ["acceptor.loop"]),
        ("entry.py", "def later():\n    import trigger.page.form", ["page.form"]),
        ("page/form.py", "from trigger.acceptor.auth import Guard", ["acceptor.auth.Guard"]),
        ("page/form.py", "from trigger import acceptor", ["acceptor"]),
        ("acceptor/loop.py", "from trigger import entry\nfrom trigger.acceptor import auth", []),
        ("ctl/main.py", "from trigger.dispatcher import claims", []),
        ("dispatcher/claim.py", "from trigger.ctl import main", ["ctl.main"]),
    ],
)
def test_a_module_that_crosses_is_found(module, code, found):
    assert crossings(PACKAGE / module, code) == found
