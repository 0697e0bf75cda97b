# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of a request to which a hook refers, as places and parameters of an endpoint."""

from __future__ import annotations

import re
from typing import Any

from .secrets import NAMED_SO
from .wording import shown, text_of

Reference = dict[str, Any]  # `source` and `name`, and in pass-environment-to-command also `envname`

HEADER = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
FREE_TEXT = re.compile(r"message|body|text|description|comment|title|notes?$", re.IGNORECASE)
FREE_TEXT_LENGTH = 32 * 1024  # the most that a parameter may have
LIST = "root"  # what webhook calls a body that is a list
FORM_JSON = "payload"  # the field of a form in which GitHub and Gitea send their JSON

# Who sends JSON, or JSON in that field.
SENDERS = ("x-hub-signature", "x-github-", "x-gitea-", "x-forgejo-", "x-gogs-", "x-gitlab-")

INSTEAD = {
    "raw-request-body": "the body is on the job's standard input",
    "entire-payload": "the body is on the job's standard input",
    "entire-query": "the query is in $QUERY_STRING",
    "entire-headers": "name those that the job needs in pass_headers; it finds each in $HTTP_NAME",
    "request": "the method is in $REQUEST_METHOD, the client's address in $REMOTE_ADDR",
}


class NoPlace(ValueError):
    """What a reference means is no place of an endpoint; the message says what there is instead."""


def label(reference: Reference) -> str:
    """How a reference is told."""
    source, name = text_of(reference, "source"), text_of(reference, "name")
    return source if source in ("", "string") or source.startswith("entire-") else shown(f"{source} {name}".strip())


class Body:
    """How the body of a hook's requests is read.

    forced_type: incoming-payload-content-type. unparsed: those entries of parse-parameters-as-json that mean nothing
    here. is_read: whether a place in the body was asked for.
    """

    def __init__(self, hook: dict[str, Any]) -> None:
        self.forced_type = text_of(hook, "incoming-payload-content-type")
        self.is_read = False
        entries = hook.get("parse-parameters-as-json")
        entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        self.unparsed = [entry for entry in entries if not _is_form_json(entry)]
        self._has_form_json = len(self.unparsed) < len(entries)
        rule = str(hook.get("trigger-rule")).lower()
        self._is_json = "json" in self.forced_type or any(sender in rule for sender in SENDERS)

    def places(self, reference: Reference) -> list[str]:
        """Where a reference's value stands, as in `from` of a parameter. Raises NoPlace."""
        source, name = text_of(reference, "source"), text_of(reference, "name")
        if source == "header" and HEADER.fullmatch(name):
            return [f"header:{name}"]
        if source in ("url", "query") and name:
            return [f"query:{name}"]
        if source == "payload" and name:
            self.is_read = True
            return self._in_body(name)
        raise NoPlace(INSTEAD.get(source, "the role knows no such place"))

    def keys(self) -> dict[str, str]:
        """Those keys of an endpoint that say what the body is; none where nobody looks into it."""
        if not self.is_read:
            return {}
        if "json" in self.forced_type:
            return {"body_type": "json"}
        return {"body_type": "form"} if "x-www-form-urlencoded" in self.forced_type else {}

    def _in_body(self, name):
        if self._has_form_json and name == FORM_JSON:
            raise NoPlace("the body is on the job's standard input")
        if self._has_form_json and name.startswith(FORM_JSON + "."):
            return [_pointer(name.partition(".")[2])]
        if "xml" in self.forced_type or "multipart" in self.forced_type:
            raise NoPlace("only JSON and forms are looked into; the body is on the job's standard input")
        if "form" in self.forced_type:
            return [f"form:{name}"]
        if name.partition(".")[0] == LIST:
            raise NoPlace(
                f"it may be a list that is the whole body, json:/0/…, or a member, json:/{LIST}/…; write which"
            )
        return [_pointer(name)] if self._is_json else [f"form:{name}", _pointer(name)]


class Parameters:
    """The parameters of an endpoint, as references ask for them.

    literals: texts that stand in the job's arguments. token_places: places at which a token stands. declared:
    `parameters` of the endpoint.
    """

    def __init__(self, body: Body, literals: list[str], token_places: set[str]) -> None:
        self.declared: list[dict[str, Any]] = []
        self._body = body
        self._literals = literals
        self._token_places = token_places
        self._placeholders = {}

    def placeholder(self, reference: Reference) -> str:
        """What stands for a reference's value in the job's arguments. Raises NoPlace."""
        places = self._body.places(reference)
        if self._token_places.intersection(place.lower() for place in places):
            raise NoPlace("it is the secret by which a caller is let in, so no job is told it")
        if tuple(places) not in self._placeholders:
            parameter = {"name": self._name(text_of(reference, "name")), "from": places, "default": ""}
            if FREE_TEXT.search(parameter["name"]):
                parameter.update(pattern="(?s).*", max_length=FREE_TEXT_LENGTH)
            parameter["from"] = places[0] if len(places) == 1 else places
            self.declared.append(parameter)
            self._placeholders[tuple(places)] = f"{{{parameter['name']}}}"
        return self._placeholders[tuple(places)]

    def notes(self) -> list[str]:
        """What is to be told of them."""
        in_body = [item["name"] for item in self.declared if not str(item["from"]).startswith(("header:", "query:"))]
        secret = [item["name"] for item in self.declared if NAMED_SO.search(item["name"])]
        notes = []
        if in_body:
            notes.append(
                f"taken for strings: {', '.join(in_body)}. Where the sender's JSON has a number or a boolean, give the "
                "parameter that type; lists and objects are refused. Empty where the body is neither a form nor "
                "application/json or …+json, and where webhook found a key with a dot in it"
            )
        if secret:
            variables = ", ".join(f"$TRIGGER_PARAM_{name.upper()}" for name in secret)
            notes.append(
                f"records show the values of {', '.join(secret)}; for a secret set `sensitive`, without `default` and "
                f"out of job.args, and let the job read {variables}"
            )
        return notes

    def _name(self, wanted):
        """A name like the wanted one, which is no other's and stands in braces in no literal."""
        base = re.sub(r"[^A-Za-z0-9]+", "_", wanted).strip("_")
        base = (base if base[:1].isalpha() else f"value_{base}")[:60].rstrip("_")
        taken = {item["name"].upper() for item in self.declared}
        name, number = base, 1
        while name.upper() in taken or any(f"{{{name}}}" in literal for literal in self._literals):
            number += 1
            name = f"{base[:56]}_{number}"
        return name


def _is_form_json(entry):
    return text_of(entry, "source") == "payload" and text_of(entry, "name") == FORM_JSON


def _pointer(name):
    """A dotted name as a JSON pointer (RFC 6901)."""
    return "json:/" + name.replace("~", "~0").replace("/", "~1").replace(".", "/")
