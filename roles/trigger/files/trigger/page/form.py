"""The form by which a person starts an endpoint: its fields, and what comes back from them. No I/O."""

from __future__ import annotations

import math
import re

from trigger import sources
from trigger.http import Refusal, Request
from trigger.page import told
from trigger.page.markup import Markup, element, join
from trigger.parameters import HIDDEN, label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint

TOKEN = ".token"  # which cannot be the name of a parameter
SURE = ".sure"  # the box that somebody has to tick where that is asked for
RUN = ".run"  # which is to be cancelled
EMPTIED = ".emptied"  # the sensitive fields that had been filled in, when the form came back without what was in them
_LEFT_EMPTY = {
    True: "was filled in before and is required: type it again",
    False: "was filled in before and is empty now: type it again, or start without it",
}
# Of a regular expression: its sets, escapes and characters, and the begin of a group in which a dot is any character.
_PARTS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|.", re.DOTALL)
_DOTALL = re.compile(r"\(\?[a-zA-Z]*s[a-zA-Z]*[-:]")
_BOOLEAN = {"true": "Yes", "false": "No"}


def needs_input(endpoint: Endpoint) -> bool:
    """Whether the endpoint cannot be started without somebody filling something in."""
    return any(parameter["required"] for parameter in endpoint.parameters or ())


def asks_first(endpoint: Endpoint) -> bool:
    """Whether somebody has to tick a box before it is started. Files of earlier releases say nothing of that."""
    return bool(endpoint.frontend.get("confirm"))


def button_alone(endpoint: Endpoint, token: str) -> Markup:
    """Return a form without fields, Markup, for an endpoint that needs none."""
    return _form(endpoint, token, _button(endpoint))


def button_of_get(endpoint: Endpoint) -> Markup:
    """Return the same for an endpoint that GET alone starts, which shows what its job makes. It is no link: those are
    followed by programs, too, and ahead of time."""
    return element("form", _button(endpoint), method="get", action=endpoint.frontend["location"])


def cancel_button(endpoint: Endpoint, token: str, request_id: str) -> Markup:
    """Return a form that cancels a run, Markup."""
    told = {TOKEN: token, RUN: request_id}
    hidden = [element("input", type="hidden", name=name, value=value) for name, value in told.items()]
    button = element("button", "Cancel this run", class_="button")
    action = endpoint.frontend["location"] + "cancel"
    return element("form", *hidden, button, method="post", action=action, class_="cancel")


def draw(
    endpoint: Endpoint, token: str, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None
) -> Markup:
    """Return the form. token: access.Visitor.token(). typed: what was typed before, by name; None when nothing was.
    errors: what is wrong with it, by name."""
    fields = [
        _field(parameter, typed, (errors or {}).get(parameter["name"])) for parameter in endpoint.parameters or ()
    ]
    emptied = [parameter["name"] for parameter in endpoint.parameters or () if _is_emptied(parameter, typed)]
    if emptied:
        fields.append(element("input", type="hidden", name=EMPTIED, value=" ".join(emptied)))
    if asks_first(endpoint):
        fields.append(_tick(endpoint))
    button = element("button", "Start", class_="button first")
    return element("div", _form(endpoint, token, *fields, button), class_="sheet")


def typed_before(endpoint: Endpoint, record: dict) -> dict[str, str]:
    """Return what has to be in the form for the values of a run, by name, as draw() takes it. What is sensitive is not
    known: of that the form says that it was there."""
    known = told.values(endpoint, record)
    given = record.get("parameters") or {}
    typed = {}
    for parameter in endpoint.parameters or ():
        name, text = parameter["name"], parameter["default"]
        if parameter["sensitive"]:
            text = HIDDEN if name in given and text is None else None
        elif name in known:
            choices = _choices(parameter)
            text = known[name] if choices is None or known[name] in dict(choices) else text
        if text is not None:
            typed[name] = text
    return typed


