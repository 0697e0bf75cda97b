# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may call: checks `auth` and what stands beside it, and turns each scheme into an entry for the acceptor.

Senders and their schemes are known here alone; the acceptor knows secrets and signatures (trigger/acceptor/auth.py). No
message repeats a secret.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Callable
from typing import Any

from . import values

ReadSecret = Callable[[str], bytes]  # the content of a file; raises ValueError

SECRET_LENGTH = 16  # bytes, at least
FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._~\[\]:-]+", re.ASCII)

# RFC 9110: these say how a message is framed or who sends it; a secret in one of them would meet other rules.
RESERVED_FIELDS = {"host", "content-length", "transfer-encoding", "content-type", "connection", "expect", "cookie"}

# Signatures over the body: what the acceptor is told of each, so far as it differs from BODY_SIGNED. Where a scheme is
# published stands beside its vectors in tests/support/vectors.py.
BODY_SIGNED: dict[str, Any] = {
    "signed": "{body}",
    "algorithm": "sha256",
    "encoding": "hex",
    "prefix": "",
    "separator": None,
    "parts": {},
    "tolerance": None,
    "form_field": None,
    "resigned": False,
    "handshake": None,
    "verify_token": None,
}
STANDARD = {
    "signed": "{id}.{timestamp}.{body}",
    "encoding": "base64",
    "prefix": "v1,",
    "separator": " ",
    "tolerance": 300,
}
STANDARD_HEADERS = {"signature": "webhook-signature", "id": "webhook-id", "timestamp": "webhook-timestamp"}
# These sign a retry with a new time and no id.
RESIGNED = {"tolerance": 300, "resigned": True}
SIGNATURES: dict[str, dict[str, Any]] = {
    "github": {"headers": [{"signature": "x-hub-signature-256"}], "prefix": "sha256="},
    "gitea": {
        "headers": [{"signature": f"x-{forge}-signature"} for forge in ("gitea", "forgejo", "gogs")],
        "form_field": "payload",
    },
    "bitbucket": {"headers": [{"signature": "x-hub-signature"}], "prefix": "sha256="},
    "standard_webhooks": {**STANDARD, "headers": [STANDARD_HEADERS]},
    "svix": {
        **STANDARD,
        "headers": [
            {"signature": "svix-signature", "id": "svix-id", "timestamp": "svix-timestamp"},
            STANDARD_HEADERS,
        ],
    },
    "stripe": {
        **RESIGNED,
        "headers": [{"signature": "stripe-signature"}],
        "separator": ",",
        "parts": {"timestamp": "t="},
        "prefix": "v1=",
        "signed": "{timestamp}.{body}",
    },
    "slack": {
        **RESIGNED,
        "headers": [{"signature": "x-slack-signature", "timestamp": "x-slack-request-timestamp"}],
        "handshake": "url_verification",
        "prefix": "v0=",
        "signed": "v0:{timestamp}:{body}",
    },
    "zoom": {
        **RESIGNED,
        "headers": [{"signature": "x-zm-signature", "timestamp": "x-zm-request-timestamp"}],
        "handshake": "endpoint.url_validation",
        "prefix": "v0=",
        "signed": "v0:{timestamp}:{body}",
    },
    "shopify": {"headers": [{"signature": "x-shopify-hmac-sha256"}], "encoding": "base64"},
    "pagerduty": {"headers": [{"signature": "x-pagerduty-signature"}], "separator": ",", "prefix": "v1="},
    "meta": {"headers": [{"signature": "x-hub-signature-256"}], "prefix": "sha256="},
}
# What a sender may send, in bytes, where that is more than an endpoint takes by itself. GitHub: "Payload cap" in its
# documents; GitLab: its merge request 38687; Gitea and its like send the same without a limit; Meta:
# "Webhooks payloads can be up to 3MB" in WhatsApp's documents.
BODY_LIMIT = 1024**2
BODY_LIMITS = {"github": 25 * 1024**2, "gitlab": 25 * 1024**2, "gitea": 25 * 1024**2, "meta": 3 * 1024**2}
STANDARD_PREFIX = "whsec_"
GITLAB_TOKEN = "x-gitlab-token"

