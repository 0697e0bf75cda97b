# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request may say: checks `parameters`, `only_if` and the placeholders in `job.args`, and puts them into the
form of files/trigger/parameters.py and files/trigger/conditions.py, whose rules apply to defaults and choices, too.
"""

from __future__ import annotations

import re

from . import host

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
LENGTH_LIMIT = 32 * 1024  # characters
NO_NUMBERS = (float("inf"), float("-inf"))
PLACES = "query:NAME, form:NAME, header:NAME or json:/pointer"


def check(endpoint):
    """Yield what is wrong, and set the endpoint's `declared`, `known_names`, `conditions` and `command`."""
    endpoint["declared"] = endpoint["known_names"] = None
    endpoint["conditions"] = []
    if endpoint["parameters"] is not None:
        endpoint["declared"] = []
        for number, item in enumerate(endpoint["parameters"], 1):
            yield from _check_parameter(endpoint["declared"], item, f"parameters[{number}] ({item['name']})")
        yield from _check_names(endpoint["declared"])
    yield from _check_conditions(endpoint)
    yield from _check_command(endpoint)
    if endpoint["declared"] is not None and endpoint["extra_parameters"] == "refuse":
        endpoint["known_names"] = _known_names(endpoint)


def _check_parameter(declared, item, label):
    if not NAME.fullmatch(item["name"]):
        yield f"{label}: a name begins with a letter and holds letters, digits, _ and -, 64 at most"
    parameter = {key: item[key] for key in ("name", "type", "required", "pattern", "min", "max", "max_length")}
    parameter.update(sensitive=item["sensitive"], default=None, choices=None, leads=False, places=[])
    declared.append(parameter)
    wrong = [
        *_check_bounds(parameter),
        *_check_pattern(item["pattern"], "pattern"),
        *_read_places(parameter, item["from"]),
    ]
    if not wrong:
        wrong = [*_read_choices(parameter, item["choices"]), *_read_default(parameter, item["default"])]
    yield from (f"{label}: {text}" for text in wrong)


def _check_bounds(parameter):
    for key in ("min", "max"):
        bound = parameter[key]
        if bound is None:
            continue
        if isinstance(bound, bool) or not isinstance(bound, (int, float)) or bound in NO_NUMBERS or bound != bound:
            yield f"{key}: {bound!r} is no number"
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
            yield f"{key}: {pattern!r} is no regular expression: {error}"


def _read_places(parameter, given):
    if given is None:
        parameter["places"] = [["any", parameter["name"]]]
        return
    try:
        parameter["places"] = _places(given)
    except ValueError as error:
        yield f"from: {error}"


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
    raise ValueError(f"{text!r} is no place; write {PLACES}")


def _read_choices(parameter, given):
    if given is None:
        return
    if not given:
        yield "choices: an empty list; leave the key out"
    parameter["choices"] = None  # so that each is not asked to be among them
    choices = []
    for value in given:
        try:
            choices.append(_text(parameter, value))
        except ValueError as error:
            yield f"choices: {value!r} {error}"
    parameter["choices"] = choices


def _read_default(parameter, given):
    if given is None:
        return
    if parameter["required"]:
        yield "default: a required parameter needs none"
    try:
        parameter["default"] = _text(parameter, given)
    except ValueError as error:
        yield f"default: it {error}"


def _text(parameter, value):
    """A value of the playbook as the job would get it. Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = host.strict_json.Number(value)
    text = host.parameters.text_of(parameter, value)
    host.parameters.check(parameter, text)
    return text


def _check_names(declared):
    variables = {}
    for parameter in declared:
        variable = host.parameters.variable(parameter["name"])
        if variable in variables:
            yield f"parameters: {variables[variable]} and {parameter['name']} would both be {variable}"
        variables[variable] = parameter["name"]


def _check_conditions(endpoint):
    for number, item in enumerate(endpoint["only_if"], 1):
        label = f"only_if[{number}]"
        tests = [key for key in ("equals", "in", "matches") if item[key] is not None]
        if len(tests) != 1:
            yield f"{label}: exactly one of equals, in and matches is needed, and {len(tests)} are given"
            continue
        yield from (f"{label}: {text}" for text in _check_pattern(item["matches"], "matches"))
        try:
            (place,) = _places(item["from"] if isinstance(item["from"], str) else None)
        except ValueError as error:
            yield f"{label}: from: {error}"
            continue
        endpoint["conditions"].append(
            {
                "place": place,
                "text": item["from"],
                "equals": None if item["equals"] is None else _plain_text(item["equals"]),
                "in": None if item["in"] is None else [_plain_text(value) for value in item["in"]],
                "matches": item["matches"],
                "negate": item["not"],
            }
        )


def _plain_text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_command(endpoint):
    """Find the placeholders: only the name of a declared parameter in braces is one."""
    job = endpoint["job"]
    declared = {parameter["name"]: parameter for parameter in endpoint["declared"] or []}
    program = job["command"] or [f"{host.names.JOBS}/{endpoint['name']}"]
    endpoint["command"] = [*program, *(_parts(argument, declared) for argument in job["args"])]
    for element in endpoint["command"]:
        if isinstance(element, str):
            continue
        for part in element:
            if isinstance(part, dict):
                yield from _check_placeholder(declared[part["parameter"]], alone=element == [part])
    yield from _check_execution(endpoint, declared)


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
    """An argument as it is, or, where it holds placeholders, the list of its literal and other parts."""
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
    parameter["leads"] = parameter["leads"] or alone
    if parameter["sensitive"]:
        yield f"job.args: {{{name}}} is sensitive, and every local user can read arguments; use the environment"
    if not parameter["required"] and parameter["default"] is None:
        yield f"job.args: {{{name}}} may be missing; make the parameter required or give it a default"
    if alone and parameter["default"] is not None and parameter["default"].startswith("-"):
        yield f"job.args: the default of {{{name}}} begins with a dash and would be taken for an option"


def _known_names(endpoint):
    """What may stand in query and form beside the parameters that stand anywhere."""
    places = [place for parameter in endpoint["declared"] for place in parameter["places"]]
    places += [condition["place"] for condition in endpoint["conditions"]]
    known = {kind: {name for place, name in places if place in (kind, "any")} for kind in ("query", "form")}
    if any(place in ("json", "any") for place, _ in places):
        known["form"].add(host.sources.FORM_JSON)
    return {kind: sorted(names) for kind, names in known.items()}
