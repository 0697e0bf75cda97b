"""What a host has written down of the clients, after they have come."""

import json
import os
import re
from pathlib import Path

from host import records, whole_journal

SECRETS, MARKS = json.loads(Path(__file__).with_name("secrets.json").read_text()).values()
CLIENT = Path("/root/client").read_text()
LOG = Path("/var/log/nginx/trigger.access.log")


def test_records_tell_who_asked_and_from_where():
    told = {(record["remote_user"], record["remote_addr"]) for record in records("environment")}
    assert told == {(user, CLIENT) for user in ("alice", "bob", "carol", "dave@example.org", "erin")}
    # What the page has started, and what programs have.
    assert {(record["remote_user"], record["remote_addr"]) for record in records("deploy")} == {
        ("bob", CLIENT),
        ("carol", CLIENT),
    }
    for name in ("open", "hook"):
        assert {(record["remote_user"], record["remote_addr"]) for record in records(name)} == {(None, CLIENT)}


def test_what_was_refused_has_not_run():
    assert not records("far") and not records("far-acceptor") and not records("inside")
    assert {record["remote_user"] for record in records("private")} == {"alice"}
    taken = re.findall(r'"POST /rated/ HTTP/1\.1" 200 ', LOG.read_text())
    assert sum(len(record["requests"]) for record in records("rated")) == len(taken)


def test_the_thousand_have_been_served():
    requests = [request for record in records("crowd") for request in record["requests"]]
    assert len(requests) == len(set(requests)) > 0
    assert len(requests) % 1000 == 0


def test_the_access_log_tells_enough():
    lines = LOG.read_text().splitlines()
    assert {line.split(" ")[0] for line in lines} == {CLIENT}
    assert {"bob", "carol", "dave@example.org", "-"} <= {line.split(" ")[2] for line in lines}
    assert any(re.search(r'"POST /hook/ HTTP/1\.1" 200 ', line) for line in lines)
    assert any(re.search(r'"GET /deploy/runs/[0-9a-f-]+ HTTP/1\.1" 200 ', line) for line in lines)


def forbidden():
    return [SECRETS["query"], MARKS["query"], MARKS["body"], SECRETS["hook"], SECRETS["bob"], "Basic "]


def test_no_secret_is_in_the_access_log():
    text = LOG.read_text()
    assert [secret for secret in forbidden() if secret in text] == []


def test_no_secret_is_in_other_logs_of_nginx():
    found = []
    for path in LOG.parent.iterdir():
        text = path.read_text(errors="replace")
        found += [(path.name, secret) for secret in forbidden() if secret in text]
    assert found == []


def test_nothing_that_a_client_sent_kept_nginx_busy():
    """Where an expression can take a field in too many ways, nginx gives up and says so."""
    text = LOG.with_name("error.log").read_text(errors="replace")
    assert [line for line in text.splitlines() if "pcre" in line] == []


def test_no_secret_is_in_the_journal():
    """The marks of the query are the jobs' own output, which is theirs to print."""
    everything = whole_journal()
    frontend = Path("/etc/trigger/credentials/.frontend")
    secrets = [*SECRETS.values(), MARKS["body"], *(file.read_text().strip() for file in frontend.iterdir())]
    assert [secret for secret in secrets if secret.encode() in everything] == []


def test_nothing_waits():
    for name in os.listdir("/var/spool/trigger"):
        assert [entry for entry in os.listdir(f"/var/spool/trigger/{name}") if entry[0] != "."] == []
