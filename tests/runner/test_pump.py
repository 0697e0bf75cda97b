"""What a job prints, on its way to the journal and to its file."""

import os

import pytest

from trigger import output
from trigger.runner import pump


def pump_all(source, file, limit):
    """All that comes until nobody can write any more."""
    pumping = pump.Pump(source, file, limit)
    while pumping.source is not None:
        pumping.copy()


def pumped(tmp_path, limit, *writes):
    """What the pump makes of what a job writes: the file's content, and the journal's."""
    kept, journal = tmp_path / "kept", tmp_path / "journal"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(writing)
            os.dup2(os.open(journal, os.O_WRONLY | os.O_CREAT), 1)
            pump_all(reading, os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_APPEND), limit)
        finally:
            os._exit(0)
    os.close(reading)
    for part in writes:
        while part:
            part = part[os.write(writing, part) :]
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    return kept.read_bytes(), journal.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_what_keeps_the_limit_goes_on_whole(tmp_path, size):
    assert pumped(tmp_path, 100, b"x" * size) == (b"x" * size,) * 2


@pytest.mark.parametrize("size", [101, 200, pump.PART, 3 * pump.PART + 1])
def test_what_is_too_much_is_cut_and_marked(tmp_path, size):
    assert pumped(tmp_path, 100, b"x" * size) == (b"x" * 100 + output.CUT % 100,) * 2


@pytest.mark.parametrize("limit", [pump.PART, 2 * pump.PART])
def test_a_cut_at_the_end_of_a_part_is_marked(tmp_path, limit):
    assert pumped(tmp_path, limit, b"x" * (limit + 5 * pump.PART)) == (b"x" * limit + output.CUT % limit,) * 2


def test_a_file_that_takes_nothing_stops_neither_job_nor_journal(tmp_path):
    (tmp_path / "kept").symlink_to("/dev/full")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(writing)
            os.dup2(os.open(tmp_path / "journal", os.O_WRONLY | os.O_CREAT), 1)
            pump_all(reading, os.open("/dev/full", os.O_WRONLY), 1000)
        finally:
            os._exit(0)
    os.close(reading)
    os.write(writing, b"x" * 500)
    os.close(writing)
    os.waitpid(child, 0)
    assert (tmp_path / "journal").read_bytes() == b"x" * 500


def test_without_a_limit_the_journal_has_all_and_no_file_anything(tmp_path):
    content = b"x" * (3 * pump.PART)
    assert pumped(tmp_path, 0, content) == (b"", content)


def test_who_still_holds_the_pipe_is_not_waited_for(tmp_path):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    kept = tmp_path / "kept"
    fd = os.open(kept, os.O_WRONLY | os.O_CREAT)
    os.write(writing, b"done")
    pump.Pump(reading, fd, 100).finish()
    assert kept.read_bytes() == b"done"
    for each in (reading, writing, fd):
        os.close(each)
