# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Endpoints on the controller: laid over their defaults, checked, and put into the form that the host needs.

No I/O. Every mistake becomes one message that names the endpoint and the key, and all of them are found in one go.
"""

from __future__ import annotations

from typing import Any

from . import auth, checks, frontend, job_unit, parameters, specification  # noqa: F401


class Mistakes(ValueError):
    """What is wrong with the endpoints."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


def prepare(
    endpoints: list[dict[str, Any]],
    defaults: dict[str, Any],
    options: dict[str, Any],
    read_secret: auth.ReadSecret,
    front: frontend.Frontend | None = None,
) -> list[dict[str, Any]]:
    """The endpoints complete and checked, each with every key of `options`.

    endpoints: as the user wrote them. defaults: trigger_defaults. options: the entry point `endpoint` of the role's
    argument_specs. front: None where there is no front end.

    Beside the keys, each result has `addresses`, its `listen` as a list of values.Address; `seconds`, its time spans;
    `bytes`, its sizes; `says_timeout`, whether it or the defaults say `timeout`; and what the programs on the host
    read: `guard` (trigger/acceptor/auth.py), `declared` (trigger/parameters.py), `known_names`, `conditions`
    (trigger/conditions.py), `command` and `door` (see frontend.check).

    Raises Mistakes.
    """
    mistakes = list(front.mistakes) if front else []
    mistakes += [f"trigger_defaults: {text}" for text in specification.unknown_keys(defaults, options)]
    if "name" in defaults:
        mistakes.append("trigger_defaults: name: an endpoint's name cannot be a default")
    prepared = []
    for position, given in enumerate(endpoints, 1):
        endpoint, wrong = _prepare(specification.merge(defaults, given), options, read_secret, front)
        prepared.append(endpoint)
        mistakes += [f"{_label(given, position)}: {text}" for text in wrong]
    if not mistakes:
        mistakes += [*checks.conflicts(prepared), *frontend.conflicts(prepared, front)]
    if mistakes:
        raise Mistakes(list(dict.fromkeys(mistakes)))
    return prepared


def _prepare(given, options, read_secret, front):
    """One endpoint, and what is wrong with it."""
    if isinstance(given.get("frontend"), bool):  # short for
        given["frontend"] = {"enabled": given["frontend"]}
    endpoint, wrong = specification.complete(given, options)
    if wrong or endpoint["state"] == "absent":
        return endpoint, wrong
    endpoint["says_timeout"] = given.get("timeout") is not None
    if endpoint["body_limit"] is None:
        endpoint["body_limit"] = auth.body_limit(endpoint["auth"])
    endpoint, wrong = checks.check(endpoint)
    endpoint, wrong_auth = auth.check(endpoint, read_secret)
    endpoint, wrong_parameters = parameters.check(endpoint)
    wrong = wrong + wrong_auth + wrong_parameters
    # The front end's builds on the others.
    return (endpoint, wrong) if wrong else frontend.check(endpoint, front, given)


def _label(given, position):
    name = given.get("name")
    return f"endpoint {name!r}" if isinstance(name, str) else f"endpoint number {position} (without a name)"
