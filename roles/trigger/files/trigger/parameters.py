"""The values that a request passes to its job: found, checked, and put in their places. No I/O.

A parameter is a dict as the role wrote it: name, label and description (for people, or null), type, required, default
(its text or null), choices (texts or null), pattern, min, max, max_length, places, sensitive, and `leads`: whether it
is a whole argument of the job.
A value is text from here on: what the job gets in its environment and arguments.

`check` is called three times, so that each rule stands in one place: by the role for defaults, by the acceptor,
and, since that one may have been taken over, again before a run.
"""

from trigger.strict_json import Number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.sources import Sources

PREFIX = "TRIGGER_PARAM_"
TOTAL_LIMIT = 64 * 1024  # bytes of all values; the kernel takes 128 KiB in one argument
UNDECLARED_LIMIT = 20  # of these are named in an answer
HIDDEN = "(sensitive)"

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_WANTED = {
    "string": "must be a string",
    "integer": "must be an integer",
    "number": "must be a number",
    "boolean": "must be true or false",
}
_WORDS = {"true": "true", "1": "true", "yes": "true", "on": "true"}
_WORDS.update({"false": "false", "0": "false", "no": "false", "off": "false"})


class Invalid(Exception):
    """errors: list of (name of a parameter, str, what is wrong with it, str). No value is repeated."""

    def __init__(self, errors: "list[tuple[str, str]]") -> None:
        super().__init__(errors)
        self.errors = errors


def collect(
    parameters: "list[dict]", sources: "Sources", known_names: "dict[str, list[str]] | None" = None
) -> "dict[str, str]":
    """Find and check the parameters of a request.

    known_names: dict of "query" and "form" to the names that may stand there, or None when all may.

    Returns them by name. Raises Invalid, and Refusal when query, form or JSON cannot be read.
    """
    errors = []
    values = {}
    texts = {name for parameter in parameters for kind, name in parameter["places"] if kind in ("form", "any")}
    for parameter in parameters:
        try:
            text = _read(parameter, sources, texts)
            if text is not None:
                values[parameter["name"]] = text
        except ValueError as error:
            errors.append((parameter["name"], str(error)))
    if known_names is not None:
        errors += _undeclared(sources, known_names)
    errors += _check_total(values)
    if errors:
        raise Invalid(errors)
    return values


def check(parameter: dict, text: str) -> None:
    """Raise ValueError unless a parameter may have the value."""
    if len(text) > parameter["max_length"]:
        raise ValueError("is longer than %d characters" % parameter["max_length"])
    if "\0" in text:
        raise ValueError("holds a NUL, which no program can be passed")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    _check_type(parameter, text)
    if parameter["choices"] is not None and text not in parameter["choices"]:
        raise ValueError("is none of the choices")
    if parameter["pattern"] is not None:
        import re

        if not re.fullmatch(parameter["pattern"], text):
            raise ValueError("does not match the pattern")
    elif "\n" in text or "\r" in text:
        raise ValueError("holds a line break")
    if parameter["leads"] and text[:1] == "-":
        raise ValueError("begins with a dash, and would be taken for an option")


def label(parameter: dict) -> str:
    """What people call a parameter. Files of earlier releases have no label in them."""
    return parameter.get("label") or parameter["name"]


def labels(parameters: "list[dict] | None") -> "dict[str, str]":
    """The labels of those that have one, by name."""
    return {each["name"]: each["label"] for each in parameters or () if each.get("label")}


def variables(values: "dict[str, str]") -> "list[tuple[bytes, bytes]]":
    """The values as a job's environment."""
    return [(variable(name).encode(), text.encode()) for name, text in values.items()]


def variable(name: str) -> str:
    """The environment variable of the parameter called name."""
    return PREFIX + name.upper().replace("-", "_")


def read_back(parameters: "list[dict]", environment: "dict[bytes, bytes]") -> "dict[str, str]":
    """Find the values in a request's variables, by name. Raises Invalid where one is not what a request could have
    brought."""
    errors = []
    values = {}
    for parameter in parameters:
        try:
            encoded = environment.get(variable(parameter["name"]).encode())
            if encoded is not None:
                text = values[parameter["name"]] = _decode(encoded)
                check(parameter, text)
            elif parameter["required"]:
                raise ValueError("is required")
            elif parameter["default"] is not None:  # which it may not have had when the request was accepted
                values[parameter["name"]] = parameter["default"]
        except ValueError as error:
            errors.append((parameter["name"], str(error)))
    errors += _check_total(values)
    if errors:
        raise Invalid(errors)
    return values