# No job may be handed these, by whatever name it asks for them.
HIDDEN_FIELDS = {
    "proxy",
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-hub-signature",
    GITLAB_TOKEN,
    *(way["signature"] for scheme in SIGNATURES.values() for way in scheme["headers"]),
}


def check(endpoint: dict[str, Any], read_secret: ReadSecret) -> tuple[dict[str, Any], list[str]]:
    """The endpoint with its `guard`, a list of what lets somebody in, secrets among it, and what is wrong with who may
    call."""
    guard, wrong_auth = _guard(endpoint, read_secret)
    networks, wrong_networks = values.read_networks(endpoint["allow_from"])
    pass_headers = list(dict.fromkeys(name.lower() for name in endpoint["pass_headers"]))
    prepared = {**endpoint, "guard": guard, "allow_from": networks, "pass_headers": pass_headers}
    return prepared, [
        *wrong_auth,
        *wrong_networks,
        *_check_origins(endpoint["allow_origins"]),
        *_check_pass_headers(endpoint["pass_headers"], guard),
    ]


def body_limit(auth: list[dict[str, Any]] | None) -> str:
    """How large a body may be where the endpoint does not say it: as its senders may send it."""
    schemes = {scheme for item in auth or () for scheme in item if item[scheme] is not None}
    return str(max([BODY_LIMIT, *(BODY_LIMITS[scheme] for scheme in schemes & BODY_LIMITS.keys())]))


def _guard(endpoint, read_secret):
    guard, wrong = [], []
    if endpoint["auth"] == []:
        wrong.append(
            "auth: an empty list would let nobody in; leave the key out, with allow_unauthenticated: true if "
            "everybody may call"
        )
    for number, item in enumerate(endpoint["auth"] or (), 1):
        label = f"auth[{number}]"
        schemes = [name for name in item if item[name] is not None]
        if len(schemes) != 1:
            found = " and ".join(schemes) or "none"
            wrong.append(f"{label}: each entry names exactly one scheme, and here is {found}")
            continue
        try:
            entry = _entry(schemes[0], item[schemes[0]], endpoint["allow_weak_secret"], read_secret)
        except ValueError as error:
            wrong.append(f"{label}.{schemes[0]}.{error}")
        else:
            guard.append(entry)
            wrong += _check_window(label, entry, endpoint)
    return guard, wrong


def _check_origins(origins):
    for text in origins:
        if text != "null" and not ORIGIN.fullmatch(text):
            yield (
                f"allow_origins: {text!r} is not a valid origin; write scheme://host or scheme://host:port in lower "
                "case, without a path"
            )


def _entry(scheme, options, allow_weak, read_secret):
    """Return what the acceptor needs to know. Raises ValueError, the message beginning with the option."""
    secret = _secret(options, read_secret)
    if scheme == "token":
        _check_strength(secret.encode(), allow_weak)
        return _token(scheme, secret, options["header"], options["query"])
    if scheme == "basic":
        _check_strength(secret.encode(), allow_weak)
        return _basic(scheme, options["user"], secret)
    if scheme == "gitlab" and not secret.startswith(STANDARD_PREFIX):
        _check_strength(secret.encode(), allow_weak)
        return _token(scheme, secret, GITLAB_TOKEN)
    if scheme == "hmac":
        key, signature = secret.encode(), _own_signature(options)
    elif scheme in ("standard_webhooks", "svix", "gitlab"):
        key, signature = _standard_key(secret), SIGNATURES["svix" if scheme == "svix" else "standard_webhooks"]
    else:
        key, signature = secret.encode(), SIGNATURES[scheme]
    _check_strength(key, allow_weak)
    signature = {**BODY_SIGNED, **signature}
    if options.get("verify_token") is not None:
        signature["verify_token"] = _verify_token(options["verify_token"], allow_weak)
    return {
        **signature,
        "scheme": scheme,
        "kind": "signature",
        "signed": _template(signature["signed"], {*signature["headers"][0], *signature["parts"]}),
        "key": base64.b64encode(key).decode(),
    }


