"""Who calls: messages as the senders shape and sign them, for the endpoints of vars/endpoints.yml."""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import sys
import time
import urllib.parse
import uuid
from pathlib import Path

from host import wait_for_record, wait_until_served

# The programs that are tested, to make what they would leave on the disk.
sys.path.insert(0, "/usr/local/lib/trigger/current")
sys.dont_write_bytecode = True
from trigger import entry  # noqa: E402

HERE = Path(__file__).resolve().parent
SECRETS = json.loads((HERE / "secrets.json").read_text())["secrets"]
PUSHES, DELIVERIES = json.loads((HERE / "deliveries.json").read_text()).values()
# Every signature that a test makes is noted here, so that the last test can look for it everywhere.
SIGNATURES = Path("/root/signatures")

PORTS = {
    "github": 3000,
    "gitea": 3001,
    "gitlab": 3002,
    "gitlab-signed": 3003,
    "every": 3004,
    "hostile": 3005,
    "merge": 3006,
    "discard": 3007,
    "near": 3008,
    "six": 3009,
    "sites": 3018,
    "frail": 3011,
    "once": 3012,
    "brief": 3013,
    "killed": 3014,
    "guessed": 3015,
    "vaulted": 3016,
    "rotating": 3017,
}

_strangers = itertools.count(256)
next_request_id = entry.Ids().next


def stranger():
    """An address that has not called yet: a second failure of the same one would be answered late."""
    high, low = divmod(next(_strangers), 256)
    return f"127.9.{high}.{low}"


def new_id():
    return str(uuid.uuid4())


def request(method="GET", path="/", fields=(), body=b""):
    """A message. fields: list of str."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *length, *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sign(key, signed, algorithm="sha256"):
    """Return an HMAC in hexadecimal and in base64."""
    mac = hmac.new(key.encode() if isinstance(key, str) else key, signed, algorithm).digest()
    texts = mac.hex(), base64.b64encode(mac).decode()
    with open(SIGNATURES, "a") as file:
        file.writelines(text + "\n" for text in texts)
    return texts


def sign_standard(secret, identifier, timestamp, body):
    key = base64.b64decode(secret[len("whsec_") :])
    return sign(key, f"{identifier}.{timestamp}.".encode() + body)[1]


def standard_fields(secret, body, identifier=None, timestamp=None):
    """The fields of Standard Webhooks."""
    identifier, timestamp = identifier or new_id(), timestamp or int(time.time())
    signature = sign_standard(secret, identifier, timestamp, body)
    return [f"webhook-id: {identifier}", f"webhook-timestamp: {timestamp}", f"webhook-signature: v1,{signature}"]


def github_fields(body, identifier=None):
    return [
        f"X-GitHub-Delivery: {identifier or new_id()}",
        "X-GitHub-Event: push",
        f"X-Hub-Signature-256: sha256={sign(SECRETS['github'], body)[0]}",
    ]


def bearer(secret):
    return f"Authorization: Bearer {secret}"


def delivery(sent, commit, branch="refs/heads/main", event=None):
    """A delivery out of deliveries.json, with a new id, signed now. Returns the message and its body."""
    text = PUSHES[sent["push"]].replace("@COMMIT@", commit).replace("refs/heads/main", branch)
    body = text.encode()
    if "urlencoded" in sent["headers"]["Content-Type"]:
        body = urllib.parse.urlencode({"payload": text}).encode()
    secret = SECRETS[sent["endpoint"].replace("gitlab-signed", "gitlab_signing")]
    identifier, now = new_id(), int(time.time())
    values = {"@ID@": identifier, "@NOW@": str(now), "@TOKEN@": SECRETS["gitlab"]}
    if sent["endpoint"] == "gitlab-signed":
        values["@STANDARD@"] = sign_standard(secret, identifier, now, body)
    elif sent["signs"]:
        signed = text.encode() if sent["signs"] == "json" else body
        values["@SHA256@"] = sign(secret, signed)[0]
        values["@SHA1@"] = sign(secret, signed, "sha1")[0]
    fields = []
    for name, value in sent["headers"].items():
        for mark, filled in values.items():
            value = value.replace(mark, filled)
        fields.append(f"{name}: {event if event and name.endswith('-Event') else value}")
    return request("POST", "/", fields, body), body


def seen_by_job(name, identifier):
    """What the job `echo-job` wrote down about its run."""
    assert wait_for_record(name, identifier)["state"] == "succeeded"
    return json.loads(Path(f"/var/lib/trigger/{name}/job/{identifier}.json").read_text())


def log_of(name):
    """The lines that an endpoint's job has written to its log, each as a list of words."""
    path = Path(f"/var/lib/trigger/{name}/job/log")
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def traces(name):
    """What an accepted request leaves: an entry until its run is recorded, then the record. Drafts count, too."""
    return sorted(os.listdir(f"/var/spool/trigger/{name}")) + sorted(os.listdir(f"/var/lib/trigger/{name}/runs"))


@contextlib.contextmanager
def nothing_starts(*names):
    for name in names:
        wait_until_served(name)
    before = {name: traces(name) for name in names}
    yield
    assert {name: traces(name) for name in names} == before


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
