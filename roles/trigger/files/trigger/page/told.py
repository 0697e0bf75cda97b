"""What a run was told, and by whom, as its record says. No I/O."""

from __future__ import annotations

from trigger import parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint


def asked_by(record: dict) -> str:
    """Return who asked for a run: a user, else an address, or "" where neither is known."""
    return record.get("remote_user") or record.get("remote_addr") or ""


def values(endpoint: Endpoint, record: dict) -> dict[str, str]:
    """Return the values of a run's parameters, by name, without those that are sensitive, or were when it ran."""
    sensitive = [parameter["name"] for parameter in endpoint.parameters or () if parameter["sensitive"]]
    return {
        name: text
        for name, text in (record.get("parameters") or {}).items()
        if name not in sensitive and text != parameters.HIDDEN
    }


def labelled(endpoint: Endpoint, values: dict[str, str]) -> list[tuple[str, str]]:
    """Return values by what people call their parameters: list of (label, value)."""
    labels = parameters.labels(endpoint.parameters)
    return [(labels.get(name, name), text) for name, text in values.items()]


def unusual(endpoint: Endpoint, record: dict) -> dict[str, str]:
    """Return those of values() that are not their parameters' defaults."""
    defaults = {parameter["name"]: parameter["default"] for parameter in endpoint.parameters or ()}
    return {name: text for name, text in values(endpoint, record).items() if text != defaults.get(name)}
