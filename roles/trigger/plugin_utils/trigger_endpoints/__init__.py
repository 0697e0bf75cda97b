# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoints on the controller: laid over their defaults, checked, and put into the form that the host needs.

No I/O. Every mistake becomes one message that names the endpoint and the key, and all of them are found in one go.
"""

from __future__ import annotations

from . import auth, checks, frontend, job_unit, parameters, specification  # noqa: F401


class Mistakes(ValueError):
    """What is wrong with the endpoints. messages: list of str."""

    def __init__(self, messages):
        super().__init__("\n".join(messages))
        self.messages = messages


def prepare(endpoints, defaults, options, read_secret, front=None):
    """Return the endpoints complete and checked: a list of dicts with every key of `options`.

    endpoints: list of dicts, as the user wrote them. defaults: dict, trigger_defaults. options: dict, the
    entry point `endpoint` of the role's argument_specs. read_secret: a function that returns a file's content,
    bytes, or raises ValueError. front: frontend.Frontend, or None where there is no front end.

    Beside the keys, each result has `addresses`, its `listen` as a list of values.Address; `seconds`, its time spans;
    `bytes`, its sizes; and what the programs on the host read: `guard` (trigger/auth.py), `declared`
    (trigger/parameters.py), `known_names`, `conditions` (trigger/conditions.py), `command` and `door` (see
    frontend.check).

    Raises Mistakes.
    """
    mistakes = list(front.mistakes) if front else []
    mistakes += [f"trigger_defaults: {text}" for text in specification.unknown_keys(defaults, options)]
    if "name" in defaults:
        mistakes.append("trigger_defaults: name: an endpoint's name cannot be a default")
    prepared = []
    for position, given in enumerate(endpoints, 1):
        label = _label(given, position)
        merged = specification.merge(defaults, given)
        if isinstance(merged.get("frontend"), bool):  # short for
            merged["frontend"] = {"enabled": merged["frontend"]}
        endpoint, wrong = specification.complete(merged, options)
        if not wrong and endpoint["state"] != "absent":
            wrong = [
                *checks.check(endpoint),
                *auth.check(endpoint, read_secret),
                *parameters.check(endpoint),
            ]
            if not wrong:  # it builds on the others
                wrong = list(frontend.check(endpoint, front, merged))
        mistakes += [f"{label}: {text}" for text in wrong]
        prepared.append(endpoint)
    if not mistakes:
        mistakes += [*checks.conflicts(prepared), *frontend.conflicts(prepared, front)]
    if mistakes:
        raise Mistakes(list(dict.fromkeys(mistakes)))
    return prepared


def _label(given, position):
    name = given.get("name")
    return f"endpoint {name!r}" if isinstance(name, str) else f"endpoint number {position} (without a name)"
