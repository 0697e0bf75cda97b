"""Signatures that others published, and deliveries as their senders put them on the wire.

VECTORS are to be accepted and REFUSED are not; each says where it was published. Of DELIVERIES the header fields are
the senders' own, in names, order and form; the bodies are ours, abridged in the senders' layout, and were signed with
`openssl dgst -sha256 -hmac`. A commit by its hash is one of the file named before it.
"""

from typing import NamedTuple, Optional


class Vector(NamedTuple):
    source: str
    auth: dict  # an item of the key `auth`
    fields: str  # header fields, a line each
    body: bytes
    now: Optional[int] = None  # seconds since 1970, where a timestamp is checked
    weak: bool = False  # whether the published secret is shorter than the role takes by itself

    @property
    def pairs(self):
        return [tuple(line.split(": ") if ": " in line else (line[:-1], "")) for line in self.fields.splitlines()]


DOCS_OF_GITHUB = (
    "github/docs content/webhooks/using-webhooks/validating-webhook-deliveries.md @0c4564acdc, "
    "'Testing the webhook payload validation'"
)
GO_GITHUB = "google/go-github github/messages_test.go TestValidatePayload @0e391815d4"
STANDARD_WEBHOOKS = (
    "standard-webhooks/standard-webhooks libraries/python/tests/test_webhooks.py test_sign_function @33d368b20c, "
    "the same in javascript/src/webhook.test.ts @10d3e46d72 and go/webhook_symmetric_test.go @3ac24afe35"
)
GOGS = "go-playground/webhooks gogs/gogs_test.go @d63b350877, testdata/gogs/create-event.json @10570b0a59"
ATLASSIAN = "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/, as test suites of others quote it"
SLACK = (
    "https://api.slack.com/authentication/verifying-requests-from-slack, 'Step-by-step'; the time: slackapi/"
    "python-slack-sdk slack_sdk/signature/__init__.py @108955b601"
)
SVIX = (
    "svix/svix-webhooks python/tests/test_webhooks.py test_sign_function @09fdcf100e; the other names: "
    "python/svix/webhooks.py @1bddea8a1b"
)
PAGERDUTY = "PagerDuty/go-pagerduty webhookv3/webhookv3_test.go TestVerifySignature @3df5eb4e62"
GITLAB_TOKEN = "GitLab's documentation of webhooks, 'Delivery headers'"

GO_SECRET = "0123456789abcdef"
GO_BODY = b'{"yo":true}'
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_BODY = b'{"test": 2432232314}'
STANDARD_NOW = 1614265330
STANDARD_HEAD = f"webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: {STANDARD_NOW}\nwebhook-signature: "
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
STANDARD_OTHER = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
PAGERDUTY_SIGNATURE = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
PAGERDUTY_BODY = (
    b'{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","resource_type":"incident",'
    b'"occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https://acme.pagerduty.com/users/PLH1HKV","id":'
    b'"PLH1HKV","self":"https://api.pagerduty.com/users/PLH1HKV","summary":"Tenex Engineer","type":"user_reference"},'
    b'"client":null,"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2",'
    b'"html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","number":2,"status":"triggered","title":"A little bump'
    b' in the road","service":{"html_url":"https://acme.pagerduty.com/services/PF9KMXH","id":"PF9KMXH","self":'
    b'"https://api.pagerduty.com/services/PF9KMXH","summary":"API Service","type":"service_reference"},"assignees":'
    b'[{"html_url":"https://acme.pagerduty.com/users/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/'
    b'PTUXL6G","summary":"User 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.'
    b'com/escalation_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation_policies/PUS0KTE",'
    b'"summary":"Default","type":"escalation_policy_reference"},"teams":[{"html_url":"https://acme.pagerduty.com/teams/'
    b'PFCVPS0","id":"PFCVPS0","self":"https://api.pagerduty.com/teams/PFCVPS0","summary":"Engineering","type":'
    b'"team_reference"}],"priority":{"html_url":"https://acme.pagerduty.com/account/incident_priorities","id":"PSO75BM",'
    b'"self":"https://api.pagerduty.com/priorities/PSO75BM","summary":"P1","type":"priority_reference"},"urgency":"high",'
    b'"conference_bridge":{"conference_number":1000,"conference_url":"https://example.com"},"resolve_reason":null}}}'
)
GOGS_BODY = b"""{
    "ref": "refs/heads/%s-branch",
    "ref_type": "branch",
    "repository": {
        "name": "repo",
        "full_name": "user/repo",
        "html_url": "https://gogs.example.com/user/repo",
        "clone_url": "https://gogs.example.com/user/repo.git"
    }
}"""