def summary(endpoint: Endpoint, errors: list[tuple[str, str]]) -> Markup:
    """Return what is said above a form that came back. errors: names, and what is wrong."""
    known = {parameter["name"]: label(parameter) for parameter in endpoint.parameters or ()}
    items = [
        element("li", element("a", known[name], " ", wrong, href="#" + _id(name)))
        if name in known
        else element("li", " ".join(filter(None, (name, wrong))))
        for name, wrong in errors
    ]
    heading = element("h2", "Nothing was started: please look at this again")
    # So that it is what is read, and what the keyboard goes on from.
    return element(
        "div", heading, element("ul", *items), class_="sheet summary", role="alert", tabindex=-1, autofocus=True
    )


def read(endpoint: Endpoint, request: Request, body: bytes) -> tuple[str, dict[str, str]]:
    """Return the token that a form brings back, and what was typed, by name and without the fields left empty. Raises
    Refusal for what is none of our forms."""
    pairs = sources.Sources(request, lambda: body).pairs("form")
    if any(len(values) > 1 for values in pairs.values()):
        raise Refusal(400, "the form has a field twice")
    filled = {name: values[0] for name, values in pairs.items()}
    for parameter in endpoint.parameters or ():
        if has_lines(parameter) and parameter["name"] in filled:
            # So a browser sends each line break of a text area (HTML standard, 4.10.22.4).
            filled[parameter["name"]] = filled[parameter["name"]].replace("\r\n", "\n")
    return filled.pop(TOKEN, ""), {name: value for name, value in filled.items() if value}


def left_empty(endpoint: Endpoint, typed: dict[str, str]) -> list[tuple[str, str]]:
    """Take out of what was typed which fields had been emptied, and return those that were not filled in again: names,
    and what is wrong. That is told once and not left out in silence; the next form takes it."""
    emptied = typed.pop(EMPTIED, "").split()
    return [
        (parameter["name"], _LEFT_EMPTY[parameter["required"]])
        for parameter in endpoint.parameters or ()
        if parameter["sensitive"] and parameter["name"] in emptied and parameter["name"] not in typed
    ]


def has_lines(parameter: dict) -> bool:
    """Whether a parameter's pattern allows line breaks, and somebody types it, so that there is a text area for it: of
    the pattern's parts one can be a line break."""
    pattern = parameter["pattern"]
    if pattern is None or parameter["type"] != "string" or parameter["sensitive"] or parameter["choices"] is not None:
        return False
    try:
        flags = re.compile(pattern).flags & re.DOTALL
    except re.error:
        return False  # it is another Python's
    if _DOTALL.search(pattern):
        flags = re.DOTALL
    return any(_is_line_break(part, flags) for part in _PARTS.findall(pattern))


def check_names(endpoint: Endpoint, typed: dict[str, str]) -> None:
    """Raise Refusal when something was filled in that is no field of the form."""
    if not {parameter["name"] for parameter in endpoint.parameters or ()}.issuperset(typed):
        raise Refusal(400, "the form has a field that is not its own")


def _form(endpoint, token, *content):
    hidden = element("input", type="hidden", name=TOKEN, value=token)
    return element("form", hidden, *content, method="post", action=endpoint.frontend["location"] + "start")


def _button(endpoint):
    return element("button", "Start", class_="button", aria_label="Start " + endpoint.name)


def _tick(endpoint):
    # No parameter has an id without a prefix.
    box = element("input", type="checkbox", id="sure", name=SURE, value="yes", required=True)
    label = element("label", box, " Yes, start ", endpoint.name, for_="sure")
    return element("div", label, class_="field tick")


def _id(name):
    return "field-" + name


