"""Each scheme of `auth` that signs: what its sender sends is let in, what is not quite that is refused, alike for all.

The signatures are made here by hand, from what the senders publish (see tests/support/vectors.py), not by the table of
the role.
"""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
import reference
import yaml
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse
from role import guard_entries

from trigger import http
from trigger.acceptor import auth, replay

NOW = 1700000000
SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = SECRET[::-1]
BODY = b'{"event": "x"}'
TOLERANCE = 300


def hex_mac(secret, *parts):
    return hmac.new(secret.encode(), b"".join(parts), hashlib.sha256).hexdigest()


def base64_mac(secret, *parts):
    return base64.b64encode(hmac.new(secret.encode(), b"".join(parts), hashlib.sha256).digest()).decode()


def standard_mac(secret, *parts):
    return base64.b64encode(hmac.new(base64.b64decode(secret), b"".join(parts), hashlib.sha256).digest()).decode()


def at(now):
    return str(now).encode()


def standard(name):
    def fields(secret, delivery_id, now, body):
        signature = standard_mac(secret, delivery_id.encode(), b".", at(now), b".", body)
        return {f"{name}-id": delivery_id, f"{name}-timestamp": str(now), f"{name}-signature": f"v1,{signature}"}

    return fields


def own(secret, delivery_id, now, body):
    """All that `hmac` can have, each of it a part of one header."""
    signature = hex_mac(secret, b"~", delivery_id.encode(), b"/", at(now), b";", body)
    return {"X-Own": f"i={delivery_id} t={now} s={signature}"}


OWN = {
    "header": "X-Own",
    "separator": " ",
    "prefix": "s=",
    "timestamp_prefix": "t=",
    "id_prefix": "i=",
    "signed": "~{id}/{timestamp};{body}",
}
MORE = {"hmac": OWN, "basic": {"user": "name"}}
# The fields that a sender sends: of a secret, the delivery's id, the time and the body.
SENDERS = {
    "github": lambda k, i, t, b: {"X-Hub-Signature-256": "sha256=" + hex_mac(k, b), "X-GitHub-Delivery": i},
    "gitea": lambda k, i, t, b: {f"X-{f}-Signature": hex_mac(k, b) for f in ("Gitea", "Forgejo", "Gogs")},
    "bitbucket": lambda k, i, t, b: {"X-Hub-Signature": "sha256=" + hex_mac(k, b)},
    "gitlab": standard("webhook"),
    "standard_webhooks": standard("webhook"),
    "svix": standard("svix"),
    "stripe": lambda k, i, t, b: {"Stripe-Signature": f"t={t},v1={hex_mac(k, at(t), b'.', b)}"},
    "slack": lambda k, i, t, b: {
        "X-Slack-Request-Timestamp": str(t),
        "X-Slack-Signature": "v0=" + hex_mac(k, b"v0:", at(t), b":", b),
    },
    "zoom": lambda k, i, t, b: {
        "x-zm-request-timestamp": str(t),
        "x-zm-signature": "v0=" + hex_mac(k, b"v0:", at(t), b":", b),
    },
    "shopify": lambda k, i, t, b: {"X-Shopify-Hmac-SHA256": base64_mac(k, b), "X-Shopify-Webhook-Id": i},
    "pagerduty": lambda k, i, t, b: {"X-PagerDuty-Signature": "v1=" + hex_mac(k, b)},
    "meta": lambda k, i, t, b: {"X-Hub-Signature-256": "sha256=" + hex_mac(k, b)},
    "hmac": own,
}
# What proves by a secret alone: the same fields, and the same refusals, where they apply.
BY_SECRET = {
    "token": lambda k, i, t, b: {"Authorization": f"Bearer {k}"},
    "basic": lambda k, i, t, b: {"Authorization": "Basic " + base64.b64encode(f"name:{k}".encode()).decode()},
}
TIMED = {"gitlab", "standard_webhooks", "svix", "stripe", "slack", "zoom", "hmac"}
# These are not the sender's signature, and may be what they want.
UNSIGNED = {"x-github-delivery", "x-shopify-webhook-id"}
SEPARATORS = {"gitlab": " ", "standard_webhooks": " ", "svix": " ", "stripe": ",", "pagerduty": ",", "hmac": " "}


