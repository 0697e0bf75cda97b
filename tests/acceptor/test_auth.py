"""Who may call: from what a playbook says through the role's entries to the acceptor's guard.

tests/support/vectors.py has the published signatures and the senders' deliveries, and says where they are from.
"""

import base64
import functools
import hashlib
import itertools
import json
import random
import time
import urllib.parse
from datetime import datetime, timezone

import pytest
import standardwebhooks
from hypothesis import assume, example, given
from hypothesis import strategies as st
from message import message, parse
from role import guard_entries
from vectors import DELIVERIES, FORM, RFC_CASES, SECRET, STANDARD_SECRET, TRUNCATED, VECTORS
from vectors import REFUSED as REFUSED_VECTORS

from trigger import http
from trigger.acceptor import auth, credentials, signatures
from trigger.endpoint import Endpoint

NOW = 1700000000
OTHER_SECRET = "another secret of the tests"


def guard(*entries, **keys):
    return auth.Guard(guard_entries(*entries, **keys))


def call(guard, whole, now=NOW, cuts=()):
    """What becomes of a message whose body arrives in pieces: the Attempt, or the Refusal raised."""
    request, body = parse(whole)
    attempt = guard.begin(request)
    for start, end in itertools.pairwise(sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})):
        attempt.feed(body[start:end])
    attempt.finish(now, lambda: body)
    return attempt


def refusal(guard, whole, now=NOW):
    with pytest.raises(http.Refusal) as caught:
        call(guard, whole, now)
    assert caught.value.status == 401
    return caught.value


def guard_of(vector):
    return guard(vector.auth, allow_weak_secret=vector.weak)


def hmac_by_hand(algorithm, key, data):
    """RFC 2104, section 2, from the hash alone; neither the acceptor nor this test's vectors are made with it."""
    block = 128 if algorithm == "sha512" else 64
    if len(key) > block:
        key = hashlib.new(algorithm, key).digest()
    key = key.ljust(block, b"\0")
    inner = hashlib.new(algorithm, bytes(byte ^ 0x36 for byte in key) + data).digest()
    return hashlib.new(algorithm, bytes(byte ^ 0x5C for byte in key) + inner).digest()


def signed(body, timestamp):
    """A request that SIGNED lets in, the scheme `hmac` with all that it can have."""
    mac = hmac_by_hand("sha512", SECRET.encode(), f"{timestamp}.".encode() + body)
    signature = "v=" + base64.b64encode(mac).decode()
    return message({"X-Stamp": str(timestamp), "X-Signed": signature}, body)


SIGNED = {
    "hmac": {
        "secret": SECRET,
        "header": "X-Signed",
        "algorithm": "sha512",
        "encoding": "base64",
        "prefix": "v=",
        "timestamp_header": "X-Stamp",
        "tolerance": "2min",
    }
}


# What is published, and what is sent


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("vector", [*VECTORS.values(), *DELIVERIES.values()], ids=[*VECTORS, *DELIVERIES])
def test_accepts_what_is_published_and_what_is_sent(vector, seed):
    cuts = random.Random(seed).choices(range(len(vector.body)), k=9) if seed else ()
    (scheme,) = vector.auth
    attempt = call(guard_of(vector), message(vector.pairs, vector.body), vector.now or NOW, cuts)
    assert attempt.accepted == [f"{scheme}[1]"]


@pytest.mark.parametrize("vector", REFUSED_VECTORS.values(), ids=REFUSED_VECTORS)
def test_refuses_what_the_senders_own_tests_refuse(vector):
    refusal(guard_of(vector), message(vector.pairs, vector.body), vector.now or NOW)


# A `secret` is one line of UTF-8. The other keys are bytes aa, or hold a line feed; these are put where the role puts
# the key that it makes of a secret.
KEYS_THAT_ARE_SECRETS = {b"\x0b" * 20, b"Jefe", b"\x0c" * 20}


def rfc_guard(case):
    is_secret = case.key in KEYS_THAT_ARE_SECRETS
    scheme = {"header": "X-Mac", "algorithm": case.algorithm, "secret": case.key.decode() if is_secret else SECRET}
    (entry,) = guard_entries({"hmac": scheme}, allow_weak_secret=True)
    if not is_secret:
        entry["key"] = base64.b64encode(case.key).decode()
    return auth.Guard([entry])


@pytest.mark.parametrize("case", RFC_CASES, ids=lambda case: f"{case.source} {case.algorithm}")
def test_accepts_the_test_cases_of_the_rfcs(case):
    call(rfc_guard(case), message({"X-Mac": case.digest}, case.data))


@pytest.mark.parametrize("case", TRUNCATED, ids=lambda case: f"{case.source} {case.algorithm}")
def test_refuses_a_signature_that_is_cut_off(case):
    refusal(rfc_guard(case), message({"X-Mac": case.digest}, case.data))


@pytest.mark.parametrize("name", ["Gitea, form", "Forgejo, form", "Gogs, form"])
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body + b"&ref=evil",
        lambda body: b"ref=evil&" + body,
        lambda body: body + b"&",
        lambda body: b"&" + body,
        lambda body: body + b"&" + body,
        lambda body: body.replace(b"payload", b"Payload"),
        lambda body: body.replace(b"payload", b"%70ayload"),
        lambda body: body.replace(b"payload=", b"="),
        lambda body: body.replace(b"payload=", b""),
        lambda body: body.replace(b"payload=", b"payload"),
        lambda body: body + b"%",
        lambda body: body + b"%0",
        lambda body: body + b"%zz",
        lambda body: body + b"+",
        lambda body: body + b"=",
        lambda body: b"",
    ],
)
def test_a_form_holds_the_signed_field_and_nothing_else(name, change):
    vector = DELIVERIES[name]
    refusal(guard_of(vector), message(vector.pairs, change(vector.body)))


