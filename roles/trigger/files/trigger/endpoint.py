"""The configuration of one endpoint, as the role wrote it to /etc/trigger/NAME.json."""

import _json

DIRECTORY = "/etc/trigger"
SPOOL = "/var/spool/trigger"
STATE = "/var/lib/trigger"
RUNTIME = "/run/trigger"


class Endpoint:
    """The keys of the file as attributes; what they mean stands in the role's argument_specs.

    Times are seconds (float), sizes bytes (int). `name`, and the paths below it, come from the
    instance's name.
    """

    def __init__(self, name, settings):
        self.__dict__.update(settings)
        self.name = name
        self.user = "trigger-" + name  # the acceptor's
        self.spool = SPOOL + "/" + name
        self.claimed = STATE + "/" + name + "/claimed"
        self.runs = STATE + "/" + name + "/runs"


def load(name, directory=DIRECTORY):
    """Return the Endpoint called name. Raises OSError and ValueError."""
    with open(directory + "/" + name + ".json", encoding="utf-8") as file:
        return Endpoint(name, decode_json(file.read()))


def decode_json(text):
    """json.loads() for a file that a program of ours wrote.

    The scanner below is the one that json itself uses. Importing json would cost 9 ms at every start,
    nearly all of it for the regular expressions of its Python half. Raises ValueError.
    """
    try:
        value, end = _json.make_scanner(_ScannerContext())(text, len(text) - len(text.lstrip()))
    except StopIteration:
        raise ValueError("this is not JSON") from None
    if text[end:].strip():
        raise ValueError("something follows the JSON value")
    return value


class _ScannerContext:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = None