def entry(scheme, secret=SECRET):
    if scheme == "gitlab":
        secret = "whsec_" + secret
    return {scheme: {"secret": secret, **MORE.get(scheme, {})}}


def guard_of(*entries):
    return auth.Guard(guard_entries(*entries))


def deliver(scheme, secret=SECRET, delivery_id="id-1", now=NOW, body=BODY):
    """The fields of a delivery."""
    return {**SENDERS, **BY_SECRET}[scheme](secret, delivery_id, now, body)


def judge(guard, fields, body=BODY, now=NOW):
    """The Attempt; or the Refusal. fields: pairs, or a dict whose values are set behind the parser."""
    request, _ = parse(message(fields if isinstance(fields, list) else {}, body))
    if isinstance(fields, dict):
        request.fields.update((name.lower().encode(), value.encode()) for name, value in fields.items())
    try:
        attempt = guard.begin(request)
        attempt.feed(body)
        attempt.finish(now, lambda: body)
    except http.Refusal as refusal:
        return refusal
    return attempt


def signature_fields(fields):
    return [name for name in fields if name.lower() not in UNSIGNED]


def replaced(fields, change):
    """The fields with what carries signature, id and time changed, each by itself, or all that say the same."""
    names = signature_fields(fields)
    if len({fields[name] for name in names}) == 1:
        yield {**fields, **{name: change(fields[name]) for name in names}}
        return
    for name in names:
        yield {**fields, name: change(fields[name])}


def another_bit(text):
    """One bit of the last character changed, which is a digit of hex, of base64 before its padding, or of a number."""
    end = len(text.rstrip("="))
    return text[: end - 1] + chr(ord(text[end - 1]) ^ 1) + text[end:]


def one_bit(scheme):
    fields = deliver(scheme)
    separator = SEPARATORS.get(scheme, "\0")
    for number in range(max(text.count(separator) for text in fields.values()) + 1):

        def change(text, number=number):
            parts = text.split(separator)
            parts[number] = another_bit(parts[number])
            return separator.join(parts)

        yield from replaced(fields, change)


def stale(scheme):
    for seconds in (-TOLERANCE - 1, TOLERANCE + 1) if scheme in TIMED else ():
        yield deliver(scheme, now=NOW + seconds)


def missing(scheme):
    fields = deliver(scheme)
    names = signature_fields(fields)
    if scheme == "gitea":
        yield {}
        return
    for name in names:
        yield {other: value for other, value in fields.items() if other != name}
        parts = fields[name].split(SEPARATORS[scheme]) if scheme in SEPARATORS else []
        for number in range(len(parts)):
            yield {**fields, name: SEPARATORS[scheme].join(parts[:number] + parts[number + 1 :])}


def twice(scheme):
    fields = deliver(scheme)
    pairs = list(fields.items())
    names = signature_fields(fields)
    if scheme == "gitea":
        names = ["X-Gitea-Signature"]
    for name in names:
        yield [*pairs, (name, fields[name])]
        yield [(name, fields[name]), *pairs]
        parts = fields[name].split(SEPARATORS[scheme]) if scheme in SEPARATORS else []
        for part in parts:
            if part.startswith(("t=", "i=")):
                yield {**fields, name: SEPARATORS[scheme].join([*parts, part])}


def huge(scheme):
    separator = SEPARATORS.get(scheme)
    yield from replaced(deliver(scheme), lambda text: text + "0" * 16384)
    yield from replaced(deliver(scheme), lambda text: "0" * 16384 + text)
    if separator:
        yield from replaced(deliver(scheme), lambda text: f"x{separator}" * 8192 + text)


