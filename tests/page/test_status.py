"""What the page knows of endpoints, and leaves out where a file is damaged."""

import os
import shutil

import pytest
from page_host import SECOND, claim, queue, record, request_id

from trigger import records
from trigger.page import labels, status


def names(host):
    return [endpoint.name for endpoint in status.endpoints(host.etc)]


def test_only_what_is_behind_the_front_end_is_known(host):
    host.put("b")
    host.put("a")
    host.write("old", "{}")
    host.write("outside", '{"frontend": null}')
    host.write(".hidden", "{")
    assert names(host) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", '"x"', "[" * 100_000, '{"frontend": {}}', '{"frontend": []}', '{"frontend": "x"}',
        '{"frontend": {"location": "/x/", "users": null, "methods": [], "page": true}}',
        '{"frontend": {"location": 1, "users": null, "methods": [], "page": true}, "description": "", '
        '"parameters": null, "auth": []}',
        '{"frontend": {"location": "/x/", "users": "alice", "methods": [], "page": true}, "description": "", '
        '"parameters": null, "auth": []}',
    ],
)  # fmt: skip
def test_a_damaged_file_takes_nothing_else_down(host, text, capsys):
    host.put("a")
    host.write("b", text)
    host.put("c")
    assert names(host) == ["a", "c"]
    assert capsys.readouterr().err.startswith("<4>b.json is left out: ")


def test_a_file_that_goes_meanwhile_takes_nothing_else_down(host, capsys):
    host.put("a")
    os.symlink("nowhere", f"{host.etc}/b.json")
    assert names(host) == ["a"]
    assert capsys.readouterr().err == "<4>b.json is left out: No such file or directory\n"


def test_what_is_going_on(host):
    endpoint = host.put()
    standing = status.Standing(endpoint)
    assert (standing.running, standing.waiting, standing.last, standing.is_known) == (False, 0, None, True)
    ids = [request_id(SECOND + number) for number in range(5)]
    record(endpoint, ids[0])
    queue(endpoint, *ids[1:], ".draft-1")
    claim(endpoint, *ids[1:3])
    standing = status.Standing(endpoint)
    assert (standing.running, standing.waiting, standing.last["id"]) == (True, 2, ids[0])


def test_what_keeps_runs_from_beginning(host, tmp_path):
    endpoint = host.put()
    endpoint.pause_mark, endpoint.cannot_start = str(tmp_path / "paused"), str(tmp_path / "cannot-start")
    assert status.Standing(endpoint).held is None
    for mark in ("cannot-start", "paused"):  # which somebody has wanted
        (tmp_path / mark).touch()
        standing = status.Standing(endpoint)
        assert standing.held == mark
        word = {"cannot-start": "Cannot start", "paused": "Paused"}[mark]
        assert word in str(labels.badge(standing.held))


def test_the_last_run_is_one_that_began_and_can_be_read(host):
    endpoint = host.put()
    ids = [request_id(SECOND + number) for number in range(4)]
    record(endpoint, ids[0], state="failed")
    record(endpoint, ids[1], state="cancelled", started=None)
    record(endpoint, ids[2])
    for number, text in ((2, "{"), (3, '{"state": "failed", "started": null, "finished": "now", "duration": 1}')):
        with open(records.path(endpoint, ids[number]), "w") as file:
            file.write(text)
    assert status.Standing(endpoint).last["id"] == ids[0]


def test_runs_that_cannot_be_read_are_said_to_be_so(host, capsys):
    endpoint = host.put()
    shutil.rmtree(endpoint.spool)
    assert not status.Standing(endpoint).is_known
    assert status.history(endpoint, 10) is None
    assert capsys.readouterr().err.count("<4>hello: its runs cannot be read: No such file") == 2