def test_a_form_is_read_as_it_is_checked():
    """A bare & in the signed JSON would end the field `payload`, and what is behind it be another one."""
    payload = b'{"message":"x&ref=evil"}'
    fields = {"Content-Type": FORM, "X-Gitea-Signature": hmac_by_hand("sha256", SECRET.encode(), payload).hex()}
    a_guard = guard({"gitea": {"secret": SECRET}})
    call(a_guard, message(fields, b"payload=" + payload.replace(b"&", b"%26")))
    refusal(a_guard, message(fields, b"payload=" + payload))


@pytest.mark.parametrize("body", [b"payload=%", b"payload=%zz", b"", b"other=1", b"payload=a&b=c"])
def test_a_form_without_a_payload_is_not_taken_for_an_empty_one(body):
    fields = {"Content-Type": FORM, "X-Gitea-Signature": hmac_by_hand("sha256", SECRET.encode(), b"").hex()}
    a_guard = guard({"gitea": {"secret": SECRET}})
    call(a_guard, message(fields, b"payload="))
    refusal(a_guard, message(fields, body))


@pytest.mark.parametrize(
    ("sent_by", "taken_for"),
    [("GitHub", "Gitea"), ("GitHub, form", "Gitea, form"), ("Gitea, form", "GitHub, form"), ("Gogs", "GitHub")],
)
def test_a_delivery_of_another_scheme_is_refused(sent_by, taken_for):
    refusal(guard_of(DELIVERIES[taken_for]), message(DELIVERIES[sent_by].pairs, DELIVERIES[sent_by].body))


def test_gitlab_has_to_sign_when_a_signing_token_is_set():
    """Otherwise who knows the older token, or nothing at all, could leave the signature out."""
    delivery = DELIVERIES["GitLab 19"]
    refusal(guard_of(DELIVERIES["GitLab 19, signed"]), message(delivery.pairs, delivery.body), delivery.now)


def test_a_form_is_signed_as_it_is_sent_unless_the_scheme_says_otherwise():
    signature = hmac_by_hand("sha256", SECRET.encode(), b"a=1&b=2").hex()
    call(
        guard({"hmac": {"secret": SECRET, "header": "X-Mac"}}),
        message({"Content-Type": FORM, "X-Mac": signature}, b"a=1&b=2"),
    )


def test_the_body_is_asked_for_only_where_not_the_body_itself_is_signed():
    vector = DELIVERIES["GitHub, form"]
    request, body = parse(message(vector.pairs, vector.body))
    attempt = guard_of(vector).begin(request)
    attempt.feed(body)
    attempt.finish(NOW, None)
    assert attempt.accepted == ["github[1]"]


# What was changed on the way

# Deliveries, and the fields that carry their signature.
CHANGED = {
    "github": (DELIVERIES["GitHub"], ["x-hub-signature-256"]),
    "github, form": (DELIVERIES["GitHub, form"], ["x-hub-signature-256"]),
    "gitea": (DELIVERIES["Gitea"], ["x-gitea-signature", "x-gogs-signature"]),
    "gitea, form": (DELIVERIES["Gitea, form"], ["x-gitea-signature", "x-gogs-signature"]),
    "forgejo": (DELIVERIES["Forgejo"], ["x-gitea-signature", "x-gogs-signature", "x-forgejo-signature"]),
    "gogs": (DELIVERIES["Gogs"], ["x-gogs-signature"]),
    "gitlab, signed": (DELIVERIES["GitLab 19, signed"], ["webhook-signature"]),
    "standard webhooks": (VECTORS["Standard Webhooks"], ["webhook-signature"]),
    "sha1": (VECTORS["go-github sha1"], ["x-hub-signature"]),
    "sha512": (VECTORS["go-github sha512"], ["x-hub-signature"]),
    "svix": (VECTORS["Svix"], ["svix-signature"]),
    "slack": (VECTORS["Slack"], ["x-slack-signature"]),
    "zoom": (DELIVERIES["Zoom"], ["x-zm-signature"]),
    "shopify": (VECTORS["Shopify"], ["x-shopify-hmac-sha256"]),
    "bitbucket": (DELIVERIES["Bitbucket"], ["x-hub-signature"]),
    "pagerduty": (VECTORS["PagerDuty"], ["x-pagerduty-signature"]),
    "meta": (DELIVERIES["Meta"], ["x-hub-signature-256"]),
}


def changed_request(vector, fields):
    """A request whose fields are set behind the parser, which would refuse some of these bytes before the guard."""
    request, body = parse(message(vector.pairs, vector.body))
    request.fields.update(fields)
    return request, body


def is_accepted(guard, request, body, now):
    try:
        attempt = guard.begin(request)
        attempt.feed(body)
        attempt.finish(now, lambda: body)
    except http.Refusal as refused:
        if refused.status != 401:
            raise
        return False
    return True


def flips(content):
    """All that one changed bit can make of bytes."""
    for position, bit in itertools.product(range(len(content)), range(8)):
        yield content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]


def every_signature(vector, headers, change):
    """The fields with each signature replaced by change(signature)."""
    request, _ = parse(message(vector.pairs, vector.body))
    return {name.encode(): change(request.fields[name.encode()]) for name in headers}


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_bit_in_the_body_is_noticed(name):
    vector, _ = CHANGED[name]
    a_guard = guard_of(vector)
    is_decoded = "form" in name and "gitea" in name
    for body in flips(vector.body):
        # %7b is %7B, and it is the decoded field that Gitea signs.
        same = is_decoded and decoded(body) == decoded(vector.body)
        request, _ = changed_request(vector, {})
        assert is_accepted(a_guard, request, body, vector.now or NOW) == same, body