def _verify_token(token, allow_weak):
    if not re.fullmatch(r"[!-~]+", token):
        raise ValueError("verify_token: it can hold visible ASCII characters only")
    _check_strength(token.encode(), allow_weak, "verify_token")
    return hashlib.sha256(token.encode()).hexdigest()


def _secret(options, read_secret):
    given = [key for key in ("secret", "secret_file") if options[key] is not None]
    if len(given) != 1:
        raise ValueError(f"secret: exactly one of secret and secret_file is needed, and {len(given)} are given")
    if given == ["secret"]:
        secret = str(options["secret"])
    else:
        try:
            secret = read_secret(options["secret_file"]).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ValueError("secret_file: the file is not UTF-8") from None
        except ValueError as error:
            raise ValueError(f"secret_file: {error}") from None
    if not secret:
        raise ValueError(f"{given[0]}: it is empty, so everybody would know it")
    if "\n" in secret or "\0" in secret:
        raise ValueError(f"{given[0]}: it must be one line")
    return secret


def _check_strength(key, allow_weak, option="secret"):
    if len(key) < SECRET_LENGTH and not allow_weak:
        raise ValueError(
            f"{option}: it is shorter than {SECRET_LENGTH} bytes and could be guessed; make one with "
            "`openssl rand -hex 32`, or set allow_weak_secret: true"
        )


def _token(scheme, secret, header, query=None):
    bearer = header is None
    if header is not None:
        _check_field("header", header)
    if query is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", query, re.ASCII):
        raise ValueError(f"query: {query!r} is not a valid name of a parameter; use letters, digits, _, . and -")
    if secret != secret.strip() or (bearer and not re.fullmatch(r"[!-~]+", secret, re.ASCII)):
        raise ValueError("secret: a token stands in a header, so it can hold visible ASCII characters and no spaces")
    return {
        "scheme": scheme,
        "kind": "token",
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "header": "authorization" if bearer else header.lower(),
        "bearer": bearer,
        "query": query,
    }


def _basic(scheme, user, password):
    """RFC 7617: what a client sends is the base64 of both."""
    if ":" in user or not user.isprintable():
        raise ValueError("user: it can hold neither a colon nor control characters")
    if not password.isprintable():
        raise ValueError("secret: a password can hold no control characters")
    return {
        "scheme": scheme,
        "kind": "basic",
        "sha256": hashlib.sha256(base64.b64encode(f"{user}:{password}".encode())).hexdigest(),
        "header": "authorization",
        "query": None,
    }


def _own_signature(options):
    """The row that the options of `hmac` are. What is sent beside the signature stands in a header of its own, or is a
    part of the signature's."""
    _check_field("header", options["header"])
    if not re.fullmatch(r"[!-~]*", options["prefix"]):
        raise ValueError("prefix: it can hold visible ASCII characters only")
    if options["separator"] is not None and options["separator"] in options["prefix"]:
        raise ValueError("prefix: it holds the separator, so no part of the header could begin with it")
    way, parts = {"signature": options["header"].lower()}, {}
    for name in ("timestamp", "id"):
        header, prefix = options[f"{name}_header"], options[f"{name}_prefix"]
        if header is not None and prefix is not None:
            raise ValueError(f"{name}_prefix: it is for a part of header; leave it out, or {name}_header")
        if header is not None:
            _check_field(f"{name}_header", header)
            way[name] = header.lower()
        if prefix is not None:
            _check_part(f"{name}_prefix", prefix, options)
            parts[name] = prefix
    signature = {key: options[key] for key in ("algorithm", "encoding", "prefix", "separator")}
    signature.update(headers=[way], parts=parts)
    if len({*way.values()}) < len(way) or len({*parts.values()}) < len(parts):
        raise ValueError("header: signature, timestamp and id each need a place of their own")
    with_timestamp = "timestamp" in {*way, *parts}
    default = "{timestamp}.{body}" if with_timestamp else "{body}"
    signature["signed"] = default if options["signed"] is None else options["signed"]
    if with_timestamp:
        try:
            tolerance = values.parse_span(options["tolerance"])
        except ValueError as error:
            raise ValueError(f"tolerance: {error}") from None
        if not 1 <= tolerance < float("inf"):
            raise ValueError("tolerance: it must be a second or longer, and end")
        signature["tolerance"] = tolerance
    return signature


