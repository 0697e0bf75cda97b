"""The acceptor's side of the spool: many requests of one moment."""

import os

import pytest

from trigger import entry
from trigger.spool import Spool


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
    (tmp_path / "spool" / os.path.basename(made[bad][1].path)).mkdir()  # so its file cannot be made
    errors = spool.commit(made)
    assert isinstance(errors.pop(bad), FileExistsError)
    assert errors == [None] * 29
    assert {request_id for request_id, _, _ in made} - set(os.listdir(tmp_path / "spool")) == {made[bad][0]}