def decoded(form):
    name, _, value = form.partition(b"=")
    return name, urllib.parse.unquote_to_bytes(value.replace(b"+", b" "))


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_bit_in_the_signature_is_noticed(name):
    vector, headers = CHANGED[name]
    a_guard = guard_of(vector)
    (signature,) = set(every_signature(vector, headers, bytes).values())
    for flipped in flips(signature):
        request, body = changed_request(vector, every_signature(vector, headers, lambda _, new=flipped: new))
        assert is_accepted(a_guard, request, body, vector.now or NOW) == is_same_hex(flipped, signature), flipped


def is_same_hex(one, other):
    """Whether two signatures are the same digits of hex: their case is not told apart."""
    prefix = other[: -len(digits(other))]
    return not other.endswith(b"=") and one.startswith(prefix) and one.lower() == other.lower()


@pytest.mark.parametrize("field", [b"webhook-id", b"webhook-timestamp"])
@pytest.mark.parametrize("name", ["gitlab, signed", "standard webhooks"])
def test_a_changed_bit_in_id_or_timestamp_is_noticed(name, field):
    vector, _ = CHANGED[name]
    a_guard = guard_of(vector)
    request, _ = changed_request(vector, {})
    for flipped in flips(request.fields[field]):
        request, body = changed_request(vector, {field: flipped})
        assert not is_accepted(a_guard, request, body, vector.now), flipped


def test_a_changed_bit_is_noticed_in_all_that_the_scheme_hmac_signs():
    a_guard, body = guard(SIGNED), b'{"a": 1}'
    for field in (b"x-stamp", b"x-signed"):
        for flipped in flips(parse(signed(body, NOW))[0].fields[field]):
            request, _ = parse(signed(body, NOW))
            request.fields[field] = flipped
            assert not is_accepted(a_guard, request, body, NOW), flipped
    for flipped in flips(body):
        request, _ = parse(signed(body, NOW))
        assert not is_accepted(a_guard, request, flipped, NOW), flipped
    request, _ = parse(signed(body, NOW))
    assert is_accepted(a_guard, request, body, NOW)


def test_what_is_signed_can_be_read_in_one_way_only():
    """`1.2` and `3` are joined as `1` and `2.3` are, so no part but the last may hold a point. The specification of
    Standard Webhooks says that of ids, too ("Signature scheme")."""
    signature = parse(signed(b"5.rest", NOW))[0].fields[b"x-signed"]
    refusal(guard(SIGNED), message({"X-Stamp": f"{NOW}.5", "X-Signed": signature}, b"rest"))

    mac = hmac_by_hand("sha256", b"k" * 24, f"id.{NOW}.{NOW + 1}.rest".encode())
    signature = "v1," + base64.b64encode(mac).decode()
    standard = standard_guard("standard_webhooks", b"k" * 24)

    def delivery(delivery_id, timestamp, body):
        return message(
            {"webhook-id": delivery_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}, body
        )

    call(standard, delivery("id", NOW, f"{NOW + 1}.rest".encode()))
    refusal(standard, delivery(f"id.{NOW}", NOW + 1, b"rest"))


MISSPELT = {
    "empty": lambda signature: b"",
    "the prefix alone": lambda signature: signature[: -len(digits(signature))],
    "without its prefix": lambda signature: digits(signature) if digits(signature) != signature else signature[2:],
    "upper case": lambda signature: signature.upper(),
    "upper-case digits": lambda signature: signature.replace(digits(signature), digits(signature).upper()),
    "cut at the end": lambda signature: signature[:-1],
    "cut at the front": lambda signature: signature[1:],
    "the first half": lambda signature: signature[: len(signature) // 2],
    "a zero behind": lambda signature: signature + b"0",
    "padding behind": lambda signature: signature + b"=",
    "padding removed": lambda signature: signature.rstrip(b"=") if b"=" in signature[-2:] else signature + b"==",
    "a tab inside": lambda signature: signature[:-5] + b"\t" + signature[-5:],
    "a point behind": lambda signature: signature + b".",
    "in quotes": lambda signature: b'"' + signature + b'"',
    "another prefix": lambda signature: b"sha999=" + digits(signature),
    "a doubled prefix": lambda signature: signature[: -len(digits(signature))] * 2 + b"x=" + digits(signature),
    "the digest as it is": lambda signature: raw(digits(signature)),
    "the other encoding": lambda signature: recoded(signature),
    "of another body": lambda signature: signature[: -len(digits(signature))] + digits(signature)[::-1],
}


def digits(signature):
    """A signature without its prefix."""
    for prefix in (b"v1,", b"v1=", b"v0=", b"sha1=", b"sha256=", b"sha512="):
        if signature.startswith(prefix):
            return signature[len(prefix) :]
    return signature


def raw(text):
    return base64.b64decode(text) if text.endswith(b"=") else bytes.fromhex(text.decode())


def recoded(signature):
    text = digits(signature)
    other = raw(text).hex().encode() if text.endswith(b"=") else base64.b64encode(raw(text))
    return signature.replace(text, other)


@pytest.mark.parametrize("how", MISSPELT)
@pytest.mark.parametrize("name", CHANGED)
def test_a_signature_has_one_spelling(name, how):
    """But for the case of hex."""
    vector, headers = CHANGED[name]
    request, body = changed_request(vector, every_signature(vector, headers, MISSPELT[how]))
    sent, right = (request.fields[headers[0].encode()], parse(message(vector.pairs))[0].fields[headers[0].encode()])
    assert is_accepted(guard_of(vector), request, body, vector.now or NOW) == is_same_hex(sent, right)


@pytest.mark.parametrize("other", ["the same", "another"])
@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("name", CHANGED)
def test_a_signature_that_comes_in_two_fields_is_refused(name, place, other):
    vector, headers = CHANGED[name]
    signatures = [(field, value) for field, value in vector.pairs if field.lower() in headers]
    if other == "another":
        signatures = [(field, value.replace(value[-9:-1], "A" * 8)) for field, value in signatures]
    pairs = [*signatures, *vector.pairs] if place == "before" else [*vector.pairs, *signatures]
    refusal(guard_of(vector), message(pairs, vector.body), vector.now or NOW)


@pytest.mark.parametrize("field", ["webhook-id", "webhook-timestamp"])
def test_what_is_signed_beside_the_body_comes_once(field):
    vector = VECTORS["Standard Webhooks"]
    twice = [(name, value) for name, value in vector.pairs if name == field]
    refusal(guard_of(vector), message([*vector.pairs, *twice], vector.body), vector.now)


@pytest.mark.parametrize("field", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_nothing_that_is_signed_may_be_missing(field):
    vector = VECTORS["Standard Webhooks"]
    pairs = [(name, value) for name, value in vector.pairs if name != field]
    request, _ = parse(message(pairs, vector.body))
    with pytest.raises(http.Refusal):
        guard_of(vector).begin(request)  # at once: no body could help


def test_only_so_many_signatures_of_one_field_are_looked_at():
    vector = VECTORS["Standard Webhooks"]
    signature = parse(message(vector.pairs))[0].fields[b"webhook-signature"]

    def with_others(count):
        request, body = changed_request(vector, {b"webhook-signature": b"v1,x " * count + signature})
        return is_accepted(guard_of(vector), request, body, vector.now)

    assert with_others(signatures.SIGNATURES_LIMIT - 1)
    assert not with_others(signatures.SIGNATURES_LIMIT)


# Others' implementations

IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="."), min_size=1, max_size=40)
BODIES = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
KEYS = st.binary(min_size=24, max_size=64)
SECRETS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), min_size=1, max_size=150)


