"""What the kernel takes when a job is executed, so that nothing is accepted whose run could not begin. No I/O.

execve(2), "Limits on size of arguments and environment": one string has a limit of its own, and all of them share a
part of the stack. Lengths are bytes, and each string is closed by a NUL.
"""

from trigger import parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Union

    Variables = Union[Iterable[tuple[bytes, bytes]], dict[bytes, bytes]]

STRING_LIMIT = 128 * 1024  # MAX_ARG_STRLEN
STACK = 8 * 1024 * 1024  # bytes, LimitSTACK= of the job's unit unless `service` says another
_LEAST, _MOST = 128 * 1024, 6 * 1024 * 1024  # of a stack's quarter
_POINTER = 8  # that the kernel counts for each string
# For what is not counted here: systemd's own variables, and the line that names an interpreter. What EnvironmentFile=
# brings is not known before the job's unit starts: where that is too much, the run has failed.
_OTHERS = 8 * 1024


def room(stack: float) -> int:
    """Return how many bytes arguments and variables may take together. stack: bytes, or infinity."""
    return int(min(stack // 2, max(_LEAST, min(stack // 4, _MOST)))) - _OTHERS  # a program needs some of it itself


def space(length: int) -> int:
    """What a string of so many bytes takes of the room."""
    return length + 1 + _POINTER


def check(
    command: list, limit: int, values: "dict[str, str]", variables: "Iterable[tuple[bytes, bytes]] | dict[bytes, bytes]"
) -> None:
    """Raise parameters.Invalid unless a job can be executed with a request's values and variables.

    command, limit: the endpoint's `command` and `exec_limit`. values: of all parameters that stand in the command.
    variables: those of `values` may be missing there.
    """
    told = dict(variables)
    told.update(parameters.variables(values))
    sizes = {name: len(text.encode()) for name, text in values.items()}
    arguments = [_argument(element, sizes) for element in command]
    errors = {}
    for length, names in arguments:
        if length >= STRING_LIMIT:
            text = "is part of an argument of the job that is longer than %d bytes" % (STRING_LIMIT - 1)
            errors.update((name, text) for name in names)
    owners = {parameters.variable(name).encode(): name for name in values}
    lengths = {name: len(name) + 1 + len(value) for name, value in told.items()}
    for name, length in lengths.items():
        if length >= STRING_LIMIT:
            owner = owners.get(name) or name.decode("latin-1")
            errors[owner] = "is too long: a variable of the job has at most %d bytes" % (STRING_LIMIT - 1)
    total = sum(space(length) for length, _ in arguments) + sum(map(space, lengths.values()))
    if not errors and total > limit:
        text = "is too long: the job's arguments and variables have at most %d bytes" % limit
        errors[_greatest(arguments, sizes, lengths, owners)] = text
    if errors:
        raise parameters.Invalid(list(errors.items()))


def _argument(element, sizes):
    """The length of an element of the command, and the parameters that stand in it."""
    parts = [element] if isinstance(element, str) else element
    names = [part["parameter"] for part in parts if not isinstance(part, str)]
    texts = [part for part in parts if isinstance(part, str)]
    return sum(len(text.encode("utf-8", "surrogateescape")) for text in texts) + sum(
        sizes[name] for name in names
    ), names


def _greatest(arguments, sizes, lengths, owners):
    """Name what takes the most: a parameter, in all places where it stands, or a variable."""
    taken = {owners.get(name) or name.decode("latin-1"): length for name, length in lengths.items()}
    for _, names in arguments:
        for name in names:
            taken[name] = taken.get(name, 0) + sizes[name]
    return max(taken, key=taken.get, default="")