def _field(parameter, typed, error):
    name = parameter["name"]
    hint = _hint(parameter)
    mark = element("span", " (required)", class_="mark") if parameter["required"] else ""
    again = "It is not kept here: type it again." if _is_emptied(parameter, typed) else None
    texts = ((hint, "hint-"), (again, "again-"), (error, "error-"))
    described = [(part, prefix + name) for part, prefix in texts if part]
    control = {
        "id": _id(name),
        "name": name,
        "required": parameter["required"],
        "aria_describedby": " ".join(identifier for _, identifier in described) or None,
        "aria_invalid": "true" if error else None,
    }
    return element(
        "div",
        element("label", label(parameter), mark, for_=_id(name)),
        element("p", hint, class_="hint", id="hint-" + name) if hint else "",
        element("p", again, class_="again", id="again-" + name) if again else "",
        element("p", label(parameter), " ", error, class_="wrong", id="error-" + name) if error else "",
        _control(parameter, _shown(parameter, typed), control),
        class_="field",
    )


def _is_line_break(part, flags):
    try:
        return re.fullmatch(part, "\n", flags) is not None
    except re.error:
        return False  # such as a bracket that stands for a group


def _is_emptied(parameter, typed):
    """Whether a field comes back without what was typed into it."""
    return parameter["sensitive"] and bool((typed or {}).get(parameter["name"]))


def _shown(parameter, typed):
    """What stands in the field, str or None, if it may be shown."""
    return parameter["default"] if typed is None else typed.get(parameter["name"])


def _hint(parameter):
    hints = [parameter["description"]] if parameter.get("description") else []
    limits = _limits(parameter)
    if limits:
        hints.append(limits)
    if parameter["pattern"] is not None:
        hints.append(join(("Must match ", element("code", parameter["pattern"]), ".")))
    if parameter["default"] and (parameter["sensitive"] or _choices(parameter) is None):
        default = "a default" if parameter["sensitive"] else element("code", parameter["default"])
        hints.append(join(("Left empty, it is ", default, ".")))
    return join(hints, " ")


def _limits(parameter):
    """The limits of a number in words, "" where there is none."""
    if _choices(parameter) is not None:
        return ""
    low, high = parameter["min"], parameter["max"]
    if low is not None and high is not None:
        return "From %s to %s." % (low, high)
    return "At least %s." % low if low is not None else "At most %s." % high if high is not None else ""


def _control(parameter, shown, attributes):
    """Return the control of a parameter. attributes: dict, those that each has."""
    if parameter["sensitive"]:  # what was typed stays away, and so does a default
        return element("input", type="password", autocomplete="off", maxlength=parameter["max_length"], **attributes)
    choices = _choices(parameter)
    if choices is not None:
        return _select(parameter, choices, shown, attributes)
    if parameter["type"] in ("integer", "number"):
        return element("input", type="number", value=shown, **_bounds(parameter), **attributes)
    if has_lines(parameter):
        # HTML drops the first line feed, and would otherwise drop one of the value's.
        return element(
            "textarea", "\n", shown or "", rows=5, maxlength=parameter["max_length"], autocomplete="off", **attributes
        )
    return element(
        "input", type="text", value=shown, maxlength=parameter["max_length"], autocomplete="off", **attributes
    )


def _choices(parameter):
    """What can be chosen, pairs of value and what stands for it, or None where it is typed."""
    if parameter["type"] == "boolean":
        return [(value, _BOOLEAN.get(value, value)) for value in parameter["choices"] or _BOOLEAN]
    return parameter["choices"] and [(value, value) for value in parameter["choices"]]


def _select(parameter, choices, shown, attributes):
    options = [element("option", text, value=value, selected=value == shown) for value, text in choices]
    if parameter["default"] is None:
        options.insert(0, element("option", "Choose…" if parameter["required"] else "Not given", value=""))
    return element("select", *options, **attributes)


def _bounds(parameter):
    """The limits of a number. What a browser steps by counts from min, so of an integer that has to be whole."""
    low, high = parameter["min"], parameter["max"]
    if parameter["type"] == "integer":
        low, high = low if low is None else math.ceil(low), high if high is None else math.floor(high)
    return {"min": low, "max": high, "step": 1 if parameter["type"] == "integer" else "any"}