@functools.lru_cache(maxsize=4)
def standard_guard(scheme, key):
    return guard({scheme: {"secret": "whsec_" + base64.b64encode(key).decode()}})


@given(st.sampled_from(["standard_webhooks", "gitlab"]), KEYS, IDS, st.integers(-290, 290), BODIES)
def test_the_python_library_of_standard_webhooks_agrees(scheme, key, delivery_id, age, body):
    now = int(time.time())
    theirs = standardwebhooks.Webhook(key)
    signature = theirs.sign(delivery_id, datetime.fromtimestamp(now - age, timezone.utc), body)
    head = {"webhook-id": delivery_id, "webhook-timestamp": str(now - age)}
    sent = message({**head, "webhook-signature": signature}, body.encode())
    attempt = call(standard_guard(scheme, key), sent, now)
    # What was found here is what they verify. They raise where it is not.
    found = "v1," + base64.b64encode(attempt.digests[0]).decode()
    theirs.verify(body, {**head, "webhook-signature": found}, json_parse=False)


@given(KEYS, IDS, BODIES, st.integers(-400, 400), st.data())
def test_it_refuses_what_that_library_refuses(key, delivery_id, body, age, data):
    """One part of a signed delivery is replaced by another of its kind, so far as both take such a thing at all."""
    assume(not 290 < abs(age) < 310)  # each looks at its own clock
    now = int(time.time())
    theirs = standardwebhooks.Webhook(key)
    signature = theirs.sign(delivery_id, datetime.fromtimestamp(now - age, timezone.utc), body)
    head = {"webhook-id": delivery_id, "webhook-timestamp": str(now - age), "webhook-signature": signature}
    part = data.draw(st.sampled_from(["", "body", *head]))
    if part == "body":
        body = data.draw(BODIES)
    elif part == "webhook-id":
        head[part] = data.draw(IDS)
    elif part == "webhook-timestamp":
        head[part] = str(now - data.draw(st.integers(-280, 280)))
    elif part:
        digests = st.binary(min_size=32, max_size=32).map(lambda value: base64.b64encode(value).decode())
        items = st.tuples(st.sampled_from(["v1", "v2", "v1a"]), digests | st.just(signature[3:])).map(",".join)
        head[part] = " ".join(data.draw(st.lists(items, min_size=1, max_size=4)))
    try:
        theirs.verify(body, head, json_parse=False)
        expected = True
    except standardwebhooks.WebhookVerificationError:
        expected = False
    request, whole = parse(message(head, body.encode()))
    assert is_accepted(standard_guard("standard_webhooks", key), request, whole, now) == expected


@given(
    SECRETS,
    st.binary(max_size=300),
    st.sampled_from(["sha256", "sha512", "sha1"]),
    st.sampled_from(["hex", "base64"]),
    st.sampled_from(["", "sha256=", "v0:", "Signature,"]),
    st.lists(st.integers(0, 300), max_size=5),
)
@example("k" * 200, b"", "sha512", "base64", "", [])
def test_hmac_is_what_rfc_2104_says(secret, body, algorithm, encoding, prefix, cuts):
    scheme = {"secret": secret, "header": "X-Mac", "algorithm": algorithm, "encoding": encoding, "prefix": prefix}
    mac = hmac_by_hand(algorithm, secret.encode(), body)
    text = prefix + (mac.hex() if encoding == "hex" else base64.b64encode(mac).decode())
    a_guard = guard({"hmac": scheme}, allow_weak_secret=True)
    attempt = call(a_guard, message({"X-Mac": text}, body), cuts=cuts)
    assert attempt.digests == [mac]
    refusal(a_guard, message({"X-Mac": text}, body + b"\0"))


