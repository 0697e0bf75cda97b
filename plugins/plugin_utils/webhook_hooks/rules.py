# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hook's trigger-rule as `auth`, `allow_from` and `only_if`.

The three hold together, as does a list of conditions; `auth` and `allow_from` are satisfied by one of their entries. So
a rule is taken apart into what must hold at once, each part of which is one match or several alternatives of one kind.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from . import references
from .secrets import Secrets, is_secret
from .wording import NotCarriedOver, shown, text_of

SIGNATURE = re.compile(r"payload-(?:hmac|hash)-(sha1|sha256|sha512)")
SENDERS = {  # of signatures that the role knows by the sender's name
    ("x-hub-signature-256", "sha256"): "github",
    ("x-gitea-signature", "sha256"): "gitea",
    ("x-forgejo-signature", "sha256"): "gitea",
    ("x-gogs-signature", "sha256"): "gitea",
}
GITLAB_TOKEN = "x-gitlab-token"
GITLAB_SIGNING = "whsec_"
WEAK = 16  # bytes, below which the role wants allow_weak_secret
PRESENT = "(?s:.*)"

# What Go's regexp and Python's re do not both mean, and mean alike: classes such as [[:alpha:]], escapes, groups, and
# flags for a part of the text where they are not for the whole, or let ^ and $ meet lines.
OTHERWISE = re.compile(r"\[:\^?\w+:\]|\\[pPQEzCuUNZ1-9]|\\x\{|\(\?(?!:|P<|[is]+:)")
COUNTED_OTHERWISE = re.compile(r"\{,|[*+?}]\+")  # the same of {,3} and a++, where neither escapes nor classes stand
LITERAL = re.compile(r"\^([\w/ -]*)\$", re.ASCII)
FLAGS = re.compile(r"\(\?([ims]+)\)")


class Rule:
    """What a trigger-rule says."""

    def __init__(self) -> None:
        self.auth: list[dict[str, Any]] = []
        self.has_weak_secret = False
        self.networks: list[str] | None = None
        self.conditions: list[dict[str, Any]] = []
        self.token_places: set[str] = set()
        self.open_points: list[str] = []
        self.notes: list[str] = []

    def keys(self) -> dict[str, Any]:
        """Those keys of an endpoint that say it."""
        keys = {"auth": self.auth, "allow_weak_secret": self.has_weak_secret, "allow_from": self.networks}
        return {key: value for key, value in {**keys, "only_if": self.conditions}.items() if value}


class _Inexpressible(ValueError):
    """A part of a rule that the role cannot say; the message tells what to do."""


def read(rule: dict[str, Any] | None, body: references.Body, secrets: Secrets) -> Rule:
    """What a trigger-rule says. Raises NotCarriedOver when webhook itself could never let anybody in."""
    reader = _Reader(body, secrets)
    try:
        for matches, negate, needs_value in reader.parts(rule, False, False) if rule is not None else ():
            reader.take(matches, negate, needs_value)
    except NotCarriedOver as error:
        raise NotCarriedOver(f"trigger-rule: {error}") from None
    for condition in reader.rule.conditions:  # now that all secrets are known
        for key in {"equals", "matches"} & set(condition):
            condition[key] = secrets.conceal_known(condition[key])
        if "in" in condition:
            condition["in"] = [secrets.conceal_known(text) for text in condition["in"]]
    return reader.rule