CHALLENGES = {"token": ["Bearer"], "basic": ["Basic"]}
CASES = {
    "one bit differs": one_bit,
    "the time is outside of the tolerance": stale,
    "a part is missing": missing,
    "a part comes twice": twice,
    "16 KiB": huge,
    "empty": lambda scheme: replaced(deliver(scheme), lambda text: ""),
    "another secret": lambda scheme: [deliver(scheme, OTHER_SECRET)],
    "another body": lambda scheme: [deliver(scheme, body=BODY + b" ")] if scheme in SENDERS else [],
}
# Who says nothing of that.
SILENT = dict.fromkeys(CASES, ())
SILENT.update({"the time is outside of the tolerance": {*SENDERS, *BY_SECRET} - TIMED, "another body": BY_SECRET})


def test_every_scheme_that_signs_is_here():
    options = reference.entry_points()["endpoint"]["auth"]["options"]
    assert set(SENDERS) | set(BY_SECRET) == set(options)


@pytest.mark.parametrize("scheme", SENDERS)
def test_what_is_sent_is_let_in(scheme):
    for age in (0, TOLERANCE, -TOLERANCE):
        assert judge(guard_of(entry(scheme)), deliver(scheme, now=NOW + age)).accepted == [f"{scheme}[1]"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("scheme", [*SENDERS, *BY_SECRET])
def test_what_is_not_quite_that_is_refused_alike(scheme, case):
    guard = guard_of(entry(scheme))
    sent = list(CASES[case](scheme))
    assert sent or scheme in SILENT[case]
    for fields in sent:
        refusal = judge(guard, fields)
        assert isinstance(refusal, http.Refusal), fields
        challenges = [value.partition(" ")[0] for _, value in refusal.headers]
        assert (refusal.status, refusal.reason) == (401, "not authorized"), fields
        assert challenges == CHALLENGES.get(scheme, []), fields


@pytest.mark.parametrize("scheme", SENDERS)
def test_a_secret_is_changed_by_a_second_entry(scheme):
    both = guard_of(entry(scheme), entry(scheme, OTHER_SECRET))
    assert judge(both, deliver(scheme)).accepted == [f"{scheme}[1]"]
    assert judge(both, deliver(scheme, OTHER_SECRET)).accepted == [f"{scheme}[2]"]


@pytest.mark.parametrize("scheme", SEPARATORS)
def test_one_of_several_signatures_has_to_fit(scheme):
    """A sender signs with its old and its new secret for a while, in whichever order."""
    fields, others = deliver(scheme), deliver(scheme, OTHER_SECRET)
    (name,) = [name for name in fields if fields[name] != others[name]]
    separator = SEPARATORS[scheme]
    (old,) = [part for part in others[name].split(separator) if part not in fields[name].split(separator)]
    for sent in (f"{fields[name]}{separator}{old}", f"{old}{separator}{fields[name]}"):
        for secret in (SECRET, OTHER_SECRET):
            assert judge(guard_of(entry(scheme, secret)), {**fields, name: sent}).accepted == [f"{scheme}[1]"]
        assert isinstance(judge(guard_of(entry(scheme, "x" * 32)), {**fields, name: sent}), http.Refusal)


def keys(scheme, fields, body=BODY, now=NOW):
    """What the delivery goes by."""
    request, _ = parse(message(list(fields.items()), body))
    return set(replay.keys(request, judge(guard_of(entry(scheme)), fields, body, now), lambda: body))


@pytest.mark.parametrize("scheme", SENDERS)
def test_a_retry_is_known(scheme):
    """Its id is the same, and its time is a new one."""
    first = keys(scheme, deliver(scheme))
    again = keys(scheme, deliver(scheme, now=NOW + 60), now=NOW + 60)
    assert first & again


@pytest.mark.parametrize("scheme", SENDERS)
def test_another_delivery_is_not_taken_for_a_retry(scheme):
    first = keys(scheme, deliver(scheme))
    other = BODY.replace(b"x", b"y")
    assert not first & keys(scheme, deliver(scheme, delivery_id="id-2", body=other), other)


@pytest.mark.parametrize("scheme", ["github", "shopify"])
def test_an_id_that_is_not_signed_decides_nothing(scheme):
    first, renamed = keys(scheme, deliver(scheme)), keys(scheme, deliver(scheme, delivery_id="id-2"))
    assert first == renamed


# The page of senders

PAGE = (Path(__file__).parents[2] / "docs/senders.md").read_text(encoding="utf-8")
# What the page says to write under `hmac`, by the senders' documents: Buildkite's "Webhook signature"; CircleCI's
# "Outbound webhooks"; discourse/discourse spec/jobs/emit_web_hook_event_spec.rb (see vectors.py); Grafana's "Configure
# webhook notifications", "HMAC signature"; Linear's "Securing webhooks"; Sentry's "Webhooks"; tailscale/tailscale
# docs/webhooks/example.go.
BY_HMAC = {
    "Buildkite": lambda k, t, b: {"X-Buildkite-Signature": f"timestamp={t},signature={hex_mac(k, at(t), b'.', b)}"},
    "CircleCI": lambda k, t, b: {"circleci-signature": f"v1={hex_mac(k, b)},v2={'0' * 64}"},
    "Discourse": lambda k, t, b: {"X-Discourse-Event-Signature": f"sha256={hex_mac(k, b)}"},
    "Grafana alerting, with a timestamp header": lambda k, t, b: {
        "X-Grafana-Alerting-Timestamp": str(t),
        "X-Grafana-Alerting-Signature": hex_mac(k, at(t), b":", b),
    },
    "Linear": lambda k, t, b: {"Linear-Signature": hex_mac(k, b)},
    "Sentry, an integration of one's own": lambda k, t, b: {
        "Sentry-Hook-Timestamp": str(t),
        "Sentry-Hook-Signature": hex_mac(k, b),
    },
    "Tailscale": lambda k, t, b: {"Tailscale-Webhook-Signature": f"t={t},v1={hex_mac(k, at(t), b'.', b)}"},
}


def rows(heading):
    """The cells of a section's table."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_page_has_a_row_for_each_scheme():
    options = reference.entry_points()["endpoint"]["auth"]["options"]
    assert {cells[1].strip("`") for cells in rows("By name")} == set(options) - {"hmac"}


@pytest.mark.parametrize("sender", BY_HMAC)
def test_the_page_says_what_hmac_needs(sender):
    (text,) = [cells[1].strip("`") for cells in rows("By `hmac`") if cells[0] == sender]
    guard = guard_of({"hmac": {"secret": SECRET, **yaml.safe_load(text)}})
    fields = BY_HMAC[sender](SECRET, NOW, BODY)
    assert judge(guard, fields).accepted == ["hmac[1]"]
    assert isinstance(judge(guard, fields, BODY + b" "), http.Refusal)
    assert isinstance(judge(guard, BY_HMAC[sender](OTHER_SECRET, NOW, BODY)), http.Refusal)


def test_the_page_has_no_sender_without_a_test():
    assert [cells[0] for cells in rows("By `hmac`")] == list(BY_HMAC)


TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
PARTS = st.lists(st.sampled_from(["t=1700000000", "i=id-1", "v1=", "s=", "v0=", "t=", "", "x"]) | TEXTS, max_size=20)


@given(st.sampled_from(sorted(SENDERS)), st.data())
def test_nothing_else_is_let_in_and_nothing_else_raised(scheme, data):
    fields = deliver(scheme)
    name = data.draw(st.sampled_from(sorted(signature_fields(fields))))
    separator = SEPARATORS.get(scheme, ",")
    value = data.draw(TEXTS | PARTS.map(separator.join))
    others = {other: "" for other in fields if scheme == "gitea"}
    assert isinstance(judge(guard_of(entry(scheme)), {**fields, **others, name: value}), http.Refusal)