@given(SECRETS, st.binary(max_size=300))
def test_github_and_gitea_are_the_same_hmac(secret, body):
    mac = hmac_by_hand("sha256", secret.encode(), body).hex()
    for scheme, fields in (
        ("github", {"X-Hub-Signature-256": f"sha256={mac}"}),
        ("gitea", {"X-Gitea-Signature": mac}),
        ("gitea", {"X-Forgejo-Signature": mac}),
        ("gitea", {"X-Gogs-Signature": mac}),
    ):
        a_guard = guard({scheme: {"secret": secret}}, allow_weak_secret=True)
        call(a_guard, message(fields, body))
        refusal(a_guard, message(fields, b"\0" + body))


# Timestamps

AGES = {
    "now": (0, True),
    "as old as may be": (-120, True),
    "a second older": (-121, False),
    "as new as may be": (120, True),
    "a second newer": (121, False),
    "1970": (-NOW, False),
    "after a year": (365 * 86400, False),
}


@pytest.mark.parametrize(("seconds", "fresh"), AGES.values(), ids=AGES)
def test_a_timestamp_is_near_to_now(seconds, fresh):
    request, body = parse(signed(b"{}", NOW + seconds))
    assert is_accepted(guard(SIGNED), request, body, NOW) == fresh


def test_the_time_is_compared_with_its_fraction():
    request, body = parse(signed(b"{}", NOW))
    assert is_accepted(guard(SIGNED), request, body, NOW + 120.0)
    request, body = parse(signed(b"{}", NOW))
    assert not is_accepted(guard(SIGNED), request, body, NOW + 120.5)


@pytest.mark.parametrize(
    "timestamp",
    ["", "-", "0x6553f100", "1.7e9", f"{NOW}.0", f"-{NOW}", f"+{NOW}", f"{NOW}000", f"{NOW},{NOW}", f"{NOW} {NOW}",
     "9" * 12, "9" * 13, "9" * 5000, "0" * 100 + str(NOW), "now", "inf", "nan", "\N{ARABIC-INDIC DIGIT ONE}", "1_7",
     "Tue, 14 Nov 2023 22:13:20 GMT"],
)  # fmt: skip
def test_a_timestamp_is_digits_and_not_many(timestamp):
    """Each is signed as it stands, so nothing but the timestamp itself is wrong."""
    refusal(guard(SIGNED), signed(b"{}", timestamp))


@pytest.mark.parametrize(("age", "accepted"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_standard_webhooks_takes_five_minutes(age, accepted):
    vector = VECTORS["Standard Webhooks"]
    request, body = changed_request(vector, {})
    assert is_accepted(guard_of(vector), request, body, vector.now + age) == accepted


# Tokens

TOKEN = "0123456789abcdef-token"
BEARER = {"token": {"secret": TOKEN}}
HEADER = {"token": {"secret": TOKEN, "header": "X-Api-Key"}}
QUERY = {"token": {"secret": TOKEN, "query": "key"}}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("spaces", [" ", "   "])
def test_a_bearer_token(scheme, spaces):
    assert call(guard(BEARER), message({"Authorization": scheme + spaces + TOKEN})).accepted == ["token[1]"]


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", TOKEN, f"Bearer{TOKEN}", f"Basic {TOKEN}", f"Token {TOKEN}", f"Bearer {TOKEN[:-1]}",
     f"Bearer {TOKEN[1:]}", f"Bearer {TOKEN}x", f"Bearer {TOKEN},", f"Bearer {TOKEN} {TOKEN}", f"Bearer x {TOKEN}",
     f"Bearer {TOKEN.upper()}", f'Bearer "{TOKEN}"', f"Bearer\t{TOKEN}", "Bearer x",
     f"Bearer {hashlib.sha256(TOKEN.encode()).hexdigest()}", f"Bearer Bearer {TOKEN}", f"Bearer={TOKEN}"],
)  # fmt: skip
def test_what_is_no_bearer_token_is_refused(value):
    refusal(guard(BEARER), message({"Authorization": value}))


def test_a_token_in_two_fields_is_refused():
    refusal(guard(BEARER), message([("Authorization", f"Bearer {TOKEN}")] * 2))
    refusal(guard(HEADER), message([("X-Api-Key", TOKEN)] * 2))


@pytest.mark.parametrize(
    "pairs",
    [{"X-Api-Key": TOKEN[:-1]}, {"X-Api-Key": TOKEN + "x"}, {"X-Api-Key": ""}, {"X-Api-Key": TOKEN.upper()},
     {"X-Api-Key": f"Bearer {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}"}, {"X-Api-Keys": TOKEN}, {}],
)  # fmt: skip
def test_a_token_in_a_header_of_its_own(pairs):
    assert call(guard(HEADER), message({"x-api-KEY": TOKEN})).accepted == ["token[1]"]
    refusal(guard(HEADER), message(pairs))


@given(st.integers(0, len(TOKEN) - 1), st.integers(0, 7))
def test_a_changed_bit_of_a_token_is_noticed(position, bit):
    (changed,) = list(flips(TOKEN.encode()[position : position + 1]))[bit : bit + 1]
    for a_guard, field, before in ((BEARER_GUARD, b"authorization", b"Bearer "), (HEADER_GUARD, b"x-api-key", b"")):
        request, body = parse(message())
        request.fields[field] = before + TOKEN.encode()[:position] + changed + TOKEN.encode()[position + 1 :]
        assert not is_accepted(a_guard, request, body, NOW)


BEARER_GUARD, HEADER_GUARD = guard(BEARER), guard(HEADER)