def _standard(signature, source=STANDARD_WEBHOOKS, secret=STANDARD_SECRET):
    auth = {"standard_webhooks": {"secret": secret}}
    return Vector(source, auth, STANDARD_HEAD + signature, STANDARD_BODY, STANDARD_NOW)


def _svix(name, signature):
    fields = (STANDARD_HEAD + signature).replace("webhook-", f"{name}-")
    return Vector(SVIX, {"svix": {"secret": STANDARD_SECRET}}, fields, STANDARD_BODY, STANDARD_NOW)


def _pagerduty(signature):
    """The list is that of PagerDuty/developer-docs docs/webhooks/04-Signatures.md @01f977eb0a, 'The Signature'."""
    secret = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"
    return Vector(PAGERDUTY, {"pagerduty": {"secret": secret}}, f"X-PagerDuty-Signature: {signature}", PAGERDUTY_BODY)


def _hub(algorithm, signature, body=GO_BODY, secret=GO_SECRET, source=GO_GITHUB, content_type="application/json"):
    """The header of WebSub, which other senders than GitHub and its older deliveries have."""
    scheme = {"secret": secret, "header": "X-Hub-Signature", "algorithm": algorithm, "prefix": f"{algorithm}="}
    return Vector(
        source, {"hmac": scheme}, f"X-Hub-Signature: {algorithm}={signature}\nContent-Type: {content_type}", body
    )