def _check_part(key, prefix, options):
    if options["separator"] is None:
        raise ValueError(f"{key}: it begins a part of header, so separator has to say what is between the parts")
    if not re.fullmatch(r"[!-+.-~-]+", prefix):
        raise ValueError(f"{key}: it must be visible ASCII characters without a comma")
    if options["prefix"].startswith(prefix):
        raise ValueError(f"{key}: {prefix!r} begins the signature as well")


def _template(text, sent):
    """What is signed, as pairs of a literal and the name of what follows it. sent: the names of all that is sent.

    Refused is what would let something decide that is not signed, or what could be taken apart in two ways.
    """
    *pairs, (rest, _) = itertools.zip_longest(*[iter(re.split(r"\{([a-z]*)\}", text))] * 2)
    names = [name for _, name in pairs]
    if "body" not in names:
        raise ValueError("signed: without {body} anything could be sent under an old signature")
    if names[-1] != "body" or rest:
        raise ValueError("signed: {body} has to be the last of it, since it may hold what would follow")
    known = ", ".join(f"{{{name}}}" for name in ("id", "timestamp", "body"))
    if len({*names}) < len(names) or not {*names} <= {"id", "timestamp", "body"}:
        raise ValueError(f"signed: it may hold {known}, each once")
    for name in ("id", "timestamp"):
        if name in names and name not in sent:
            raise ValueError(f"signed: say with {name}_header or {name}_prefix where {{{name}}} stands")
        if name in sent and name not in names:
            raise ValueError(f"signed: it has no {{{name}}}, and what is not signed proves nothing")
    if any(not re.fullmatch(r"[ -z|~]*", literal) for literal, _ in pairs):
        raise ValueError("signed: beside the names it may hold ASCII characters, no braces")
    for (_, name), (literal, _) in zip(pairs, pairs[1:]):
        if not literal or literal[0].isalnum():
            raise ValueError(f"signed: what follows {{{name}}} must begin with a character that no {name} has, like .")
    return pairs


def _check_field(key, name):
    if not FIELD.fullmatch(name) or name.lower() in RESERVED_FIELDS:
        raise ValueError(f"{key}: {name!r} is not a header that can carry this")


def _standard_key(secret):
    encoded = secret[len(STANDARD_PREFIX) :] if secret.startswith(STANDARD_PREFIX) else secret
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:  # also of characters beyond ASCII
        key = b""
    if not key:
        raise ValueError(f"secret: after {STANDARD_PREFIX} it must be valid base64, as the sender shows it")
    return key


def _check_window(label, entry, endpoint):
    """What is let in for longer than it is remembered could be sent again."""
    window = endpoint["seconds"].get("replay_window")
    if entry.get("tolerance") and window and window < 2 * entry["tolerance"]:
        yield (
            f"replay_window: {endpoint['replay_window']!r} is shorter than the {2 * entry['tolerance']:g} s for which "
            f"a timestamp of {label}.{entry['scheme']} is taken; make it at least that long"
        )


def _check_pass_headers(names, guard):
    own = {entry["header"] for entry in guard if entry["kind"] != "signature"}
    own.update(way["signature"] for entry in guard if entry["kind"] == "signature" for way in entry["headers"])
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9-]+", name, re.ASCII):
            yield f"pass_headers: {name!r} is not a valid name of a header; use letters, digits and -"
        elif name.lower() in HIDDEN_FIELDS | own or name.lower().endswith("-signature"):
            yield f"pass_headers: {name} carries a secret or could mislead the job, so it cannot be passed on"
        elif name.lower() in ("content-type", "content-length"):
            yield f"pass_headers: {name} reaches the job already, as {name.upper().replace('-', '_')}"