def expand(command: list, values: "dict[str, str]") -> "list[str]":
    """Put the values into a command. Each element of it is a str, or a list of str and {"parameter": name}. What a
    value says is never looked at again."""
    return [
        element
        if isinstance(element, str)
        else "".join(part if isinstance(part, str) else values[part["parameter"]] for part in element)
        for element in command
    ]


def shown(parameters: "list[dict]", environment: "dict[bytes, bytes]") -> "dict[str, str]":
    """What a record may tell of the values in a request's variables."""
    told = {}
    for parameter in parameters:
        encoded = environment.get(variable(parameter["name"]).encode())
        if encoded is not None:
            told[parameter["name"]] = HIDDEN if parameter["sensitive"] else encoded.decode(errors="replace")
    return told


def text_of(parameter: dict, value: object) -> str:
    """Return a value as text, in its one spelling. Raises ValueError when it is of another type.

    value: a bool, a strict_json.Number, a str (as all is that comes from a query, form or field), or anything else.
    """
    kind = parameter["type"]
    if isinstance(value, bool) and kind == "boolean":
        return "true" if value else "false"
    if isinstance(value, Number):
        if kind in ("integer", "number"):
            return str(value)
    elif isinstance(value, str):
        return _WORDS.get(value, value) if kind == "boolean" else str(value)
    raise ValueError(_WANTED[kind])


def _read(parameter, sources, texts):
    """The parameter's text, or None when the request does not say it. Raises ValueError."""
    for place in parameter["places"]:
        found = sources.find(place, texts)
        if len(found) > 1:
            raise ValueError("is given twice")
        if found and found[0] is not None:
            text = text_of(parameter, found[0])
            check(parameter, text)
            return text
    if parameter["required"]:
        unread = [text for text in map(sources.unread, parameter["places"]) if text]
        raise ValueError("is required" + (", but " + unread[0] if unread else ""))
    return parameter["default"]


def _decode(encoded):
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None


def _check_total(values):
    if sum(len(text.encode()) for text in values.values()) > TOTAL_LIMIT:
        return [("", "all values together are larger than %d bytes" % TOTAL_LIMIT)]
    return []


def _check_type(parameter, text):
    kind = parameter["type"]
    if kind == "boolean":
        if text not in ("true", "false"):
            raise ValueError(_WANTED[kind])
    elif kind in ("integer", "number"):
        if not (_is_integer(text) or (kind == "number" and _is_decimal(text))):
            raise ValueError(_WANTED[kind])
        number = _number(kind, text)
        if kind == "number" and number in (float("inf"), float("-inf")):
            raise ValueError("is too large")
        if parameter["min"] is not None and number < parameter["min"]:
            raise ValueError("is less than %s" % parameter["min"])
        if parameter["max"] is not None and number > parameter["max"]:
            raise ValueError("is more than %s" % parameter["max"])


def _number(kind, text):
    """What to compare with min and max. Python converts 4300 digits at most (sys.set_int_max_str_digits)."""
    if kind == "number":
        return float(text)
    if len(text.lstrip("-0")) > 4000:
        return float("-inf") if text[0] == "-" else float("inf")
    return int(text.lstrip("-0") or "0") * (-1 if text[0] == "-" else 1)


def _is_integer(text):
    digits = text[1:] if text[:1] == "-" else text
    return digits.isascii() and digits.isdigit()


def _is_decimal(text):
    mantissa, has_exponent, exponent = text.lower().partition("e")
    whole, has_fraction, fraction = mantissa.partition(".")
    if has_exponent and not _is_integer("-" + exponent[1:] if exponent[:1] == "+" else exponent):
        return False
    return _is_integer(whole) and (not has_fraction or (fraction.isascii() and fraction.isdigit()))


def _undeclared(sources, known_names):
    errors = []
    for kind, known in known_names.items():
        for name in sources.pairs(kind):
            if name not in known:
                # The name is the client's. It is repeated only where it can be nothing but a name.
                is_name = 0 < len(name) <= 64 and all(character in _NAME for character in name)
                errors.append((name if is_name else "", "is not a parameter here"))
    return errors[:UNDECLARED_LIMIT]