VECTORS = {
    "GitHub": Vector(
        DOCS_OF_GITHUB,
        {"github": {"secret": "It's a Secret to Everybody"}},
        "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        b"Hello, World!",
    ),
    # The test has it in X-Hub-Signature; it is the same HMAC.
    "go-github sha256": Vector(
        GO_GITHUB,
        {"github": {"secret": GO_SECRET}},
        "X-Hub-Signature-256: sha256=b1f8020f5b4cd42042f807dd939015c4a418bc1ff7f604dd55b0a19b5d953d9b\n"
        "Content-Type: application/json",
        GO_BODY,
    ),
    "go-github sha256, X-Hub-Signature": _hub(
        "sha256", "b1f8020f5b4cd42042f807dd939015c4a418bc1ff7f604dd55b0a19b5d953d9b"
    ),
    "go-github sha1": _hub("sha1", "126f2c800419c60137ce748d7672e77b65cf16d6"),
    "go-github sha512": _hub(
        "sha512",
        "8456767023c1195682e182a23b3f5d19150ecea598fde8cb85918f7281b16079"
        "471b1329f92b912c4d8bd7455cb159777db8f29608b20c7c87323ba65ae62e1f",
    ),
    # GitHub signs a form as it is sent, encoded.
    "go-github form": _hub(
        "sha1",
        "3374ef144403e8035423b23b02e2c9d7a4c50368",
        b"payload=%7B%22yo%22%3Atrue%7D",
        source="google/go-github github/messages_test.go TestValidatePayload_FormPost, a later version",
        content_type="application/x-www-form-urlencoded",
    ),
    "Atlassian": _hub(
        "sha256",
        "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
        b"Hello World!",
        "It's a Secret to Everybody",
        ATLASSIAN,
    ),
    "Standard Webhooks": _standard(STANDARD_SIGNATURE),
    "Standard Webhooks, secret without prefix": _standard(
        STANDARD_SIGNATURE, secret=STANDARD_SECRET[len("whsec_") :]
    ),
    "Standard Webhooks, one of several": _standard(
        f"{STANDARD_OTHER} v2{STANDARD_OTHER[2:]} {STANDARD_SIGNATURE} {STANDARD_OTHER}",
        f"{STANDARD_WEBHOOKS}; the list is that of test_multi_sig_payload",
    ),
    "Gogs create": Vector(
        GOGS,
        {"gitea": {"secret": "sampleToken!"}},
        "X-Gogs-Event: create\n"
        "X-Gogs-Signature: d3c99a5711de365c4ff897be0692d9016de2cee6e3e1d6b3fb49154f9efb354d\n"
        "Content-Type: application/json",
        GOGS_BODY % b"feature",
        weak=True,
    ),
    "Gogs delete": Vector(
        f"{GOGS} with delete-event.json",
        {"gitea": {"secret": "sampleToken!"}},
        "X-Gogs-Event: delete\n"
        "X-Gogs-Signature: 6208970efc3c5283df65f726d69ae8331491d7857f812dfaeaedf11a68d8da79\n"
        "Content-Type: application/json",
        GOGS_BODY % b"obsolete",
        weak=True,
    ),
    "Slack": Vector(
        SLACK,
        {"slack": {"secret": "8f742231b10e8888abcd99yyyzzz85a5"}},
        "X-Slack-Request-Timestamp: 1531420618\n"
        "X-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503\n"
        "Content-Type: application/x-www-form-urlencoded",
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        1531420618,
    ),
    "Svix": _svix("svix", STANDARD_SIGNATURE),
    "Svix, by the names of Standard Webhooks": _svix("webhook", STANDARD_SIGNATURE),
    "Svix, one of several": _svix("svix", f"{STANDARD_OTHER} v2{STANDARD_OTHER[2:]} {STANDARD_SIGNATURE}"),
    "PagerDuty": _pagerduty(PAGERDUTY_SIGNATURE),
    "PagerDuty, a new secret beside an old one": _pagerduty(f"v1={'0' * 64},{PAGERDUTY_SIGNATURE}"),
    "Shopify": Vector(
        "SQLPage's tests of sqlpage.hmac, 'Test Shopify webhook HMAC validation'; the scheme: https://shopify.dev/docs/"
        "apps/build/webhooks, 'Verify a webhook'",
        {"shopify": {"secret": "test-webhook-secret"}},
        "X-Shopify-Hmac-Sha256: QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw=\n"
        "X-Shopify-Topic: orders/create\n"
        "X-Shopify-Webhook-Id: b54557e4-bdd9-4b37-8a5f-bf7d70bcd043\n"
        "Content-Type: application/json",
        b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}',
    ),
    "Bitbucket": Vector(
        ATLASSIAN,
        {"bitbucket": {"secret": "It's a Secret to Everybody"}},
        "X-Hub-Signature: sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
        b"Hello World!",
    ),
    "Discourse": Vector(
        "discourse/discourse spec/jobs/regular/emit_web_hook_event_spec.rb",
        {
            "hmac": {
                "secret": "my_lovely_secret_for_web_hook",
                "header": "X-Discourse-Event-Signature",
                "prefix": "sha256=",
            }
        },
        "X-Discourse-Event-Type: ping\n"
        "X-Discourse-Event-Signature: sha256=162f107f6b5022353274eb1a7197885cfd35744d8d08e5bcea025d309386b7d6",
        b'{"ping":"OK"}',
    ),
    "GitLab secret token": Vector(
        GITLAB_TOKEN,
        {"gitlab": {"secret": "my-secret-token"}},
        "X-Gitlab-Token: my-secret-token\nX-Gitlab-Event: Push Hook",
        b"{}",
        weak=True,
    ),
}  # fmt: skip

