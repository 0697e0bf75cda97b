"""Root calls no program by a bare name: PATH of a job's unit, or of whoever runs a play, says nothing about which one
it is. And it hands on an environment of its own."""

import ast
from pathlib import Path

import pytest

from trigger import programs

ROLE = Path(__file__).parents[2] / "roles/trigger"
# The runner starts the job, as the job's user, and by the job's own PATH.
PATHS = [
    path
    for folder in ("files", "module_utils", "library")
    for path in sorted((ROLE / folder).rglob("*.py"))
    if path != ROLE / "files/trigger/runner/job.py"
]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PATHS}

STARTS = {
    "subprocess": {"run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {"system", "popen", "posix_spawn", "posix_spawnp", "startfile"}
    | {prefix + suffix for prefix in ("exec", "spawn") for suffix in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
}
SEARCHES = ("p", "pe")  # the ends of those that look in PATH


def constants():
    """What modules call by a name in capitals: dict of name to list of their values."""
    found = {}
    for tree in TREES.values():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
                found.setdefault(node.targets[0].id, []).append(node.value)
    return found


CONSTANTS = constants()


def start(call):
    """The function that starts a program, as (module, name), or None. A function `run` of ours starts one, too."""
    func = call.func
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        module, name = func.value.id, func.attr
        if name in STARTS.get(module, ()):
            return module, name
        looks = (module, name) == ("shutil", "which") and "path" not in [keyword.arg for keyword in call.keywords]
        return ("ours", name) if looks else None
    return ("ours", func.id) if isinstance(func, ast.Name) and func.id == "run" else None


def starts():
    """All such calls, each with the function around it."""
    return list(_starts())


def _starts():
    for path, tree in TREES.items():
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and start(call):
                    yield pytest.param(function, call, id=f"{path.relative_to(ROLE)}:{call.lineno}")


def programs_in(node, function):
    """The programs that an expression may stand for: list of str. What cannot be told is a mistake."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, (ast.List, ast.Tuple)):
        return programs_in(node.elts[0], function)
    if isinstance(node, ast.Starred):
        return programs_in(node.value, function)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 0:
        return programs_in(node.value, function)
    name = node.attr if isinstance(node, ast.Attribute) else node.id
    if name.isupper():
        return [text for value in CONSTANTS[name] for text in programs_in(value, function)]
    if name in [argument.arg for argument in (*function.args.args, function.args.vararg) if argument]:
        assert function.name == "run", f"{function.name}() starts what it is given"
        return []  # whoever calls it is looked at
    values = [
        inner.value
        for inner in ast.walk(function)
        if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name) and inner.targets[0].id == name
    ]
    assert values, f"nobody says what {name} is"
    return [text for value in values for text in programs_in(value, function)]


@pytest.mark.parametrize(("function", "call"), starts())
def test_it_is_called_by_its_path_and_with_an_environment_of_our_own(function, call):
    module, name = start(call)
    assert name not in ("system", "popen", "getoutput", "getstatusoutput", "which")
    assert [program for program in programs_in(call.args[0], function) if program[:1] != "/"] == []
    if module == "subprocess":
        assert "env" in [keyword.arg for keyword in call.keywords]
    if module == "os":
        assert name[-1] == "e" and not name.endswith(SEARCHES)


def test_they_are_found():
    assert len(starts()) >= 15


def test_what_is_handed_on_names_no_place_of_others():
    assert programs.ENVIRONMENT == {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
