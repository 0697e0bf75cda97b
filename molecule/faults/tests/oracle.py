"""Compares what clients were told with what the host did: nothing that was accepted is missing, nothing ran twice,
nothing ran that was refused, and nothing is left behind."""

import collections
import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Optional

from host import exchange, field, is_active, is_served, records, run, status, wait_until, wait_until_idle

COUNTS = Path("/root/counts")  # a line for each comparison, for the summary
DIRECTORIES = {
    "spool": "/var/spool/trigger/{}",
    "claimed": "/var/lib/trigger/{}/claimed",
    "runs": "/var/lib/trigger/{}/runs",
}
ENDED = {"succeeded", "failed", "timed-out", "interrupted"}
# What may stay: names in the directories of an endpoint that are neither requests nor drafts.
STAYS = {"spool": {".deliveries", ".counts", ".rate"}, "claimed": {".lock", ".invocation"}}


class Told(NamedTuple):
    """What one client was told. word: str, which its request alone brought. code: int, the status, or None where no
    answer came. request: the id in the answer, or None."""

    word: str
    code: Optional[int]
    request: Optional[str]


class Seen(NamedTuple):
    """What the host did."""

    log: list  # of (request id, word), as each job wrote it down first thing
    records: list  # of dict
    left: dict  # of a directory's name to the names in it
    down: list  # units that should be active and are not, or have failed


def complaints(told, seen):
    """Compare. told: list of Told. seen: Seen. Returns what is wrong, list of str; empty when all is well."""
    return [*_of_the_answered(told, seen), *_of_the_log(told, seen), *_of_what_is_left(seen)]


def _of_the_answered(told, seen):
    runs = collections.Counter(request for record in seen.records for request in record["requests"])
    ended = {record["id"] for record in seen.records if record["state"] in ENDED}
    recorded = {request for record in seen.records if record["id"] in ended for request in record["requests"]}
    for client in told:
        if client.code is not None and client.code < 300 and client.request not in recorded:
            yield f"{client} was accepted and is missing"
    for request, number in runs.items():
        if number > 1:
            yield f"{request} is in {number} records"
    known = {client.request for client in told}
    strangers = [request for request in runs if request not in known]
    unanswered = [client for client in told if client.code is None]
    if len(strangers) > len(unanswered):
        yield f"{strangers} were recorded, but only {len(unanswered)} clients have no answer"


def _of_the_log(told, seen):
    codes = {client.word: client.code for client in told}
    states = {record["id"]: record["state"] for record in seen.records}
    for (request, word), number in collections.Counter(seen.log).items():
        if number > 1:
            yield f"{request} ({word}) ran {number} times"
        if word not in codes:
            yield f"{request} ({word}) ran, and nobody asked for it"
        elif codes[word] is not None and codes[word] >= 300:
            yield f"{request} ({word}) ran, and its client was told {codes[word]}"
        if request not in states:
            yield f"{request} ({word}) ran, and has no record"
    for word, number in collections.Counter(word for _, word in seen.log).items():
        if number > 1:
            yield f"{word} ran {number} times, as different requests"
    ran = {request for request, _ in seen.log}
    for request, state in states.items():
        if state == "succeeded" and request not in ran:
            yield f"{request} is recorded as succeeded, and did not run"
    if seen.log != sorted(seen.log):
        yield "they did not run in the order in which they were accepted"


def _of_what_is_left(seen):
    recorded = {record["id"] + suffix for record in seen.records for suffix in (".json", ".output")}
    for directory, names in seen.left.items():
        for name in sorted(set(names) - STAYS.get(directory, recorded)):
            yield f"{name} is left in {directory}"
    for unit in seen.down:
        yield f"{unit} is down"


def look(name):
    """Return the Seen of an endpoint that has come to rest."""
    try:
        lines = _log(name).read_text().splitlines()
    except FileNotFoundError:
        lines = []
    units = [f"trigger{part}@{name}.socket" for part in ("", "-dispatch", "-run")]
    return Seen(
        log=[tuple(line.split(" ")) for line in lines],
        records=records(name),
        left={directory: _names(path.format(name)) for directory, path in DIRECTORIES.items()},
        down=[unit for unit in units if not is_active(unit)] + _failed(name),
    )