REFUSED = {
    "Svix, a wrong one": _svix("svix", STANDARD_SIGNATURE[:-2] + "A="),
    "Svix, names mixed": Vector(
        SVIX,
        {"svix": {"secret": STANDARD_SECRET}},
        (STANDARD_HEAD + STANDARD_SIGNATURE).replace("webhook-id", "svix-id"),
        STANDARD_BODY,
        STANDARD_NOW,
    ),
    "PagerDuty, a wrong one": _pagerduty("v1=7020c8a7ec668a9b7012bc3dd82e483394b038f4230acc6785efbf2a7d8bcaf5"),
    "PagerDuty, another version": _pagerduty(PAGERDUTY_SIGNATURE.replace("v1", "v0")),
    "Standard Webhooks, a wrong one": _standard(STANDARD_OTHER),
    "Standard Webhooks, an empty one": _standard("v1,", f"{STANDARD_WEBHOOKS}, webhook.test.ts"),
    "Standard Webhooks, its last character": _standard(
        STANDARD_SIGNATURE[:-2] + "A=", f"{STANDARD_WEBHOOKS}, test_invalid_signature"
    ),
    "Standard Webhooks, no base64": _standard("v1,dawfeoifkpqwoekfpqoekf", f"{STANDARD_WEBHOOKS}, webhook.test.ts"),
    "Standard Webhooks, another version": _standard("v2" + STANDARD_SIGNATURE[2:], "ours"),
    "Standard Webhooks, the asymmetric version": _standard("v1a" + STANDARD_SIGNATURE[2:], "ours"),
    "Standard Webhooks, signed with Ed25519": _standard(
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
        "standard-webhooks/standard-webhooks libraries/go/webhook_asymmetric_test.go @5fb2ce9369",
    ),
    # Without a secret they send these fields all the same, with nothing in them.
    "Gitea without a secret": Vector(
        "go-gitea/gitea services/webhook/deliver.go @50e782654e",
        {"gitea": {"secret": GO_SECRET}},
        "X-Gitea-Signature:\nX-Gogs-Signature:\nX-Hub-Signature: sha1=\nX-Hub-Signature-256: sha256=",
        b"{}",
    ),
    "Forgejo without a secret, taken for GitHub": Vector(
        "Forgejo services/webhook/default_test.go @b44c78d5d6 (yonasBSD/forgejo)",
        {"github": {"secret": GO_SECRET}},
        "X-Forgejo-Signature:\nX-Gitea-Signature:\nX-Hub-Signature: sha1=\nX-Hub-Signature-256: sha256=",
        b"{}",
    ),
    "the SHA-1 signature that GitHub still sends, alone": Vector(
        GO_GITHUB,
        {"github": {"secret": GO_SECRET}},
        "X-Hub-Signature: sha1=126f2c800419c60137ce748d7672e77b65cf16d6",
        GO_BODY,
    ),
}


class Case(NamedTuple):
    """A test case of RFC 4231 (sha256, sha512) or RFC 2202 (sha1)."""

    source: str
    algorithm: str
    key: bytes
    data: bytes
    digest: str


LARGE_KEY = b"Test Using Larger Than Block-Size Key - Hash Key First"
LARGE_KEY_AND_DATA = (
    b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
    b"hashed before being used by the HMAC algorithm."
)
COUNTED = bytes(range(1, 26))

