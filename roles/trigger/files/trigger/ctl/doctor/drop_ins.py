"""What drop-ins of the host's, or of somebody else's, make of an endpoint's services."""

from __future__ import annotations

import re

from trigger.ctl.doctor.finding import AGAIN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from trigger.ctl.status import Sight

OURS = ("/endpoint.conf", "/zzzz-trigger.conf")
_STARTS_NOT = re.compile("(Condition|Assert)[A-Z]|ExecCondition$")


def findings(seen: Sight) -> Iterator[Finding]:
    """What is wrong."""
    services = [seen.units.job] if seen.handoff else [seen.units.acceptor, seen.units.dispatcher, seen.units.job]
    for unit in services:
        paths = seen.of(unit, "DropInPaths").split()
        lines = [(path, key, value) for path in paths for key, value in directives(_read(path))]
        yield from _conditions(seen.name, unit, lines)
        yield from _credentials(seen.name, unit, lines)


def _conditions(name, unit, lines):
    """While one does not hold, systemd starts nothing, and the socket asks for it again at once."""
    for path, key, value in lines:
        if value and _STARTS_NOT.match(key) and not path.endswith(OURS):
            what = "%s has %s=: while that does not hold, %s does not start, and its socket spins" % (path, key, unit)
            yield Finding(name, what, "take it out; `triggerctl pause %s` holds runs back, `drain` requests too" % name)


def _credentials(name, unit, lines):
    wanted, present, taken_by = [], [], ""
    for path, key, value in lines:
        if key != "LoadCredential":
            continue
        if not value:
            present, taken_by = [], path
            continue
        present.append(value)
        if path.endswith(OURS):
            wanted.append(value)
    if set(wanted) - set(present):
        yield Finding(name, "%s takes LoadCredential= from %s, so no secret reaches it" % (taken_by, unit), AGAIN)


def directives(text: str) -> Iterator[tuple[str, str]]:
    """What stands in a unit's file: key and value of each line."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        key, equals, value = line.partition("=")
        if equals and line.lstrip()[0] not in "#;":
            yield key.strip(), value.strip()


def _read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