class _Reader:
    def __init__(self, body, secrets):
        self.rule = Rule()
        self._body = body
        self._secrets = secrets

    def parts(self, rule: dict[str, Any], negate: bool, in_and: bool) -> Iterator[tuple[list[Any], bool, bool]]:
        """What must hold at once: matches of which one must hold, whether it is negated, whether a negated one asks for
        a value to be there, as it does within an `and`."""
        try:
            kind, content = _kind(rule)
        except NotCarriedOver as error:
            if not negate:
                raise
            self._open(f"within a not: {error}")
            return
        if kind == "match":
            yield [content], negate, in_and
        elif kind == "not":
            yield from self.parts(content, not negate, in_and)
        elif (kind == "and") != negate:
            for child in content:
                yield from self.parts(child, negate, kind == "and")
        elif len(content) == 1 and not (negate and isinstance(content[0], dict) and "not" in content[0]):
            yield from self.parts(content[0], negate, in_and)
        elif not content:
            raise NotCarriedOver("it can never hold")
        elif negate:
            self._open("not of and: only_if cannot say it; make an endpoint for each case")
        else:
            yield from self._alternatives(content)

    def _alternatives(self, content):
        matches = []
        for child in content:
            try:
                found = list(self.parts(child, False, False))
            except NotCarriedOver:
                found = []
            if len(found) != 1 or found[0][1]:
                self._open("or of more than single matches: make an endpoint for each case")
                return
            matches += found[0][0]
        yield matches, False, False

    def take(self, matches: list[Any], negate: bool, needs_value: bool) -> None:
        """Put a part of the rule where it belongs, or among the open points."""
        try:
            found = [self._read(match) for match in matches]
            kinds, means = {kind for kind, meant in found}, [meant for kind, meant in found]
            if len(kinds) > 1:
                raise _Inexpressible("or of different kinds: make an endpoint for each case")
            (kind,) = kinds
            if negate and kind != "condition":
                raise _Inexpressible(f"not of {matches[0].get('type')}: auth and allow_from know no exceptions")
            if kind == "auth":
                self._add_auth(means)
            elif kind == "networks":
                self._add_networks([network for networks in means for network in networks])
            else:
                self._add_condition(means, negate, needs_value)
        except _Inexpressible as error:
            self._open(str(error))
        except NotCarriedOver as error:
            if not negate and len(matches) == 1:
                raise
            self._open(f"within a not or an or: {error}")

    def _open(self, text):
        self.rule.open_points.append(f"trigger-rule: {text}")

    def _add_auth(self, found):
        if self.rule.auth:
            raise _Inexpressible("several secrets at once: auth lets in who has one of its entries; choose one")
        for entries, secret in found:
            self.rule.auth += entries
            if len(secret.encode()) < WEAK and not self.rule.has_weak_secret:
                self.rule.has_weak_secret = True
                self.rule.notes.append("a secret is shorter than 16 bytes; `openssl rand -hex 32` makes a better one")

    def _add_networks(self, networks):
        if self.rule.networks is not None:
            networks = _intersection(map(ipaddress.ip_network, self.rule.networks), map(ipaddress.ip_network, networks))
        if not networks:
            raise NotCarriedOver("it lets in no address at all")
        self.rule.networks = list(dict.fromkeys(map(str, networks)))

    def _add_condition(self, conditions, negate, needs_value):
        (place, form), *others = dict.fromkeys(condition[:2] for condition in conditions)
        if others:
            raise _Inexpressible("or of values at different places: make an endpoint for each case")
        tests = [condition[2:] for condition in conditions]
        if negate and (needs_value or place.startswith(("json:", "form:"))):
            # A body may hold a value that webhook saw and a condition does not: a list, or a form where JSON is meant.
            self.rule.conditions.append({"from": place, "matches": PRESENT})
            if not needs_value:
                self.rule.notes.append(f"a request without {place} starts nothing; webhook started it")
        condition = {"from": place, **_test(tests)}
        self.rule.conditions.append({**condition, "not": True} if negate else condition)
        if form:
            self.rule.notes.append(f"only_if looks at {place}; for a sender of forms write {shown(form)}")

    def _read(self, match):
        """Return the kind of a match and what it says: "auth" (entries, secret), "networks" list of str, or "condition"
        (place, where a form has it or "", "equals" or "matches", text)."""
        kind = text_of(match, "type")
        if kind == "ip-whitelist":
            return "networks", _networks(text_of(match, "ip-range"))
        if kind == "scalr-signature":
            raise _Inexpressible("scalr-signature: the role has no such scheme; let the sender bring a token")
        reference = match.get("parameter")
        if not isinstance(reference, dict):
            raise NotCarriedOver("a match names no parameter, so it can never hold")
        signature = SIGNATURE.fullmatch(kind)
        if signature:
            return "auth", self._signature(match, reference, signature[1])
        if kind not in ("value", "regex"):
            raise NotCarriedOver("webhook does not know the type of a match, so it can never hold")
        return self._value(reference, kind, text_of(match, kind))

    def _value(self, reference, kind, text):
        literal = LITERAL.fullmatch(text) if kind == "regex" else None
        if literal:
            kind, text = "value", literal[1]
        if is_secret(text_of(reference, "name"), text):
            if kind == "regex":
                raise _Inexpressible(f"regex of {references.label(reference)}: a token is compared as a whole")
            return "auth", self._token(reference, text)
        try:
            places = self._body.places(reference)
        except references.NoPlace as error:
            raise _Inexpressible(f"{kind} of {references.label(reference)}: {error}") from None
        test = ("equals", text) if kind == "value" else ("matches", _pattern(text, reference))
        return "condition", (places[-1], "".join(places[:-1]), *test)

    def _token(self, reference, text):
        """A value that only those know who may call: (list of entries, secret)."""
        source, name = text_of(reference, "source"), text_of(reference, "name")
        if source == "header":
            self.rule.token_places.add(f"header:{name.lower()}")
            if name.lower() == GITLAB_TOKEN and not text.startswith(GITLAB_SIGNING):
                return [{"gitlab": {"secret": self._secrets.keep(text)}}], text
            bearer = re.fullmatch(r"Bearer +(\S+)", text) if name.lower() == "authorization" else None
            if bearer:
                return [{"token": {"secret": self._secrets.keep(bearer[1])}}], bearer[1]
            return [{"token": {"secret": self._secrets.keep(text), "header": name}}], text
        token = {"secret": self._secrets.keep(text)}
        if source in ("url", "query"):
            token["query"] = name
            self.rule.token_places.add(f"query:{name}".lower())
            self.rule.notes.append("a token in the address is the weak form: let the sender use a header if it can")
        else:
            self.rule.notes.append(
                f"{references.label(reference)} looks like a token, which no body can bring here: let the sender send "
                "`Authorization: Bearer` and the secret. If it is none, compare it in only_if"
            )
        return [{"token": token}], text

    def _signature(self, match, reference, algorithm):
        """A signature over the body: (list of entries, secret)."""
        header, text = text_of(reference, "name"), text_of(match, "secret")
        if not text:
            raise NotCarriedOver("a signature without a secret can never be right")
        if text_of(reference, "source") != "header" or reference.get("headers-to-add-to-signature-payload"):
            raise _Inexpressible("a signature stands in a header here, and is of the body alone")
        self.rule.token_places.add(f"header:{header.lower()}")
        sender = SENDERS.get((header.lower(), algorithm))
        secret = self._secrets.keep(text)
        if sender:
            return [{sender: {"secret": secret}}], text
        entry = {"secret": secret, "header": header, "algorithm": algorithm}
        prefixed = {"hmac": {**entry, "prefix": f"{algorithm}=", "separator": ","}}
        if header.lower() == "x-hub-signature":
            self.rule.notes.append("for GitHub write `github` in place of `hmac`: it signs with SHA-256 as well")
            return [prefixed], text
        return [prefixed, {"hmac": entry}], text  # webhook takes one without a prefix, several with it