@pytest.mark.parametrize(
    "spelling",
    ["key=" + TOKEN, "k%65y=" + TOKEN, "%6b%65%79=" + TOKEN, "%6B%65%79=" + TOKEN.replace("-", "%2d"),
     "key=" + "".join(f"%{byte:02x}" for byte in TOKEN.encode())],
)  # fmt: skip
@pytest.mark.parametrize(
    ("before", "behind", "left"),
    [("", "", b""), ("a=1&", "", b"a=1"), ("", "&a=1", b"a=1"), ("a=1&", "&b=%20+2", b"a=1&b=%20+2"),
     ("keys=1&xkey=2&", "&KEY=3", b"keys=1&xkey=2&KEY=3"), ("a&&", "&", b"a&&")],
)  # fmt: skip
def test_a_token_in_the_query_goes_no_further(spelling, before, behind, left):
    request, _ = parse(message(target=f"/?{before}{spelling}{behind}", method="GET"))
    attempt = guard(QUERY).begin(request)
    attempt.finish(NOW, None)
    assert attempt.accepted == ["token[1]"]
    assert request.query == left


@pytest.mark.parametrize(
    "query",
    ["key=", "key", "key=x", f"key={TOKEN[:-1]}", f"key={TOKEN}x", f"key={TOKEN}%", f"Key={TOKEN}", f"keys={TOKEN}",
     f"a=key={TOKEN}", f"a;key={TOKEN}", f"key={TOKEN}&key={TOKEN}", f"key={TOKEN}&k%65y=", f"key=x&key={TOKEN}", ""],
)  # fmt: skip
def test_what_is_no_token_in_the_query_is_refused(query):
    refusal(guard(QUERY), message(target="/?" + query))


@pytest.mark.parametrize("query", ["key=wrong", "key=%", "k%65y=wrong", "%6b%65%79=%zz", "key"])
def test_a_wrong_token_in_the_query_goes_no_further_either(query):
    """It may be one that is right elsewhere, and only misspelt."""
    request, _ = parse(message({"Authorization": f"Bearer {TOKEN}"}, target=f"/?{query}&a=1"))
    guard(QUERY).begin(request)
    assert request.query == b"a=1"


def test_a_token_in_the_query_is_taken_out_though_another_entry_lets_the_request_in():
    request, _ = parse(message({"X-Api-Key": OTHER_SECRET}, target=f"/?key={TOKEN}"))
    other = {"token": {"secret": OTHER_SECRET, "header": "X-Api-Key"}}
    assert guard(other, QUERY).begin(request).accepted == ["token[1]", "token[2]"]
    assert request.query == b""


def test_the_query_is_looked_at_only_where_that_is_configured():
    refusal(guard(BEARER), message(target=f"/?key={TOKEN}"))


# Name and password

BASIC = {"basic": {"user": "Aladdin", "secret": "open sesame"}}
# The examples of RFC 7617, sections 2 and 2.1.
BASIC_UTF8 = {"basic": {"user": "test", "secret": "123\N{POUND SIGN}"}}