# The digests as CPython's Lib/test/test_hmac.py has them from the RFCs.
RFC_CASES = [
    Case("RFC 4231, 4.2", "sha256", b"\x0b" * 20, b"Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    Case("RFC 4231, 4.2", "sha512", b"\x0b" * 20, b"Hi There",
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
         "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"),
    Case("RFC 4231, 4.3", "sha256", b"Jefe", b"what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    Case("RFC 4231, 4.3", "sha512", b"Jefe", b"what do ya want for nothing?",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
    Case("RFC 4231, 4.4", "sha256", b"\xaa" * 20, b"\xdd" * 50,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    Case("RFC 4231, 4.4", "sha512", b"\xaa" * 20, b"\xdd" * 50,
         "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
         "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"),
    Case("RFC 4231, 4.5", "sha256", COUNTED, b"\xcd" * 50,
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    Case("RFC 4231, 4.5", "sha512", COUNTED, b"\xcd" * 50,
         "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
         "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"),
    Case("RFC 4231, 4.7", "sha256", b"\xaa" * 131, LARGE_KEY,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    Case("RFC 4231, 4.7", "sha512", b"\xaa" * 131, LARGE_KEY,
         "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
         "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"),
    Case("RFC 4231, 4.8", "sha256", b"\xaa" * 131, LARGE_KEY_AND_DATA,
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    Case("RFC 4231, 4.8", "sha512", b"\xaa" * 131, LARGE_KEY_AND_DATA,
         "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
         "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"),
    Case("RFC 2202, 3, case 1", "sha1", b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
    Case("RFC 2202, 3, case 2", "sha1", b"Jefe", b"what do ya want for nothing?",
         "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    Case("RFC 2202, 3, case 3", "sha1", b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
    Case("RFC 2202, 3, case 4", "sha1", COUNTED, b"\xcd" * 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
    Case("RFC 2202, 3, case 5", "sha1", b"\x0c" * 20, b"Test With Truncation",
         "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
    Case("RFC 2202, 3, case 6", "sha1", b"\xaa" * 80, LARGE_KEY, "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
    Case("RFC 2202, 3, case 7", "sha1", b"\xaa" * 80,
         b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
         "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"),
]  # fmt: skip

# The digests of RFC 4231, 4.6, and RFC 2202, 3, case 5, are cut off: 128 and 96 bits. A part is no signature.
TRUNCATED = [
    Case("RFC 4231, 4.6", "sha256", b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    Case("RFC 4231, 4.6", "sha512", b"\x0c" * 20, b"Test With Truncation", "415fad6271580a531d4179bc891d87a6"),
    Case("RFC 2202, 3, case 5", "sha1", b"\x0c" * 20, b"Test With Truncation", "4c1a03424b55e07fe7f27be1"),
]

SECRET = "a secret of the tests"
FORM = "application/x-www-form-urlencoded"

GITHUB_SOURCE = (
    "github/docs content/webhooks/webhook-events-and-payloads.md @0ce27207f1, 'Delivery headers'; a form: "
    "data/reusables/webhooks/content_type_and_secret.md @38b8478b29"
)
GITHUB_FIELDS = """\
Accept: */*
User-Agent: GitHub-Hookshot/044aadd
Content-Type: {type}
X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958
X-GitHub-Event: push
X-GitHub-Hook-ID: 292430182
X-GitHub-Hook-Installation-Target-ID: 101
X-GitHub-Hook-Installation-Target-Type: repository
X-Hub-Signature: sha1={sha1}
X-Hub-Signature-256: sha256={sha256}"""
GITHUB_JSON = (
    '{"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111",'
    '"after":"2222222222222222222222222222222222222222","repository":{"full_name":"alice/demo"},'
    '"commits":[{"message":"Fix a & b = 100% + naïve"}]}'
)
GITHUB_FORM = (
    "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%2C%22before%22%3A%221111111111111111111111111111111111111111"
    "%22%2C%22after%22%3A%222222222222222222222222222222222222222222%22%2C%22repository%22%3A%7B%22full_name%22%3A"
    "%22alice%2Fdemo%22%7D%2C%22commits%22%3A%5B%7B%22message%22%3A%22Fix+a+%26+b+%3D+100%25+%2B+na%C3%AFve%22%7D"
    "%5D%7D"
)

GITLAB_SOURCE = (
    "gitlabhq/gitlabhq doc-locale/fr-fr/user/project/integrations/webhooks.md @d66adcb693, app/services/"
    "web_hook_service.rb @017a6c129d; the signing token is the example of merge request 231325"
)
GITLAB_SIGNING_TOKEN = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="
GITLAB_FIELDS = """\
Content-Type: application/json
User-Agent: GitLab/{version}
Idempotency-Key: f5e5f430-f57b-4e6e-9fac-d9128cd7232f
X-Gitlab-Event: Push Hook
X-Gitlab-Webhook-UUID: 02affd2d-2cba-4033-917d-ec22d5dc4b38
X-Gitlab-Instance: https://gitlab.example.test
X-Gitlab-Event-UUID: 13792a34-cac6-4fda-95a8-c58e00a3954e"""
GITLAB_NOW = 1744578123
# With GitLab 19 they come with every delivery, signed or not.
GITLAB_19 = f"""
webhook-id: f5e5f430-f57b-4e6e-9fac-d9128cd7232f
webhook-timestamp: {GITLAB_NOW}"""
GITLAB_SIGNATURE = "\nwebhook-signature: v1,Xnd3sO2SZTUwn7doLoD5VOOhPnqFi7Jqk9NXK9MOTd8="
GITLAB_JSON = (
    '{"object_kind":"push","before":"1111111111111111111111111111111111111111",'
    '"after":"2222222222222222222222222222222222222222","ref":"refs/heads/main","message":null,'
    '"commits":[{"message":"Fix a & b = 100% + naïve\\n"}]}'
)

GITEA_SOURCE = "go-gitea/gitea services/webhook/deliver.go @50e782654e, newDefaultRequest and addDefaultHeaders"
GITEA_FIELDS = """\
User-Agent: Go-http-client/1.1
Accept-Encoding: gzip
Content-Type: {type}
X-Gitea-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-Gitea-Event: push
X-Gitea-Event-Type: push
X-Gitea-Signature: {sha256}
X-Gogs-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-Gogs-Event: push
X-Gogs-Event-Type: push
X-Gogs-Signature: {sha256}
X-Hub-Signature: sha1={sha1}
X-Hub-Signature-256: sha256={sha256}
X-GitHub-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-GitHub-Event: push
X-GitHub-Event-Type: push
X-Gitea-Hook-Installation-Target-Type: repository
X-GitHub-Hook-Installation-Target-Type: repository"""
GITEA_JSON = """{
  "ref": "refs/heads/main",
  "before": "1111111111111111111111111111111111111111",
  "after": "2222222222222222222222222222222222222222",
  "commits": [
    {
      "message": "Fix a \\u0026 b = 100% + naïve\\n"
    }
  ],
  "repository": {
    "full_name": "alice/demo"
  }
}"""
GITEA_FORM = (
    "payload=%7B%0A++%22ref%22%3A+%22refs%2Fheads%2Fmain%22%2C%0A++%22before%22%3A+%22111111111111111111111111111111"
    "1111111111%22%2C%0A++%22after%22%3A+%222222222222222222222222222222222222222222%22%2C%0A++%22commits%22%3A+%5B"
    "%0A++++%7B%0A++++++%22message%22%3A+%22Fix+a+%5Cu0026+b+%3D+100%25+%2B+na%C3%AFve%5Cn%22%0A++++%7D%0A++%5D%2C"
    "%0A++%22repository%22%3A+%7B%0A++++%22full_name%22%3A+%22alice%2Fdemo%22%0A++%7D%0A%7D"
)

FORGEJO_SOURCE = (
    "Forgejo services/webhook/default.go @242155d0c8 and services/webhook/shared/payloader.go @072ec2e27d "
    "(creator-signal/fork-forgejo-forgejo)"
)
FORGEJO_FIELDS = """\
User-Agent: Go-http-client/1.1
Accept-Encoding: gzip
Content-Type: {type}
X-Forgejo-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-Forgejo-Event: push
X-Forgejo-Event-Type: push
X-Forgejo-Signature: {sha256}
X-Gitea-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-Gitea-Event: push
X-Gitea-Event-Type: push
X-Gitea-Signature: {sha256}
X-Gogs-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-Gogs-Event: push
X-Gogs-Event-Type: push
X-Gogs-Signature: {sha256}
X-Hub-Signature: sha1={sha1}
X-Hub-Signature-256: sha256={sha256}
X-GitHub-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-GitHub-Event: push
X-GitHub-Event-Type: push"""
FORGEJO_JSON = """{
  "after": "2222222222222222222222222222222222222222",
  "before": "1111111111111111111111111111111111111111",
  "commits": [
    {
      "message": "Fix a \\u0026 b = 100% + naïve\\n"
    }
  ],
  "compare": "https://forgejo.example.test/alice/demo/compare/1...2",
  "ref": "refs/heads/main",
  "repository": {
    "full_name": "alice/demo"
  }
}"""
FORGEJO_FORM = (
    "payload=%7B%0A++%22after%22%3A+%222222222222222222222222222222222222222222%22%2C%0A++%22before%22%3A+%221111111"
    "111111111111111111111111111111111%22%2C%0A++%22commits%22%3A+%5B%0A++++%7B%0A++++++%22message%22%3A+%22Fix+a+"
    "%5Cu0026+b+%3D+100%25+%2B+na%C3%AFve%5Cn%22%0A++++%7D%0A++%5D%2C%0A++%22compare%22%3A+%22https%3A%2F%2Fforgejo"
    ".example.test%2Falice%2Fdemo%2Fcompare%2F1...2%22%2C%0A++%22ref%22%3A+%22refs%2Fheads%2Fmain%22%2C%0A++%22"
    "repository%22%3A+%7B%0A++++%22full_name%22%3A+%22alice%2Fdemo%22%0A++%7D%0A%7D"
)

GOGS_SOURCE = "gogs/gogs internal/database/webhook.go @040a86d8c0, prepareHookTasks and deliver"
GOGS_FIELDS = """\
Content-Type: {type}
X-Github-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-Github-Event: push
X-Gogs-Delivery: f6266f16-1bf3-46a5-9ea4-602e06ead473
X-Gogs-Event: push
X-Gogs-Signature: {sha256}"""

# Of the JSON, and so in a form, too: these three sign before they encode.
GITEA_SIGNED = {
    "sha256": "8be1b5d243d2e3276fea4f26d18b3d9fed96a70ce6c9d22ec7960990bd2e34cc",
    "sha1": "ab6bf84812ebdda4f85b86f763854ad94b76facf",
}
FORGEJO_SIGNED = {
    "sha256": "2a48e0b70722d378f9d577e35768de3cb8f41b73872af3d7ad35880939b66fa5",
    "sha1": "cb62ca217e6f561c3afe078d53aacd3f34e7f597",
}


STRIPE = (
    "stripe/stripe-python stripe/_webhook.py WebhookSignature @016aa9f02f; retries and several v1: "
    "https://docs.stripe.com/webhooks, 'Verify webhook signatures manually'"
)
STRIPE_SECRET = "whsec_DaLRHCRs35vEXqOE8uTEAXGLGUOnyaFf"  # of stripe/stripe-go webhook/client_handler_test.go
STRIPE_SIGNATURE = "89166e68cdf4ca3642425da6bff9936a2e230dd50f0ef53074bd80e90178926e"
STRIPE_JSON = """{
  "id": "evt_1MqqbKLt4dXK03v5qaIbiNCC",
  "object": "event",
  "type": "payment_intent.succeeded",
  "pending_webhooks": 1
}"""
ZOOM = (
    "zoom/webhook-sample index.js @d9d0c7dd8a, which looks at the signature before it answers a validation; "
    "https://developers.zoom.us/docs/api/webhooks/, 'Verify webhook events'"
)
META = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started, 'Event Notifications'"


def _stripe(signatures, now=GITLAB_NOW):
    fields = f"Stripe-Signature: t={now},{signatures}\nContent-Type: application/json; charset=utf-8"
    return Vector(STRIPE, {"stripe": {"secret": STRIPE_SECRET}}, fields, STRIPE_JSON.encode(), now)


def _forge(source, fields, signed, body, scheme="gitea", content_type="application/json"):
    return Vector(source, {scheme: {"secret": SECRET}}, fields.format(type=content_type, **signed), body.encode())


def _gitlab(fields, secret=SECRET, version="19.0.0"):
    fields = GITLAB_FIELDS.format(version=version) + fields
    return Vector(GITLAB_SOURCE, {"gitlab": {"secret": secret}}, fields, GITLAB_JSON.encode(), GITLAB_NOW)


DELIVERIES = {
    "GitHub": _forge(
        GITHUB_SOURCE,
        GITHUB_FIELDS,
        {
            "sha256": "e5c1839b32eacaf69413cfd2a4a1b23cc42358ea8cd2a1b387377c10a2e935c8",
            "sha1": "341b3f8cb84b7c8f33ab5d5e80f8cd21ae59799f",
        },
        GITHUB_JSON,
        "github",
    ),
    "GitHub, form": _forge(
        GITHUB_SOURCE,
        GITHUB_FIELDS,
        {
            "sha256": "ddec8ec0559f5986e19bf5742d2e18dd287aaa5b2a1bd64888a1b501eb4e4b84",
            "sha1": "82b55d4cdbb8c751f182333f959f76088d7a0fdb",
        },
        GITHUB_FORM,
        "github",
        FORM,
    ),
    "Stripe": _stripe(f"v1={STRIPE_SIGNATURE},v0=d3c0e2106d7f2108daf53edf1c5558b0d93ef1206146b560fc9e1797baa6f909"),
    "Stripe, a new secret beside an old one": _stripe(f"v1={'0' * 64},v1={STRIPE_SIGNATURE}"),
    "Slack": Vector(
        SLACK,
        {"slack": {"secret": SECRET}},
        f"X-Slack-Request-Timestamp: {GITLAB_NOW}\n"
        "X-Slack-Signature: v0=9dc6b9e36d2ae525e7ced2d52a46cd960a6cee91b90816b177eaa25b42e15f37\n"
        "Content-Type: application/json",
        b'{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","team_id":"T123ABC456","type":"event_callback","event":'
        b'{"type":"app_mention","text":"deploy"},"event_id":"Ev123ABC456","event_time":1744578123}',
        GITLAB_NOW,
    ),
    "Zoom": Vector(
        ZOOM,
        {"zoom": {"secret": SECRET}},
        f"x-zm-request-timestamp: {GITLAB_NOW}\n"
        "x-zm-signature: v0=4f212aaa4e82d74830d04e8a4ac630aba22dfecb6707e342a1f4a4687d29b2c0\n"
        "Content-Type: application/json; charset=utf-8",
        b'{"event":"meeting.ended","payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"Demo"}},'
        b'"event_ts":1744578123456}',
        GITLAB_NOW,
    ),
    "Bitbucket": Vector(
        ATLASSIAN,
        {"bitbucket": {"secret": SECRET}},
        "X-Event-Key: repo:push\nX-Hook-UUID: 5efa4a3f-1b5d-4c61-b6b0-5f8b1e2f0f6e\nX-Attempt-Number: 1\n"
        "X-Hub-Signature: sha256=8967e317a699f4eae88895f919c85e1b210c5afc4d379e3c89a9545dcf34eacf\n"
        "Content-Type: application/json",
        b'{"push":{"changes":[{"new":{"type":"branch","name":"main"}}]},"repository":{"full_name":"alice/demo"}}',
    ),
    "Meta": Vector(
        META,
        {"meta": {"secret": SECRET}},
        "X-Hub-Signature: sha1=0000000000000000000000000000000000000000\n"
        "X-Hub-Signature-256: sha256=2aeeff0b45f07f5f3fefa5e8bd4088689d3b3ecdbbada8a33d5c72bfc106a20c\n"
        "Content-Type: application/json",
        b'{"object":"page","entry":[{"id":"0","time":1744578123,"changes":[{"field":"feed","value":'
        b'{"message":"\\u00e4\\u00f6\\u00e5"}}]}]}',
    ),
    "GitLab 18": _gitlab(f"\nX-Gitlab-Token: {SECRET}", version="18.0.0"),
    "GitLab 19": _gitlab(f"{GITLAB_19}\nX-Gitlab-Token: {SECRET}"),
    "GitLab 19, signed": _gitlab(GITLAB_19 + GITLAB_SIGNATURE, GITLAB_SIGNING_TOKEN),
    "GitLab 19, both": _gitlab(f"{GITLAB_19}{GITLAB_SIGNATURE}\nX-Gitlab-Token: {SECRET}", GITLAB_SIGNING_TOKEN),
    "Gitea": _forge(GITEA_SOURCE, GITEA_FIELDS, GITEA_SIGNED, GITEA_JSON),
    "Gitea, form": _forge(GITEA_SOURCE, GITEA_FIELDS, GITEA_SIGNED, GITEA_FORM, content_type=FORM),
    "Forgejo": _forge(FORGEJO_SOURCE, FORGEJO_FIELDS, FORGEJO_SIGNED, FORGEJO_JSON),
    "Forgejo, form": _forge(FORGEJO_SOURCE, FORGEJO_FIELDS, FORGEJO_SIGNED, FORGEJO_FORM, content_type=FORM),
    "Gogs": _forge(GOGS_SOURCE, GOGS_FIELDS, GITEA_SIGNED, GITEA_JSON),
    "Gogs, form": _forge(GOGS_SOURCE, GOGS_FIELDS, GITEA_SIGNED, GITEA_FORM, content_type=FORM),
}
