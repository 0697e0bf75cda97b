# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks of adnanh/webhook 2.8 as endpoints of this role. No I/O.

One rule goes before all: an endpoint lets in nobody whom the hook refused, and tells its job no less than the hook did.
What cannot be carried over and touches that is an *open point*, and an endpoint with open points is `state: disabled`
until somebody has settled them. All else that differs is a *note*. Neither repeats a secret.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from . import references, rules
from .secrets import Secrets, Variable, resolve
from .wording import NotCarriedOver, shown, text_of

Check = Callable[[dict[str, Any]], list[str]]  # what the role has against an endpoint, its secrets in place

NAME_LENGTH = 23
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STATUSES = (200, 201, 202, 204)
WAIT = "10min"
ENV = "/usr/bin/env"
# What the hooks file did not say itself: a Go template (-template), or what a shell was to fill in.
FILLED_IN = re.compile(r"\{\{|\$[{(]")
# The same of what only those know who may call, where it may be a false alarm: there it would be known to everybody.
FILLED_IN_SECRET = re.compile(r"\{[{%]|\$[{(A-Za-z_]|`|<%|%[A-Za-z_]+%|\\")
SHELL = re.compile(r"[\s;|&<>$`(){}*?\"'\\]")
VARIABLE = re.compile(r"[A-Za-z_][^={}\s]*")  # what env(1) takes, and no placeholder
LOCATION_PART = re.compile(r"[A-Za-z0-9~_-][A-Za-z0-9.~_-]*", re.ASCII)

KEYS = {
    "id",
    "execute-command",
    "command-working-directory",
    "response-message",
    "response-headers",
    "success-http-response-code",
    "incoming-payload-content-type",
    "http-methods",
    "include-command-output-in-response",
    "include-command-output-in-response-on-error",
    "parse-parameters-as-json",
    "pass-arguments-to-command",
    "pass-environment-to-command",
    "pass-file-to-command",
    "trigger-rule",
    "trigger-rule-mismatch-http-response-code",
    "trigger-signature-soft-failures",
}

# What is so with every hook.
NOTES = (
    "An endpoint listens on its Unix socket, /run/trigger/NAME.sock. Put the front end before it (trigger_frontend), "
    "where it stands at the hook's own address, with a slash at the end or without. Or add `listen`.",
    "webhook's jobs run as its own user and without end; here as the user trigger, in a sandbox, for 5min at most. "
    "See user, service and timeout.",
    "webhook runs all calls at once; here they queue. See when_busy: coalesce is better for a deploy.",
    "A hook without http-methods takes any, or what webhook's -http-methods says; its endpoint takes GET and POST. See "
    "methods.",
    "webhook takes a body of any size; here one of more than 1 MiB (25 MiB from GitHub, GitLab and Gitea) is answered "
    "413. See body_limit.",
    "What a job leaves in the background is ended with it. See timeout.",
    "only_if looks at strings, numbers and booleans: a condition on a list or an object never holds, where webhook saw "
    "its JSON.",
    "A value that is a whole argument must not begin with a dash, and none may hold a line break unless its pattern "
    "allows it.",
)


