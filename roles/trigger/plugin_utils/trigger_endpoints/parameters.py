# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request may say: checks `parameters`, `only_if` and the placeholders in `job.args`, and puts them into the
form of files/trigger/parameters.py and files/trigger/conditions.py, whose rules apply to defaults and choices, too.
"""

from __future__ import annotations

import re
from typing import Any

from . import host

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
LENGTH_LIMIT = 32 * 1024  # characters
TAKEN = ("name", "label", "description", "type", "required", "pattern", "min", "max", "max_length")
NO_NUMBERS = (float("inf"), float("-inf"))
_READABLE = "every local user could read it; use `credentials`"
PLACES = "query:NAME, form:NAME, header:NAME or json:/pointer"


def check(endpoint: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The endpoint with its `declared`, `known_names`, `conditions` and `command`, and what is wrong with them."""
    declared, wrong_parameters = _declared(endpoint["parameters"])
    conditions, wrong_conditions = _conditions(endpoint["only_if"])
    by_name = {parameter["name"]: parameter for parameter in declared or ()}
    job = endpoint["job"]
    program = job["command"] or [f"{host.names.JOBS}/{endpoint['name']}"]
    command = [*program, *(_parts(argument, by_name) for argument in job["args"])]
    for part, alone in _placeholders(command):
        by_name[part["parameter"]]["leads"] |= alone
    knows_names = declared is not None and endpoint["extra_parameters"] == "refuse"
    schedule, wrong_schedule = _scheduled(endpoint["schedule"], declared)
    prepared = {
        **endpoint,
        "schedule": schedule,
        "declared": declared,
        "conditions": conditions,
        "command": command,
        "known_names": _known_names(declared, conditions) if knows_names else None,
    }
    return prepared, [
        *wrong_parameters,
        *_check_names(declared or ()),
        *wrong_conditions,
        *_check_command(command, by_name),
        *_check_execution(prepared, by_name),
        *wrong_schedule,
    ]


def _declared(given):
    """The parameters as the programs on the host take them, None where they take all; and what is wrong."""
    if given is None:
        return None, []
    declared, mistakes = [], []
    for number, item in enumerate(given, 1):
        parameter, wrong = _parameter(item)
        declared.append(parameter)
        mistakes += [f"parameters[{number}] ({item['name']}): {text}" for text in wrong]
    return declared, mistakes


def _parameter(item):
    wrong = []
    if not NAME.fullmatch(item["name"]):
        wrong.append("a name begins with a letter and holds letters, digits, _ and -, 64 at most")
    for key in ("label", "description"):
        if item[key] is not None and not (item[key].strip() and item[key].isprintable()):
            wrong.append(f"{key}: it must be one line of text")
    parameter = {key: item[key] for key in TAKEN}
    parameter.update(sensitive=item["sensitive"], default=None, choices=None, leads=False, places=[])
    unreadable = [*_check_bounds(parameter), *_check_pattern(item["pattern"], "pattern")]
    try:
        parameter["places"] = [["any", item["name"]]] if item["from"] is None else _places(item["from"])
    except ValueError as error:
        unreadable.append(f"from: {error}")
    if unreadable:
        return parameter, wrong + unreadable
    choices, wrong_choices = _choices(parameter, item["choices"])
    parameter["choices"] = choices
    if parameter["sensitive"] and item["default"] is not None:
        return parameter, [*wrong, *wrong_choices, f"default: the parameter is sensitive, and {_READABLE}"]
    default, wrong_default = _default(parameter, item["default"])
    parameter["default"] = default
    return parameter, wrong + wrong_choices + wrong_default


def _check_bounds(parameter):
    for key in ("min", "max"):
        bound = parameter[key]
        if bound is None:
            continue
        if isinstance(bound, bool) or not isinstance(bound, (int, float)) or bound in NO_NUMBERS or bound != bound:
            yield f"{key}: {bound!r} is not a number"
        elif parameter["type"] not in ("integer", "number"):
            yield f"{key}: only integers and numbers have it; for a string there are max_length and pattern"
    wrong_order = None not in (parameter["min"], parameter["max"]) and parameter["min"] > parameter["max"]
    if parameter["type"] in ("integer", "number") and wrong_order:
        yield "min: it is greater than max, so no value would be taken"
    if not 1 <= parameter["max_length"] <= LENGTH_LIMIT:
        yield f"max_length: it must be from 1 to {LENGTH_LIMIT} characters"


def _check_pattern(pattern, key):
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{key}: {pattern!r} is not a valid regular expression: {error}"


def _places(given):
    texts = given if isinstance(given, list) else [given]
    if not texts:
        raise ValueError(f"an empty list; write {PLACES}, or leave the key out")
    return [_place(text) for text in texts]


def _place(text):
    kind, colon, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    if kind in ("query", "form") and name:
        return [kind, name]
    if kind == "header" and re.fullmatch(r"[A-Za-z0-9-]+", name, re.ASCII):
        return [kind, name.lower()]
    if kind == "json" and colon and (not name or name[0] == "/") and not re.search("~(?![01])", name):
        # RFC 6901, sections 3 and 4
        return [kind, [token.replace("~1", "/").replace("~0", "~") for token in name.split("/")[1:]]]
    raise ValueError(f"{text!r} is not a valid place; write {PLACES}")


def _choices(parameter, given):
    """parameter: without choices, so that each is not asked to be among them."""
    if given is None:
        return None, []
    choices, wrong = [], [] if given else ["choices: an empty list; leave the key out"]
    for value in given:
        try:
            choices.append(_text(parameter, value))
        except ValueError as error:
            wrong.append(f"choices: {value!r} {error}")
    return choices, wrong


