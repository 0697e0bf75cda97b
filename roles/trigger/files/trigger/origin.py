"""What a request came by, and through which other endpoints. No I/O.

A client's request says nothing of that: it came by HTTP. The others are written by root, who says it by two variables
of the entry; in an entry of an acceptor's they are none that a request sets.
"""

HTTP, FIRE, SCHEDULE, UNIT = "http", "fire", "schedule", "unit"
SOURCE = b"TRIGGER_SOURCE"  # one of these; the job is told, too
HOPS = b"TRIGGER_HOPS"  # the endpoints whose ends have led here, one after the other, with spaces between
VARIABLES = frozenset((SOURCE, HOPS))
HOPS_LIMIT = 16

_BEGIN, _END = "trigger-fire@", ".service"


def variables(source: str, hops: "list[str]") -> "list[tuple[bytes, bytes]]":
    """Return what an entry says."""
    said = [(SOURCE, source.encode())]
    return [*said, (HOPS, " ".join(hops).encode())] if hops else said


def hops(variables: "dict[bytes, bytes]") -> "list[str]":
    """Return what an entry's variables say of the endpoints that have led to it."""
    return variables.get(HOPS, b"").decode("ascii", "replace").split()


def told(variables: "dict[bytes, bytes]", hops: "list[str]") -> dict:
    """Return what a record says: `source`, that of an entry's variables, and `hops` where there are any."""
    source = variables.get(SOURCE, HTTP.encode()).decode("ascii", "replace")
    return {"source": source, "hops": hops} if hops else {"source": source}


def fired_by(unit: str) -> "str | None":
    """Return the endpoint that a unit fires, None where it is no such unit."""
    if not unit.startswith(_BEGIN) or not unit.endswith(_END):
        return None
    return unit[len(_BEGIN) : -len(_END)] or None
