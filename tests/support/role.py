"""An endpoint's way from the playbook to the host: what the programs there read."""

import json

import reference

import trigger_endpoints
from trigger import strict_json
from trigger.endpoint import Endpoint

OPTIONS = reference.entry_points()["endpoint"]


def prepare(read_secret=None, **keys):
    """One endpoint, as the role makes it of its keys; those of no interest are filled in."""
    endpoint = {"name": "a", "job": {"command": ["/bin/true"]}, **keys}
    (prepared,) = trigger_endpoints.prepare([endpoint], {}, OPTIONS, read_secret)
    return prepared


def on_host(value):
    """A value that has gone through a file of the host."""
    return strict_json.decode(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def guard_entries(*auth, **keys):
    """What the acceptor is told of who may call: list of dicts."""
    return on_host(prepare(auth=list(auth), **keys)["guard"])


def endpoint(**keys):
    """What the programs on the host know of an endpoint, secrets apart."""
    prepared = prepare(**keys)
    settings = {
        **prepared,
        **prepared["seconds"],
        **prepared["bytes"],
        "keep_for": None if prepared["keep_for"] == "infinity" else prepared["seconds"]["keep_for"],
        "max_rate": prepared["rate"],
        "metrics": False,
        "parameters": prepared["declared"],
        "only_if": prepared["conditions"],
    }
    settings.update((key, None) for key, value in settings.items() if value == float("inf"))
    del settings["addresses"], settings["guard"], settings["name"], settings["seconds"]
    return Endpoint("a", on_host(settings))