class Imported:
    """What became of one hook.

    label: the hook's id. endpoint: None when it is not carried over, and then the open points are the reasons; secrets
    in it are secrets.Variable. secrets: by the name of their variable.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.endpoint: dict[str, Any] | None = None
        self.secrets: dict[str, str] = {}
        self.open_points: list[str] = []
        self.notes: list[str] = []


def convert(hooks: Any, check: Check, prefix: str = "hooks") -> list[Imported]:
    """Turn hooks into endpoints, in their order. Raises ValueError when these are no hooks at all.

    hooks: what a hooks file holds, as JSON decodes it. prefix: webhook's -urlprefix.
    """
    if not isinstance(hooks, list):
        raise ValueError("a hooks file is a list of hooks, and this is none")
    names, ids, results = set(), set(), []
    for number, hook in enumerate(hooks, 1):
        result = Imported(f"hook number {number}")
        results.append(result)
        try:
            hook = _lower_keys(hook)
            if not isinstance(hook, dict) or not text_of(hook, "id"):
                raise NotCarriedOver("it has no id")
            result.label = shown(text_of(hook, "id"))
            if text_of(hook, "id") in ids:
                raise NotCarriedOver("another hook has the same id, so webhook does not load this file")
            ids.add(text_of(hook, "id"))
            name = _fit(text_of(hook, "id"), names)
            _Conversion(result, hook, name, prefix).run(check)
            names.add(name)
        except (NotCarriedOver, RecursionError) as error:
            is_deep = isinstance(error, RecursionError)
            result.open_points = ["it is nested too deeply"] if is_deep else list(error.args)
            result.endpoint, result.secrets, result.notes = None, {}, []
    return results


class _Conversion:
    """One hook on its way. Raises NotCarriedOver."""

    def __init__(self, result, hook, name, prefix):
        self._result = result
        self._hook = hook
        self._name = name
        self._prefix = prefix.strip("/")
        self._secrets = Secrets(name)
        self._body = references.Body(hook)

    def run(self, check: Check) -> None:
        """Set the result's endpoint, or raise NotCarriedOver with what check has against it."""
        rule = rules.read(self._hook.get("trigger-rule"), self._body, self._secrets)
        self._result.open_points += rule.open_points
        self._result.notes += rule.notes
        keys = {
            **self._address(has_auth=bool(rule.auth)),
            **rule.keys(),
            **self._job(rule),
            **self._answer(),
            **self._body.keys(),
            "when_busy": "queue",
        }
        self._check_filled_in()
        self._tell(rule)
        state = {"state": "disabled"} if self._result.open_points else {}
        endpoint = {"name": self._name, **state, **keys}
        self._result.secrets = self._secrets.used_in(endpoint)
        wrong = check(resolve(endpoint, self._result.secrets))
        if wrong:
            raise NotCarriedOver(*wrong)
        self._result.endpoint = endpoint

    def _open(self, text):
        self._result.open_points.append(text)

    def _note(self, text):
        self._result.notes.append(text)

    def _address(self, has_auth):
        hook_id = text_of(self._hook, "id")
        parts = [part for part in self._prefix.split("/") if part] + [hook_id]
        keys: dict[str, object] = {"path": "/" + "/".join(quote(part, safe="/~!$&'()*+,;=:@") for part in parts)}
        frontend: dict[str, object] = {}
        if all(LOCATION_PART.fullmatch(part) for part in parts):
            frontend["location"] = "/" + "/".join(parts) + "/"
        else:
            self._note(f"behind the front end it stands at /{self._name}/, since its id cannot be part of a location")
        if has_auth:
            frontend["users"] = []  # its sender has no password
        if frontend:
            keys["frontend"] = frontend
        if self._name != hook_id:
            self._note(f"its name is now {self._name}, since units, files and a user carry it")
        return {**keys, "methods": self._methods()}

    def _methods(self):
        given = _items(self._hook, "http-methods", str)
        methods = list(dict.fromkeys(method.strip().upper() for method in given))
        unknown = [method for method in methods if method not in METHODS]
        if unknown:
            self._note(f"http-methods: {', '.join(map(shown, unknown))} starts no run here")
        if methods and unknown == methods:
            raise NotCarriedOver("http-methods: it takes none of " + ", ".join(METHODS))
        return [method for method in methods if method in METHODS] or ["GET", "POST"]

    def _job(self, rule):
        command = self._command()
        literals = [command, *self._literals("pass-arguments-to-command", "pass-environment-to-command")]
        parameters = references.Parameters(self._body, literals, rule.token_places)
        assignments, environment = self._environment(parameters)
        arguments = self._arguments(parameters)
        job = {"command": [command], "args": arguments}
        if assignments and ("=" in command or command.startswith("-")):
            self._open("pass-environment-to-command: env(1) cannot start a command of this name; write a script")
        elif assignments:
            job = {"command": [ENV], "args": [*assignments, command, *arguments]}
        keys: dict[str, object] = {"job": {key: value for key, value in job.items() if value}}
        if environment:
            keys["environment"] = environment
        if parameters.declared:
            keys.update(parameters=parameters.declared, extra_parameters="ignore")
        self._result.notes += parameters.notes()
        if text_of(self._hook, "command-working-directory").startswith("/"):
            keys["working_directory"] = text_of(self._hook, "command-working-directory")
        for reference in _items(self._hook, "pass-file-to-command", dict):
            self._open(
                f"pass-file-to-command: {references.label(reference)}: no file is made; the body is on the job's "
                "standard input, so let the job write it"
            )
        return keys

    def _command(self):
        command, directory = text_of(self._hook, "execute-command"), text_of(self._hook, "command-working-directory")
        if not command:
            raise NotCarriedOver("it has no execute-command")
        if directory and not directory.startswith("/"):
            self._open("command-working-directory: it is relative to where webhook was started; write the whole path")
        if not command.startswith("/") and (directory or "/" in command or "." in command):
            if directory.startswith("/"):
                command = posixpath.normpath(posixpath.join(directory, command))
                self._note(f"execute-command: it was relative; see that {shown(command)} is the one")
            else:
                self._open("execute-command: it is relative to where webhook was started; write the whole path")
        if SHELL.search(command):
            self._open("execute-command: it is one program, without arguments, and no shell reads it; see job.args")
        return command

    def _check_filled_in(self):
        """What another program was to fill in would be taken as it stands, a secret among it."""
        for key, value in self._hook.items():
            if key != "trigger-rule" and any(FILLED_IN.search(text) for text in _texts(value)):
                self._open(f"{key}: it holds what webhook's -template or a shell was to fill in; write what that made")
        for text in _texts(self._hook.get("trigger-rule"), under=("secret", "value")):
            if FILLED_IN_SECRET.search(text):
                self._open(
                    "trigger-rule: a secret or value holds what webhook's -template or a shell was to fill in, or a "
                    "backslash; write what that made"
                )
                break
        if any("{{" in text for text in _texts(self._hook.get("trigger-rule"), under=("regex",))):
            self._open("trigger-rule: a regex holds what webhook's -template was to fill in; write what that made")

    def _literals(self, *keys):
        return [
            text_of(reference, "name")
            for key in keys
            for reference in _items(self._hook, key, dict)
            if text_of(reference, "source") == "string"
        ]

    def _arguments(self, parameters):
        """Every argument keeps its position, if need be as an empty one: list of str."""
        arguments = []
        for number, reference in enumerate(_items(self._hook, "pass-arguments-to-command", dict), 1):
            label = f"pass-arguments-to-command: argument {number}, {references.label(reference)}"
            before = arguments[-1] if arguments else ""
            arguments.append(self._value(reference, parameters, label, before if before.startswith("-") else "") or "")
        return arguments

    def _environment(self, parameters):
        """What env(1) is to assign, list of str, and what `environment` can say, dict."""
        assignments, environment = [], {}
        for reference in _items(self._hook, "pass-environment-to-command", dict):
            variable = text_of(reference, "envname") or "HOOK_" + text_of(reference, "name")
            is_literal = text_of(reference, "source") == "string"
            if is_literal and not text_of(reference, "envname"):
                self._open("pass-environment-to-command: a string needs an envname here; write it into environment")
                continue
            label = f"pass-environment-to-command: {shown(variable)}"
            if not VARIABLE.fullmatch(variable):
                self._open(f"{label}: env(1) takes no such name; the job finds the value in $TRIGGER_PARAM_…")
                continue
            value = self._value(reference, parameters, label, variable)
            if value is not None:
                if is_literal:
                    environment[variable] = value
                else:
                    assignments.append(f"{variable}={value}")
        return assignments, environment

    def _value(self, reference, parameters, label, name):
        """The text, secret or placeholder that a reference of the hook becomes; None where it can be nothing."""
        if text_of(reference, "source") == "string":
            value = self._secrets.conceal(text_of(reference, "name"), name)
            if isinstance(value, Variable):
                self._note(f"{label.partition(', string')[0]}: it looks like a secret; better give it by credentials")
            return value
        try:
            return parameters.placeholder(reference)
        except references.NoPlace as error:
            self._open(f"{label}: {error}")
            return None

    def _answer(self):
        response: dict[str, Any] = {}
        keys: dict[str, Any] = {}
        status = text_of(self._hook, "success-http-response-code")
        if status not in ("", "0", "200"):
            if status.isascii() and status.isdigit() and int(status[:9]) in STATUSES:
                response["status"] = int(status)
            else:
                self._note("success-http-response-code: the answer is 200; 201, 202 and 204 are the others there are")
        if text_of(self._hook, "response-message"):
            response["body"] = self._secrets.conceal(text_of(self._hook, "response-message"))
        for header in _items(self._hook, "response-headers", dict):
            if text_of(header, "name").lower() == "content-type":
                response["content_type"] = text_of(header, "value")
            else:
                hint = "; for browsers see allow_origins" if "access-control" in text_of(header, "name").lower() else ""
                self._note(f"response-headers: {shown(text_of(header, 'name'))} is not sent{hint}")
        if text_of(self._hook, "include-command-output-in-response") == "true":
            keys["wait"] = WAIT
            self._note(f"the answer brings the output, also that of a failed run; after {WAIT} it is 202 without it")
        return {"response": response, **keys} if response else keys

    def _tell(self, rule):
        if not rule.auth:
            self._note("nobody has to prove who calls; add auth. Behind the front end a password is asked for")
        status = text_of(self._hook, "trigger-rule-mismatch-http-response-code")
        if status not in ("", "0"):
            self._note("a mismatch is answered 401 for auth, 403 for allow_from, and 200 with `ignored` for only_if")
        for entry in self._body.unparsed:
            self._open(f"parse-parameters-as-json: {references.label(entry)}: only the JSON of a body is looked into")
        kind = self._body.forced_type
        if kind and self._body.is_read and not self._body.keys():
            self._open(f"incoming-payload-content-type: {shown(kind)} is not read here; see body_type")
        if any(map(rules.is_signature, rule.auth)):
            self._note("equal signed bodies within replay_window, 10min, run once; webhook ran each. See replay_window")
        unknown = [key for key in self._hook if key not in KEYS]
        if unknown:
            self._note(f"webhook 2.8 does not know {', '.join(map(shown, unknown))}, nor does this")


