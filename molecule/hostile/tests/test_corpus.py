"""The corpus of hostile HTTP, sent to an acceptor behind systemd: each message has its status, and what ran is what was
accepted."""

import socket

import pytest
from host import connect, field, read_all, records, status, wait_until_idle
from http_corpus import CASES

PORT = 3002
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture(scope="module")
def answers():
    """What each case was answered: list of bytes, in their order."""
    found = []
    for case in CASES:
        with connect(PORT) as client:
            client.sendall(case.message)
            if not case.status:  # it is not complete, and nothing more will come
                client.shutdown(socket.SHUT_WR)
            answer = read_all(client)
        found.append(answer[len(CONTINUE) :] if answer.startswith(CONTINUE) else answer)
    wait_until_idle("corpus")
    return found


def test_each_message_has_its_status(answers):
    told = [(case.name, status(answer)) for case, answer in zip(CASES, answers)]
    assert told == [(case.name, case.status or 400) for case in CASES]


def test_what_ran_is_what_was_accepted(answers):
    accepted = [field(answer, "X-Request-Id") for answer in answers]
    ran = [request for record in records("corpus") for request in record["requests"]]
    assert sorted(ran) == sorted(filter(None, accepted))
    assert len(ran) > 50
    assert {record["state"] for record in records("corpus")} == {"succeeded"}
