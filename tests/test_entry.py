"""The form of a request on disk, and its ids."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_files import SECOND, request_id

from trigger import entry

VARIABLES = st.dictionaries(
    st.from_regex(rb"[A-Z_]{1,12}", fullmatch=True),
    st.binary(max_size=40).map(lambda v: v.replace(b"\0", b"")),
    max_size=6,
)


def read(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("entry") / "entry"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        return entry.read_variables(fd, len(content))
    finally:
        os.close(fd)


@given(st.binary(max_size=300), VARIABLES)
def test_comes_back_as_it_went(tmp_path_factory, body, variables):
    content = body + entry.encode(list(variables.items()))
    assert read(content, tmp_path_factory) == (variables, len(body))


@given(st.binary(max_size=300), VARIABLES, st.data())
def test_a_file_that_was_cut_short_is_damaged(tmp_path_factory, body, variables, data):
    content = body + entry.encode(list(variables.items()))
    end = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(entry.Damaged):
        read(content[:end], tmp_path_factory)


@given(st.binary(max_size=100), st.binary(max_size=8))
def test_no_content_raises_anything_else(tmp_path_factory, content, length):
    for tail in (b"", length + b" trigger entry\n", b"%08x trigger entry\n" % len(content)):
        try:
            read(content + tail, tmp_path_factory)
        except entry.Damaged:
            pass


def test_ids_sort_in_the_order_of_their_making():
    ids = entry.Ids()
    made = [ids.next() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(map(entry.is_id, made))


def test_ids_follow_what_waits_when_the_clock_goes_back(monkeypatch):
    before = entry.Ids().next()
    monkeypatch.setattr(entry.time, "time_ns", lambda: 10**18)
    ids = entry.Ids(after=before)
    assert before < ids.next() < ids.next()


def an_id(second):
    time_part = f"{int(second * 1000):012x}"
    return f"{time_part[:8]}-{time_part[8:]}-7000-8000-000000000000"


@pytest.mark.parametrize("days", [0.1, 1, 6])
def test_ids_follow_one_that_is_some_days_ahead(days):
    before = an_id(time.time() + days * 86400)
    ids = entry.Ids(after=before, ahead=entry.FOLLOWED)
    assert before < ids.next() < ids.next()


@pytest.mark.parametrize(
    "before", [an_id(time.time() + 8 * 86400), an_id(2**47 / 1000), "f" * 8 + "-ffff-7fff-bfff-" + "f" * 12]
)
def test_ids_do_not_follow_one_of_the_far_future(before):
    """Somebody may have made it up, and claim takes none of those."""
    ids = entry.Ids(after=before, ahead=entry.FOLLOWED)
    first, second = ids.next(), ids.next()
    assert entry.is_id(first)
    assert first < second < before
    assert abs(entry.second_of(second) - time.time()) < 60


def test_ids_come_back_when_the_clock_is_set_back_by_far(monkeypatch):
    """In the same process: what claim refuses is never given to a request."""
    ids = entry.Ids(ahead=entry.FOLLOWED)
    now = time.time_ns()
    monkeypatch.setattr(entry.time, "time_ns", lambda: now + 30 * 86400 * 10**9)
    ahead = ids.next()
    monkeypatch.setattr(entry.time, "time_ns", lambda: now)
    back = [ids.next() for _ in range(3)]
    assert back == sorted(set(back))
    assert back[-1] < ahead
    assert entry.second_of(back[-1]) < now / 10**9 + 1


@pytest.mark.parametrize(
    "name", ["", "a", ".", "..", "0" * 36, "../../../../etc/passwd", "01a206af-5c90-4ff6-80e4-dba216e09c67"]
)
def test_other_names_are_no_ids(name):
    assert not entry.is_id(name)


def test_an_id_tells_its_second():
    assert entry.second_of(request_id(SECOND + 0.25)) == SECOND + 0.25