def _fit(hook_id, taken):
    """A name for the endpoint that matches [a-z][a-z0-9-]{0,22} and is not taken: str."""
    base = re.sub(r"[^a-z0-9]+", "-", hook_id.lower()).strip("-")
    if not base[:1].isalpha():
        base = f"hook-{base}".rstrip("-")
    name, number = base[:NAME_LENGTH].rstrip("-"), 1
    while name in taken:
        number += 1
        name = f"{base[: NAME_LENGTH - 1 - len(str(number))].rstrip('-')}-{number}"
    return name


def _items(hook, key, kind):
    """A list of the hook, of which each item must be a kind. Raises NotCarriedOver."""
    items = hook.get(key)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, kind) for item in items):
        raise NotCarriedOver(f"{key}: it is not a list of the right form, so webhook does not load this file")
    return items


def _texts(value, under=None):
    """All strings in a value of the hook. under: the names of members below which alone they count, or None."""
    if isinstance(value, str):
        yield from [value] if under is None else []
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, None if under and key in under else under)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, under)


def _lower_keys(value):
    """webhook reads keys in any case."""
    if isinstance(value, dict):
        return {str(key).lower(): _lower_keys(item) for key, item in value.items()}
    return [_lower_keys(item) for item in value] if isinstance(value, list) else value