def _default(parameter, given):
    if given is None:
        return None, []
    wrong = ["default: a required parameter needs none"] if parameter["required"] else []
    try:
        return _text(parameter, given), wrong
    except ValueError as error:
        return None, [*wrong, f"default: it {error}"]


def _text(parameter, value):
    """A value of the playbook as the job would get it. Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = host.strict_json.Number(value)
    text = host.parameters.text_of(parameter, value)
    host.parameters.check(parameter, text)
    return text


def _scheduled(schedule, declared):
    """The schedule with the texts of its parameters, and what is wrong with them."""
    if schedule is None:
        return None, []
    by_name = {parameter["name"]: parameter for parameter in declared or ()}
    texts, wrong = {}, []
    for name, value in schedule["parameters"].items():
        if name not in by_name:
            wrong.append(f"schedule.parameters: {name} is none of the parameters")
            continue
        if by_name[name]["sensitive"]:  # the endpoint's file is there for all to read, and a play shows what it changes
            if not by_name[name]["required"]:
                wrong.append(f"schedule.parameters: {name} is sensitive, and {_READABLE}")
            continue
        try:
            texts[name] = _text(by_name[name], value)
        except ValueError as error:
            wrong.append(f"schedule.parameters: {name} {error}")
    required = [name for name, each in by_name.items() if each["required"]]
    for name in required:
        if by_name[name]["sensitive"]:
            wrong.append(
                f"schedule.parameters: {name} is sensitive and required, so no run by the calendar could begin: its "
                f"value cannot stand here, where {_READABLE}, and leave `required` out"
            )
    missing = [name for name in required if not by_name[name]["sensitive"] and name not in schedule["parameters"]]
    if missing:
        wrong.append(f"schedule.parameters: {', '.join(missing)} is required, and no run would begin without")
    return {**schedule, "parameters": texts}, wrong


def _check_names(declared):
    variables = {}
    for parameter in declared:
        variable = host.parameters.variable(parameter["name"])
        if variable in variables:
            yield f"parameters: {variables[variable]} and {parameter['name']} would both be {variable}"
        variables[variable] = parameter["name"]


def _conditions(given):
    """The conditions as the programs on the host take them, and what is wrong."""
    conditions, wrong = [], []
    for number, item in enumerate(given, 1):
        label = f"only_if[{number}]"
        tests = [key for key in ("equals", "in", "matches") if item[key] is not None]
        if len(tests) != 1:
            wrong.append(f"{label}: exactly one of equals, in and matches is needed, and {len(tests)} are given")
            continue
        wrong += [f"{label}: {text}" for text in _check_pattern(item["matches"], "matches")]
        if item["in"] == []:
            wrong.append(f"{label}: in: an empty list never holds; give it values, or leave the condition out")
        try:
            (place,) = _places(item["from"] if isinstance(item["from"], str) else None)
        except ValueError as error:
            wrong.append(f"{label}: from: {error}")
            continue
        conditions.append(
            {
                "place": place,
                "text": item["from"],
                "equals": None if item["equals"] is None else _plain_text(item["equals"]),
                "in": None if item["in"] is None else [_plain_text(value) for value in item["in"]],
                "matches": item["matches"],
                "negate": item["not"],
            }
        )
    return conditions, wrong


def _plain_text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def _placeholders(command):
    """The placeholders in a command, each with whether it is an argument by itself."""
    return [
        (part, element == [part])
        for element in command
        if not isinstance(element, str)
        for part in element
        if isinstance(part, dict)
    ]


def _check_command(command, declared):
    for part, alone in _placeholders(command):
        yield from _check_placeholder(declared[part["parameter"]], alone)


def _check_execution(endpoint, declared):
    """Whether a job can be executed when its request says as little as it may."""
    values = {name: parameter["default"] or "" for name, parameter in declared.items()}
    try:
        host.execution.check(endpoint["command"], endpoint["exec_limit"], values, {})
    except host.parameters.Invalid as invalid:
        yield from (
            f"job.args: {{{name}}} with its default {wrong}" for name, wrong in invalid.errors if name in declared
        )


def _parts(argument, declared):
    """An argument as it is, or, where it holds placeholders, the list of its literal and other parts: only the name of
    a declared parameter in braces is one."""
    names = "|".join(map(re.escape, declared))
    if not names:
        return argument
    pieces = re.split(r"\{(" + names + r")\}", argument)
    if len(pieces) == 1:
        return argument
    parts = [{"parameter": piece} if index % 2 else piece for index, piece in enumerate(pieces)]
    return [part for part in parts if part != ""]


def _check_placeholder(parameter, alone):
    name = parameter["name"]
    if parameter["sensitive"]:
        yield f"job.args: {{{name}}} is sensitive, and every local user can read arguments; use the environment"
    if not parameter["required"] and parameter["default"] is None:
        yield f"job.args: {{{name}}} may be missing; make the parameter required or give it a default"
    if alone and parameter["default"] is not None and parameter["default"].startswith("-"):
        yield f"job.args: the default of {{{name}}} begins with a dash and would be taken for an option"


def _known_names(declared, conditions):
    """What may stand in query and form beside the parameters that stand anywhere."""
    places = [place for parameter in declared for place in parameter["places"]]
    places += [condition["place"] for condition in conditions]
    known = {kind: {name for place, name in places if place in (kind, "any")} for kind in ("query", "form")}
    if any(place in ("json", "any") for place, _ in places):
        known["form"].add(host.sources.FORM_JSON)
    return {kind: sorted(names) for kind, names in known.items()}