def basic(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("entry", "value"),
    [(BASIC, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), (BASIC, "basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
     (BASIC_UTF8, "Basic dGVzdDoxMjPCow==")],
)  # fmt: skip
def test_name_and_password(entry, value):
    assert call(guard(entry, allow_weak_secret=True), message({"Authorization": value})).accepted == ["basic[1]"]


@pytest.mark.parametrize(
    "value",
    ["", "Basic", "Basic ", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=== ",
     "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic Aladdin:open sesame",
     "Basic " + basic("Aladdin:open sesam"), "Basic " + basic("aladdin:open sesame"), "Basic " + basic("Aladdin:"),
     "Basic " + basic(":open sesame"), "Basic " + basic("Aladdin"), "Basic " + basic("Aladdin:open sesame\n"),
     "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==,", "Basic qwxhzgrpbjpvcgvuihnlc2ftzq=="],
)  # fmt: skip
def test_what_is_not_name_and_password_is_refused(value):
    refused = refusal(guard(BASIC, allow_weak_secret=True), message({"Authorization": value}))
    assert refused.headers == [("WWW-Authenticate", 'Basic realm="trigger", charset="UTF-8"')]


def test_a_password_in_two_fields_is_refused():
    value = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    refusal(guard(BASIC, allow_weak_secret=True), message([("Authorization", value)] * 2))


def test_a_password_and_a_token_stand_beside_each_other():
    both = guard(BEARER, BASIC, allow_weak_secret=True)
    assert call(both, message({"Authorization": f"Bearer {TOKEN}"})).accepted == ["token[1]"]
    assert call(both, message({"Authorization": "Basic " + basic("Aladdin:open sesame")})).accepted == ["basic[2]"]
    challenges = [value.partition(" ")[0] for _, value in refusal(both, message()).headers]
    assert challenges == ["Bearer", "Basic"]


def test_the_host_has_no_password():
    assert not {"Aladdin", "sesame", basic("Aladdin:open sesame")} & set(
        json.dumps(guard_entries(BASIC, allow_weak_secret=True)).split('"')
    )


# Several entries


@pytest.mark.parametrize(("secret", "label"), [(SECRET, "github[1]"), (OTHER_SECRET, "github[2]")])
def test_a_secret_is_changed_by_a_second_entry(secret, label):
    signature = hmac_by_hand("sha256", secret.encode(), b"{}").hex()
    both = guard({"github": {"secret": SECRET}}, {"github": {"secret": OTHER_SECRET}})
    assert call(both, message({"X-Hub-Signature-256": f"sha256={signature}"}, b"{}")).accepted == [label]


@pytest.mark.parametrize(("token", "label"), [(TOKEN, "token[1]"), (OTHER_SECRET, "token[3]")])
def test_a_token_is_changed_by_a_second_entry(token, label):
    entries = guard(HEADER, {"github": {"secret": SECRET}}, {"token": {"secret": OTHER_SECRET, "header": "X-Api-Key"}})
    assert call(entries, message({"X-Api-Key": token})).accepted == [label]


def test_entries_of_several_kinds_stand_beside_each_other():
    entries = guard(BEARER, {"github": {"secret": SECRET}}, SIGNED)
    for whole, label in (
        (message({"Authorization": f"Bearer {TOKEN}"}, b"x"), "token[1]"),
        (message(DELIVERIES["GitHub"].pairs, DELIVERIES["GitHub"].body), "github[2]"),
        (signed(b"x", NOW), "hmac[3]"),
    ):
        assert call(entries, whole).accepted == [label]
    refusal(entries, message({"Authorization": "Bearer wrong"}, b"x"))


def test_a_right_signature_beside_a_wrong_token_lets_in():
    pairs = [*DELIVERIES["GitHub"].pairs, ("Authorization", "Bearer wrong")]
    attempt = call(guard(BEARER, {"github": {"secret": SECRET}}), message(pairs, DELIVERIES["GitHub"].body))
    assert attempt.accepted == ["github[2]"]


def test_nothing_is_signed_by_a_token():
    assert call(guard(BEARER), message({"Authorization": f"Bearer {TOKEN}"})).digests == []


# Refusals


def refusals():
    """Requests that are to look alike from outside, and who refuses them."""
    entries = (BEARER, {"github": {"secret": SECRET}}, SIGNED)
    right = parse(message(DELIVERIES["GitHub"].pairs))[0].fields[b"x-hub-signature-256"]
    requests = {
        "nothing": message(),
        "an unknown scheme": message({"Authorization": "Basic YTpi"}),
        "an unknown token": message({"Authorization": "Bearer unknown"}),
        "a part of the token": message({"Authorization": f"Bearer {TOKEN[:-1]}"}),
        "an empty token": message({"Authorization": "Bearer "}),
        "an empty signature": message({"X-Hub-Signature-256": ""}),
        "a wrong signature": message({"X-Hub-Signature-256": "sha256=" + "0" * 64}, b"body"),
        "a signature of another body": message({"X-Hub-Signature-256": right}, b"body"),
        "an old timestamp": signed(b"body", NOW - 1000),
        "a future timestamp": signed(b"body", NOW + 1000),
    }
    return [pytest.param(guard(*entries), whole, id=name) for name, whole in requests.items()]


@pytest.mark.parametrize(("a_guard", "whole"), refusals())
def test_every_refusal_looks_the_same(a_guard, whole):
    refused = refusal(a_guard, whole)
    assert (refused.status, refused.reason, refused.errors) == (401, "not authorized", [])
    assert refused.headers == [("WWW-Authenticate", 'Bearer realm="trigger"')]


@pytest.mark.parametrize(("a_guard", "whole"), refusals())
def test_no_refusal_tells_a_secret(a_guard, whole):
    told = repr(vars(refusal(a_guard, whole)))
    request, body = parse(whole)
    expected = [
        TOKEN,
        SECRET,
        hashlib.sha256(TOKEN.encode()).hexdigest(),
        hmac_by_hand("sha256", SECRET.encode(), body).hex(),
        base64.b64encode(
            hmac_by_hand("sha512", SECRET.encode(), request.fields.get(b"x-stamp", b"") + b"." + body)
        ).decode(),
    ]
    assert not [secret for secret in expected if secret in told]
    assert not [value for value in request.fields.values() if len(value) > 6 and value.decode() in told]


@pytest.mark.parametrize(
    ("entries", "challenged"),
    [([BEARER], True), ([HEADER, BEARER], True), ([QUERY], True), ([HEADER], False), ([SIGNED], False),
     ([{"github": {"secret": SECRET}}, {"gitlab": {"secret": SECRET}}], False)],
)  # fmt: skip
def test_only_bearer_tokens_have_a_challenge(entries, challenged):
    names = [name for name, _ in refusal(guard(*entries), message()).headers]
    assert names == ["WWW-Authenticate"] * challenged


# What the host has of it


def test_the_host_has_no_token_in_the_clear():
    entries = guard_entries(BEARER, HEADER, QUERY, {"gitlab": {"secret": TOKEN}})
    assert TOKEN not in json.dumps(entries)
    assert {entry["sha256"] for entry in entries} == {hashlib.sha256(TOKEN.encode()).hexdigest()}


ENTRIES = guard_entries(
    QUERY,
    HEADER,
    {"basic": {"user": "a", "secret": SECRET}},
    SIGNED,
    {"gitea": {"secret": SECRET}},
    {"standard_webhooks": {"secret": STANDARD_SECRET}},
    {"stripe": {"secret": SECRET}},
    {"meta": {"secret": SECRET, "verify_token": TOKEN}},
)
# What each of the entries lets in, so that all of their code is passed through.
WELCOME = [
    message({"X-Api-Key": TOKEN}, target=f"/?key={TOKEN}"),
    signed(b"{}", NOW),
    message(DELIVERIES["Gitea, form"].pairs, DELIVERIES["Gitea, form"].body),
    message(VECTORS["Standard Webhooks"].pairs, VECTORS["Standard Webhooks"].body),
    message(
        {"Stripe-Signature": f"t={NOW},v1={hmac_by_hand('sha256', SECRET.encode(), b'1700000000.{}').hex()}"}, b"{}"
    ),
    message({"Authorization": f"Basic {basic(f'a:{SECRET}')}"}),
]
LOADING_ERRORS = (ValueError, KeyError, TypeError, AttributeError, LookupError)  # those of credentials.load_guard


def load(entries):
    """The guard, or None where the entries are found to be damaged."""
    try:
        return auth.Guard(json.loads(json.dumps(entries)))
    except LOADING_ERRORS:
        return None


@pytest.mark.parametrize("number", range(len(ENTRIES)), ids=[entry["scheme"] for entry in ENTRIES])
def test_an_entry_without_one_of_its_keys_is_found_when_it_is_loaded(number):
    """A request would be too late: the acceptor would fail on each."""
    found = {}
    for missing in ENTRIES[number]:
        entries = [dict(entry) for entry in ENTRIES]
        del entries[number][missing]
        found[missing] = load(entries) is None
    assert found == dict.fromkeys(ENTRIES[number], True)


def entry_of_release_0_2(scheme, key, **keys):
    """What a host may still have of an endpoint that no play names any more."""
    entry = {
        "scheme": scheme, "kind": "signature", "algorithm": "sha256", "encoding": "hex", "prefix": "", "signed": [],
        "form_field": None, "several": False, "timestamp": None, "tolerance": None,
    }  # fmt: skip
    return {**entry, "key": base64.b64encode(key).decode(), **keys}


OF_RELEASE_0_2 = {
    "github": (
        DELIVERIES["GitHub"],
        entry_of_release_0_2("github", SECRET.encode(), headers=["x-hub-signature-256"], prefix="sha256="),
    ),
    "gitea": (
        DELIVERIES["Gogs, form"],
        entry_of_release_0_2(
            "gitea",
            SECRET.encode(),
            headers=["x-gitea-signature", "x-forgejo-signature", "x-gogs-signature"],
            form_field="payload",
        ),
    ),
    "standard_webhooks": (
        VECTORS["Standard Webhooks, one of several"],
        entry_of_release_0_2(
            "standard_webhooks",
            base64.b64decode(STANDARD_SECRET[6:]),
            headers=["webhook-signature"],
            signed=["webhook-id", "webhook-timestamp"],
            encoding="base64",
            prefix="v1,",
            several=True,
            timestamp="webhook-timestamp",
            tolerance=300.0,
        ),
    ),
}


@pytest.mark.parametrize("scheme", OF_RELEASE_0_2)
def test_an_entry_of_release_0_2_goes_on(scheme):
    vector, entry = OF_RELEASE_0_2[scheme]
    a_guard = auth.Guard(json.loads(json.dumps([entry])))
    whole = message(vector.pairs, vector.body)
    assert (
        call(a_guard, whole, vector.now or NOW).signed_ids
        == call(guard_of(vector), whole, vector.now or NOW).signed_ids
    )
    refusal(a_guard, message(vector.pairs, vector.body + b"x"), vector.now or NOW)
    if vector.now:
        refusal(a_guard, whole, vector.now + 301)


VALUES = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.lists(st.text(max_size=3)) | st.just({})
)


