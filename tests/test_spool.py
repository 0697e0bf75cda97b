"""The acceptor's side of the spool: many requests of one moment."""

import os
import time

import pytest

from trigger import entry
from trigger.acceptor.replay import Deliveries
from trigger.spool import MEMORY_LIMIT, Spool


@pytest.fixture
def spool(tmp_path):
    for name in ("spool", "claimed"):
        (tmp_path / name).mkdir()
    return Spool(str(tmp_path / "spool"), str(tmp_path / "claimed"))


def drafts_of(spool, count):
    """Complete requests, each with a body that tells which it is: list of (id, Draft, no delivery keys)."""
    made = []
    for number in range(count):
        draft = spool.draft()
        draft.write(b"request %d" % number)
        request_id = spool.next_id()
        draft.close_body([(b"TRIGGER_REQUEST_ID", request_id.encode())])
        made.append((request_id, draft, []))
    return made


@pytest.fixture
def told(spool, tmp_path, monkeypatch):
    """What lies in the spool, readable for whom, whenever the dispatcher is told of entries."""
    seen = []

    def look():
        found = [path for path in (tmp_path / "spool").iterdir() if path.name[0] != "."]
        seen.append({path.name: oct(path.stat().st_mode & 0o777) for path in found})

    monkeypatch.setattr(spool, "_tell", look)
    return seen


def test_the_dispatcher_is_told_when_entries_are_there_and_can_read_them(spool, told):
    made = drafts_of(spool, 2)
    assert told == []
    spool.commit(made)
    assert told == [{request_id: "0o604" for request_id, _, _ in made}]


def test_so_it_is_of_what_an_acceptor_before_has_accepted(spool, told, tmp_path):
    """It was killed before it gave the name, and an earlier release gave files another mode."""
    (request_id, draft, _) = drafts_of(spool, 1)[0]
    memory = Deliveries(str(tmp_path / "spool" / ".deliveries"), 600)
    memory.add([(request_id, ["a delivery"])], time.time())
    draft.write_out()
    os.rename(draft.path, tmp_path / "spool" / f".accepted-{request_id}")
    os.chmod(tmp_path / "spool" / f".accepted-{request_id}", 0o600)
    spool._deliveries, spool._ids = memory, None  # of the next acceptor
    spool.draft()
    assert told == [{request_id: "0o604"}]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 100])
def test_all_requests_of_a_moment_are_kept_whole(spool, tmp_path, count):
    made = drafts_of(spool, count)
    assert spool.commit(made) == [None] * count
    assert sorted(os.listdir(tmp_path / "spool")) == [request_id for request_id, _, _ in made]
    for number, (request_id, _, _) in enumerate(made):
        content = (tmp_path / "spool" / request_id).read_bytes()
        assert content == b"request %d" % number + entry.encode([(b"TRIGGER_REQUEST_ID", request_id.encode())])


def test_the_error_of_one_befalls_that_one_alone(spool, tmp_path):
    made = drafts_of(spool, 30)
    bad = 17
    (tmp_path / "spool" / f".accepted-{made[bad][0]}").mkdir()  # so its file cannot be made
    errors = spool.commit(made)
    assert isinstance(errors.pop(bad), FileExistsError)
    assert errors == [None] * 29
    assert {request_id for request_id, _, _ in made} - set(os.listdir(tmp_path / "spool")) == {made[bad][0]}


@pytest.mark.parametrize("size", [10, MEMORY_LIMIT + 1])
def test_one_whose_name_cannot_be_given_leaves_nothing(spool, tmp_path, size):
    """Whether it was written under another name before or not."""
    draft = spool.draft()
    draft.write(b"x" * size)
    request_id = spool.next_id()
    draft.close_body([(b"TRIGGER_REQUEST_ID", request_id.encode())])
    in_the_way = tmp_path / "spool" / f".accepted-{request_id}"
    in_the_way.mkdir()
    (error,) = spool.commit([(request_id, draft, [])])
    assert isinstance(error, OSError)
    assert os.listdir(tmp_path / "spool") == [in_the_way.name]


@pytest.mark.parametrize(("size", "remembered", "flushes"), [
    (10, False, ["request", "names"]),
    (10, True, ["request", "memory", "names"]),
    (MEMORY_LIMIT + 1, False, ["request", "names"]),
    # It had another name before, and that it has this one must be on the disk before its delivery is.
    (MEMORY_LIMIT + 1, True, ["request", "names", "memory", "names"]),
])  # fmt: skip
def test_what_is_flushed_and_in_which_order(tmp_path, monkeypatch, size, remembered, flushes):
    for name in ("spool", "claimed"):
        (tmp_path / name).mkdir()
    memory = Deliveries(str(tmp_path / "spool" / ".deliveries"), 600)
    spool = Spool(str(tmp_path / "spool"), str(tmp_path / "claimed"), memory)
    draft = spool.draft()
    draft.write(b"x" * size)
    request_id = spool.next_id()
    draft.close_body([(b"TRIGGER_REQUEST_ID", request_id.encode())])
    seen = []
    fsync = os.fsync

    def noted(fd):
        name = os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))
        seen.append({"spool": "names", ".deliveries": "memory", f".accepted-{request_id}": "request"}.get(name, name))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    assert spool.commit([(request_id, draft, ["a"] if remembered else [])]) == [None]
    assert seen == flushes
