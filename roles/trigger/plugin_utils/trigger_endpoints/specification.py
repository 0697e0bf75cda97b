# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What meta/argument_specs.yml says of an endpoint, applied to one.

Ansible's own validator does the most of it. Beside it: unknown keys with a hint, and shapes that it would convert in
silence. No message repeats a value of an option with `no_log`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from . import values


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Lay one dict under another. Dicts in them are merged deeply; what is None above counts as not said."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        elif value is not None:
            merged[key] = value
    return merged


def complete(given: dict[str, Any], options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Apply the specification: the endpoint with defaults and right types, and what is wrong with it. A key without a
    value counts as not said, at any depth that the specification tells of."""
    wrong = list(unknown_keys(given, options))
    given = _said(given, options)
    wrong += wrong_shapes(given, options)
    if given.get("state") == "absent":  # its name is all that is needed
        options = {key: {**value, "required": key == "name", "options": None} for key, value in options.items()}
    if wrong:
        return given, wrong
    result = ArgumentSpecValidator(_without_texts(options)).validate(given)
    return result.validated_parameters, [_plain(text) for text in result.error_messages]


def unknown_keys(given: dict[str, Any], options: dict[str, Any], inside: str = "") -> Iterator[str]:
    """A message for each key that the specification does not know."""
    for key in given:
        if key not in options:
            close = difflib.get_close_matches(str(key), options, 1, 0.5)
            hint = f"; did you mean {inside}{close[0]}?" if close else f"; known are {', '.join(options)}"
            yield f"{inside}{key}: this key is unknown{hint}"
        elif options[key].get("options"):
            for label, part in _parts(f"{inside}{key}", given[key]):
                yield from unknown_keys(part, options[key]["options"], f"{label}.")


def _said(given, options):
    """What is given, without the keys that have no value."""
    said = {key: value for key, value in given.items() if value is not None}
    for key, value in said.items():
        inner = options.get(key, {}).get("options")
        if inner and isinstance(value, dict):
            said[key] = _said(value, inner)
        elif inner and isinstance(value, list):
            said[key] = [_said(item, inner) if isinstance(item, dict) else item for item in value]
    return said


def _parts(label, value):
    """The dicts that a value with options of its own consists of, each with its label."""
    if isinstance(value, dict):
        yield label, value
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            if isinstance(item, dict):
                yield f"{label}[{number}]", item


def wrong_shapes(
    given: dict[str, Any], options: dict[str, Any], inside: str = "", hidden: bool = False
) -> Iterator[str]:
    """A message for each value that the validator would convert in silence, a list to the string "['a']" or a string
    to a list, or would complain about without a word of the key."""
    for key, value in given.items():
        option = options.get(key, {})
        label = f"{inside}{key}"
        # What should be a dict may be one with a secret in it, in the wrong shape.
        no_log = hidden or option.get("no_log", False)
        has_secret = any(inner.get("no_log") for inner in (option.get("options") or {}).values())
        shown = "what is given" if no_log or has_secret else repr(value)
        kind, elements = option.get("type"), option.get("elements")
        if kind == "dict" and not isinstance(value, dict):
            yield f"{label}: this must be a dict of its keys, not {shown}"
        elif kind == "list" and not isinstance(value, list):
            yield f"{label}: this must be a list{_of(elements)}, not {shown}"
        elif kind == "list" and None in value:
            yield f"{label}: an item of the list is empty; take it out, or give it a value"
        elif kind == "list" and elements == "dict" and not all(isinstance(item, dict) for item in value):
            yield f"{label}: this must be a list of dicts"
        elif option.get("options"):
            for part_label, part in _parts(label, value):
                yield from wrong_shapes(part, option["options"], f"{part_label}.", no_log)
        elif kind == "dict":
            for name in value:
                if not isinstance(name, str):  # on, NO, 8443
                    yield f"{label}: a key that YAML takes for {name!r}; put it in quotes"
        elif "str" in (kind, elements):
            for text in value if kind == "list" else [value]:
                if isinstance(text, (bool, dict, list)):
                    shown = "it" if no_log else repr(text)
                    yield f"{label}: {shown} {values.no_text(text)}"


def _of(elements):
    return {"str": " of strings", "dict": " of dicts"}.get(elements, "")


def _without_texts(options):
    """The specification as ArgumentSpecValidator takes it."""
    spec = {}
    for key, option in options.items():
        spec[key] = {name: value for name, value in option.items() if name not in ("description", "options")}
        if option.get("options"):
            spec[key]["options"] = _without_texts(option["options"])
            # A dict that was not given gets the defaults of what it would hold.
            if option["type"] == "dict" and "default" in option:
                spec[key]["apply_defaults"] = True
                del spec[key]["default"]
    return spec


def _plain(text):
    return re.sub(r"<class '(\w+)'>", r"\1", text)