def _names(path):
    return os.listdir(path) if os.path.isdir(path) else []


def _failed(name):
    """Units of the endpoint that need a person. A job that failed shows as failed, and that is right."""
    lines = run("systemctl", "--failed", "--plain", "--no-legend").splitlines()
    units = [line.split()[0] for line in lines]
    return [unit for unit in units if f"@{name}." in unit and unit != f"trigger-run@{name}.service"]


def _log(name):
    return Path(f"/var/lib/trigger/{name}/job/log")


class Oracle:
    """Asks an endpoint, notes what it is told, and compares when all is over.

    fault: str, the class under which it is counted. name, port: the endpoint's. fields: list of str, header fields that
    its requests need, in which {word} stands for the request's own word. body: bytes. notes: Path of a file that keeps
    what was told also if this program does not live to compare it, or None.
    """

    def __init__(self, fault, name, port, fields=(), body=b"", notes=None):
        self.name = name
        self.told = []
        self.faults = 0
        self._fault = fault
        self._port = port
        self._fields = fields
        self._body = body
        self._notes = notes
        if notes is not None and notes.exists():
            self.told = _noted(notes)
        else:
            wait_until_idle(name)
            self._close(look(name))  # what a test left that failed

    def ask(self, word=None):
        """Be a client, or with another's word the same once more. Returns what it was told."""
        word = word or secrets.token_hex(8)
        self._note(Told(word, None, None))
        fields = [f"Content-Length: {len(self._body)}", *(item.format(word=word) for item in self._fields)]
        head = "\r\n".join([f"POST /?{word} HTTP/1.1", "Host: test", *fields])
        try:
            answer = exchange(self._port, head.encode() + b"\r\n\r\n" + self._body)
        except ConnectionError:
            answer = b""
        told = Told(word, status(answer), field(answer, "X-Request-Id")) if answer else Told(word, None, None)
        self.told.append(told)
        self._note(told)
        return told

    def ask_often(self, count, clients=8):
        """Be so many clients at a time, until it was asked `count` times."""
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda _: self.ask(), range(count)))

    def judge(self, seconds=30):
        """Compare, when the endpoint has come to rest, and close the books: what runs from now on was asked for by
        nobody. Returns the counts of what was seen."""
        wait_until(lambda: is_served(self.name), seconds)
        wait_until_idle(self.name)
        seen = look(self.name)
        wrong = complaints(self.told, seen)
        counts = self._count(seen)
        self._close(seen)
        assert not wrong, "\n".join(wrong)
        with open(COUNTS, "a") as file:
            file.write(json.dumps([self._fault, counts]) + "\n")
        return counts

    def _note(self, told):
        if self._notes is not None:
            with open(self._notes, "a") as file:
                file.write(json.dumps(told) + "\n")

    def _count(self, seen):
        codes = [client.code for client in self.told]
        return {
            "faults": self.faults,
            "asked": len(codes),
            "accepted": sum(code is not None and code < 300 for code in codes),
            "refused": sum(code is not None and code >= 300 for code in codes),
            "no answer": codes.count(None),
            "ran": len(seen.log),
            **collections.Counter(record["state"] for record in seen.records),
        }

    def _close(self, seen):
        self.told = []
        self.faults = 0
        if self._notes is not None:
            self._notes.unlink(missing_ok=True)
        if seen.log:
            os.truncate(_log(self.name), 0)
        for name in seen.left["runs"]:
            os.unlink(f"/var/lib/trigger/{self.name}/runs/{name}")


def _noted(notes):
    """What was told, as far as somebody lived to note it: a client that noted only its question has no answer."""
    told = [Told(*json.loads(line)) for line in notes.read_text().splitlines()]
    return list({client.word: client for client in told}.values())