@given(st.integers(0, len(ENTRIES) - 1), st.data())
def test_a_damaged_entry_is_found_when_it_is_loaded_or_does_no_harm(number, data):
    entries = [dict(entry) for entry in ENTRIES]
    entries[number][data.draw(st.sampled_from(sorted(entries[number])))] = data.draw(VALUES)
    a_guard = load(entries)
    for whole in WELCOME if a_guard else ():
        try:
            call(a_guard, whole)
        except http.Refusal:
            pass


@pytest.mark.parametrize("entries", [[], {}, None, "text", 5, [5], ["text"], [[]], [None], {"a": 1}, [{}]])
def test_what_is_no_list_of_entries_is_found_when_it_is_loaded(entries):
    assert load(entries) is None


# The credential


def load_credential(tmp_path, monkeypatch, content, directory=True):
    if content is not None:
        (tmp_path / "auth").write_bytes(content)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    if directory:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return credentials.load_guard(Endpoint("a", {"auth": ["token"]}))


VALID = json.dumps(guard_entries(BEARER), indent=1).encode()


def test_the_credential_is_what_the_role_wrote(tmp_path, monkeypatch):
    a_guard, problem = load_credential(tmp_path, monkeypatch, VALID + b"\n")
    assert problem is None
    assert call(a_guard, message({"Authorization": f"Bearer {TOKEN}"})).accepted == ["token[1]"]


@pytest.mark.parametrize(
    "content",
    # systemd puts "-" there when the file is missing: SetCredential= of the unit.
    [None, b"", b"-", b"[]", b"{}", b"null", VALID[:-1], VALID[:40], VALID + VALID, b"\xff", b"\0", b'["a"]',
     b'[{"a": 1}]', VALID.replace(b"sha256", b"sha255"), VALID.replace(b"kind", b"king")],
    ids=range(15),
)  # fmt: skip
def test_without_its_secrets_the_acceptor_lets_nobody_in(tmp_path, monkeypatch, content):
    shut, problem = load_credential(tmp_path, monkeypatch, content)
    assert "requests are answered 503" in problem
    assert "\n" not in problem
    with pytest.raises(http.Refusal) as caught:
        shut.begin(parse(message({"Authorization": f"Bearer {TOKEN}"}))[0])
    assert caught.value.status == 503
    assert dict(caught.value.headers)["Retry-After"].isdigit()


def test_without_a_directory_of_credentials_the_acceptor_lets_nobody_in(tmp_path, monkeypatch):
    shut, problem = load_credential(tmp_path, monkeypatch, VALID, directory=False)
    assert isinstance(shut, credentials.Shut)
    assert problem


def test_a_problem_with_the_secrets_does_not_tell_them(tmp_path, monkeypatch):
    (entry,) = json.loads(VALID)
    _, problem = load_credential(tmp_path, monkeypatch, json.dumps([{**entry, "sha256": TOKEN}]).encode())
    assert problem
    assert TOKEN not in problem


def test_without_auth_nobody_is_asked():
    assert credentials.load_guard(Endpoint("a", {"auth": []})) == (None, None)