def is_signature(entry: dict[str, Any]) -> bool:
    """Whether an entry of `auth` is a signature over the body."""
    return not entry.keys() & {"token", "gitlab"}


def _kind(rule):
    """The first of its keys that a rule has, as webhook looks for them, and what stands there."""
    for kind, wanted in (("and", list), ("or", list), ("not", dict), ("match", dict)):
        content = rule.get(kind) if isinstance(rule, dict) else None
        if content is not None:
            if not isinstance(content, wanted):
                raise NotCarriedOver(f"{kind} has not the right form, so webhook does not load this file")
            return kind, content
    raise NotCarriedOver("an empty rule can never hold")


def _networks(text):
    try:
        # webhook lets an address have the bits of the host, too
        networks = [ipaddress.ip_network(part, strict=False) for part in text.split()]
    except ValueError:
        raise NotCarriedOver("ip-range: it is not a valid network, so it can never hold") from None
    return list(map(str, networks))


def _intersection(ones, others):
    ones, others = list(ones), list(others)
    pairs = [(one, other) for one in ones for other in others if one.version == other.version]
    return [narrow for one, other in pairs for narrow, wide in ((one, other), (other, one)) if narrow.subnet_of(wide)]


def _test(tests):
    """Tests of one value, of which one must hold, as keys of a condition. tests: list of ("equals" or "matches", text).
    Returns a dict."""
    if len(tests) == 1:
        return dict(tests)
    if all(kind == "equals" for kind, text in tests):
        return {"in": [text for kind, text in tests]}
    return {"matches": "|".join(f"(?:{re.escape(text) if kind == 'equals' else text})" for kind, text in tests)}


def _pattern(regex, reference):
    """A regular expression that webhook searches for, as one of Python that the whole value must match."""
    advice = f"regex of {references.label(reference)}: it means something else in Python's re; write it anew in only_if"
    flagged = FLAGS.match(regex)
    flags, core = (flagged[1], regex[flagged.end() :]) if flagged else ("", regex)
    if OTHERWISE.search(core) or COUNTED_OTHERWISE.search(re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", core)):
        raise _Inexpressible(advice)
    alternates, bare = _alternates(core), re.sub(r"\\.", "", core)
    begin = end = "(?s:.*)"
    meets_ends = not alternates and "m" not in flags  # by ^ and $; otherwise they may meet something else
    if meets_ends and core.startswith("^"):
        begin, core, bare = "", core[1:], bare[1:]
    if meets_ends and bare.endswith("$"):
        end, core, bare = "", core[:-1], bare[:-1]
    if core in ("", ".*") and begin and end:
        return PRESENT
    if "$" in bare and "m" not in flags:  # which in Python also matches before a line break
        if "[" in bare:
            raise _Inexpressible(advice)
        core = re.sub(r"\\.|\$", lambda found: r"\Z" if found[0] == "$" else found[0], core)
    pattern = f"{begin}(?{flags}:{core}){end}" if flags or alternates else begin + core + end
    if re.search(r"\\[dwsbDWSB]", core):
        pattern = f"(?a:{pattern})"  # Go means ASCII by these
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise _Inexpressible(advice) from None
    return pattern


def _alternates(regex):
    """Whether a regular expression may have alternatives outside of groups."""
    plain = re.sub(r"\\.|\[[^\]]*\]", "", regex, flags=re.DOTALL)
    return "|" in (regex if "]" in plain else re.sub(r"\([^()]*\)", "", plain))
