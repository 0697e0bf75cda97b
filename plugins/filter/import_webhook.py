# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter of import_webhook.yml: a hooks file of adnanh/webhook as files for host_vars, and a report."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

PROJECT = Path(__file__).resolve().parents[2]  # a checkout or the installed collection
ROLE = PROJECT / "roles" / "trigger"
WIDTH = 110


def _load(path):
    """A package by its folder: in a checkout, plugin_utils are on no search path."""
    name = path.name
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, path / "__init__.py", submodule_search_locations=[str(path)]
        )
        sys.modules[name] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return sys.modules[name]


trigger_endpoints = _load(ROLE / "plugin_utils" / "trigger_endpoints")
webhook_hooks = _load(PROJECT / "plugins" / "plugin_utils" / "webhook_hooks")


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"import_webhook": import_webhook}


def import_webhook(text: str, prefix: str = "hooks") -> dict[str, Any]:
    """Turn a hooks file into what goes to host_vars.

    text: JSON or YAML. prefix: webhook's -urlprefix.

    Returns `endpoints`, YAML with trigger_endpoints; `secrets`, YAML with the variables to which it refers, "" where
    there are none; `report`, lines without secrets. Raises AnsibleFilterError when the file has no hooks.
    """
    try:
        imported = webhook_hooks.convert(read(text), role_check(), prefix)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None
    report = [line for one in imported for line in _told(one)]
    report += ["for all of them:", *(f"  note: {note}" for note in webhook_hooks.NOTES)]
    return {"endpoints": endpoints_yaml(imported), "secrets": secrets_yaml(imported), "report": report}


def read(text: str) -> Any:
    """Decode a hooks file to what JSON can hold. Raises ValueError, the message without any of the text."""
    try:
        try:
            value = json.loads(text)
        except ValueError:
            value = yaml.safe_load(text)
        plain = json.dumps(value, default=str, ensure_ascii=False)  # as webhook does: YAML is read as JSON
        plain.encode()
        return json.loads(plain)
    except UnicodeEncodeError:
        raise ValueError("the hooks file holds half of a surrogate pair") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"the hooks file is neither JSON nor YAML{line}; a Go template has to be expanded") from None
    except (yaml.YAMLError, TypeError, ValueError, LookupError, AttributeError, RecursionError):  # of its types
        raise ValueError("the hooks file is neither JSON nor YAML as JSON could be") from None


def role_check() -> Callable[[dict[str, Any]], list[str]]:
    """What convert() asks."""
    specification = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options = specification["argument_specs"]["endpoint"]["options"]

    def check(endpoint):
        try:
            trigger_endpoints.prepare([endpoint], {}, options, None)
        except trigger_endpoints.Mistakes as mistakes:
            return [message.partition(": ")[2] for message in mistakes.messages]
        return []

    return check


def endpoints_yaml(imported: list[Any]) -> str:
    """The variable trigger_endpoints, with what is to do and to know above each endpoint."""
    lines = ["---", "# Made of a hooks file of webhook by import_webhook.yml."]
    lines += [line for one in imported if one.endpoint is None for line in _comment(_told(one), "")]
    lines.append("trigger_endpoints:" if any(one.endpoint for one in imported) else "trigger_endpoints: []")
    for one in imported:
        if one.endpoint is not None:
            item = _dump([_with_expressions(one.endpoint)])
            lines += [*_comment(_told(one), "  "), *textwrap.indent(item, "  ").splitlines()]
    return "\n".join(lines) + "\n"


def secrets_yaml(imported: list[Any]) -> str:
    """The variables of the secrets, "" where there are none."""
    secrets = {variable: secret for one in imported for variable, secret in one.secrets.items()}
    lines = "".join(_dump({variable: secret}, flow=False) for variable, secret in secrets.items())
    return f"---\n# For Ansible Vault: ansible-vault encrypt FILE\n{lines}" if lines else ""


def _told(one):
    """One hook's lines of the report."""
    if one.endpoint is None:
        state = "not carried over"
    elif one.open_points:
        state = f"carried over as {one.endpoint['name']}, disabled until the open points are settled"
    else:
        state = f"carried over as {one.endpoint['name']}"
    points = [f"  {'open' if one.endpoint else 'why'}: {point}" for point in one.open_points]
    return [f"{one.label}: {state}", *points, *(f"  note: {note}" for note in one.notes)]


def _comment(lines, indent):
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False) or [""]
    ]
    return [f"{indent}# {_printable(line)}" for line in wrapped]


def _printable(line):
    return "".join(character if character.isprintable() else "?" for character in line)


class _Expression(str):
    """What Ansible is to evaluate; any other text must reach the host as it is."""


def _with_expressions(value):
    if isinstance(value, dict):
        return {key: _with_expressions(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_expressions(item) for item in value]
    return _Expression(f"{{{{ {value} }}}}") if isinstance(value, webhook_hooks.Variable) else value


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data):
        return True


def _represent_text(dumper, text):
    if re.search(r"\{[{%#]", text):
        return dumper.represent_scalar("!unsafe", text, style='"')
    if re.search("[\x85\u2028\u2029]", text):  # YAML's further line breaks; in any other style they become blanks
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    return dumper.represent_str(text)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(_Expression, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, '"'))


def _dump(value, flow=None):
    """flow: bool, or None where the innermost lists and dicts alone are written in one line."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=flow)
