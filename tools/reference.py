"""The tables of docs/reference.md, made from the role's argument_specs.

python tools/reference.py           print them
python tools/reference.py DOCUMENT  write them into the document, between its markers; this is part of `make docs`
"""

import re
import sys
from pathlib import Path

import markers
import yaml

SPECS = Path(__file__).parent.parent / "roles" / "trigger" / "meta" / "argument_specs.yml"
ENTRY_POINTS = {"main": "variable", "endpoint": "key"}


def entry_points():
    """What argument_specs.yml says: dict of entry point to its options."""
    specs = yaml.safe_load(SPECS.read_text(encoding="utf-8"))["argument_specs"]
    return {name: spec["options"] for name, spec in specs.items()}


def tables():
    """The tables, by the name of their marker: dict of str to str."""
    return {name: table(ENTRY_POINTS[name], options) for name, options in entry_points().items()}


def table(heading, options):
    rows = [f"| {heading} | meaning | default |", "|---|---|---|", *_rows(options, set())]
    return "\n".join(rows) + "\n"


def _rows(options, told, inside=""):
    for key, option in options.items():
        if id(option) in told:
            continue  # the same by a YAML anchor: once is enough
        told.add(id(option))
        yield f"| `{inside}{key}` | {_meaning(option)} | {_default(option)} |"
        if "options" in option:
            yield from _rows(option["options"], told, f"{inside}{key}.")


def _meaning(option):
    text = option["description"]
    text = " ".join(text) if isinstance(text, list) else text
    choices = option.get("choices")
    if choices:
        text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    return _markdown(text).replace("|", "\\|")


def _markdown(text):
    """Ansible's markup C(), V() and O() as code; what is marked may have parentheses of its own."""
    return " ".join(re.sub(r"\b[CVO]\(((?:[^()]|\([^()]*\))*)\)", r"`\1`", text).split())


def _default(option):
    if option.get("required"):
        return "required"
    default = option.get("default")
    if default is None or ("options" in option and not default):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if default == "":
        return "empty"
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{repr(default) if isinstance(default, str) and default.strip() != default else default}`"


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(tables().values()), end="")
    else:
        markers.fill_file(Path(sys.argv[1]), tables())
