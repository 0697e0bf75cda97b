# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What changes a host: a list of steps. Check mode tells them; apply() takes one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Callable, NamedTuple

from .trigger_files import File, Link, Place
from .trigger_systemd import systemctl

FRONTEND = ".frontend"  # among the names of endpoints, of which none begins so


class Outcome(NamedTuple):
    """What is told when a step is done, where only then it is known."""

    tells: Mapping[str, Sequence[str]] = {}
    warnings: Sequence[str] = ()


class Step(NamedTuple):
    """One thing to do. `says`: what, in one line. `do`: does it. `tells`: sentences for when it is done, by the name of
    the endpoint, or FRONTEND. `diff`: what Ansible shows with --diff."""

    says: str
    do: Callable[[], Outcome | None]
    tells: Mapping[str, Sequence[str]] = {}
    diff: Sequence[dict[str, str]] = ()


class Report:
    """What was done. `done`: by the name of the endpoint, or FRONTEND, in order."""

    def __init__(self) -> None:
        self.done: dict[str, list[str]] = {}
        self.warnings: list[str] = []

    def add(self, tells: Mapping[str, Sequence[str]], warnings: Iterable[str] = ()) -> None:
        for name, sentences in tells.items():
            self.done.setdefault(name, []).extend(sentences)
        self.warnings.extend(warnings)


def apply(steps: Iterable[Step], report: Report) -> None:
    """Take the steps in their order, and add to the report what is done. What one of them raises ends that; the next
    run of the role finds what is left."""
    for step in steps:
        outcome = step.do()
        report.add(step.tells)
        if outcome:
            report.add(*outcome)


def call_systemctl(verb: str, units: Iterable[str], *options: str) -> list[Step]:
    """A step for units; none where there are no units."""
    units = list(units)
    do: Any = partial(systemctl, verb, units, *options)
    return [Step(f"systemctl {verb} {' '.join(units)}", do)] if units else []


def write(files: Iterable[File | Link | Place], name: str | None = None) -> list[Step]:
    """A step for each of them that changes, of an endpoint or FRONTEND."""
    return [_write(file, name) for file in files if file.changed]


def _write(file: File | Link | Place, name: str | None) -> Step:
    sentence = f"{file.path} {_what_happens(file)}"
    return Step(sentence, file.write, {name: [sentence]} if name else {}, [file.diff()])


def _what_happens(file: File | Link | Place) -> str:
    if isinstance(file, Place):
        return f"set to {file.rights}" if file.before else "made"
    if isinstance(file, File) and file.content is None:
        return "removed" if file.before is not None else "removed, a draft"
    return "written"
