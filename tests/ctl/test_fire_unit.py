"""trigger-fire@NAME.service: how often it fires, and as what."""

import os

import pytest

from trigger import entry, origin
from trigger.ctl.fire_unit import Note, fire_for, reasons

DONE = 1000  # when it was done the last time
TIMER, UNIT = ("schedule", []), ("unit", [])


def found(*looks):
    """The reasons, where each look finds when the timer has elapsed last, and hops; later ones find nothing new."""
    elapsed = [look[0] for look in looks]
    hops = [look[1] for look in looks]

    def next_of(values, default):
        return values.pop(0) if values else default

    last = elapsed[-1]
    return list(reasons(DONE, lambda: next_of(elapsed, last), lambda: next_of(hops, [])))


@pytest.mark.parametrize("elapsed", [0, 900, DONE])
def test_who_has_started_it_otherwise_fires_once(elapsed):
    assert found((elapsed, [])) == [UNIT]


def test_an_endpoint_that_has_ended_is_told():
    assert found((900, ["a", "b"])) == [("unit", ["a", "b"])]


def test_the_timer_fires_once():
    assert found((1001, [])) == [TIMER]


def test_both_at_once_are_two():
    assert found((1001, ["a"])) == [TIMER, ("unit", ["a"])]


def test_what_comes_while_it_is_at_work_is_not_lost():
    assert found((900, []), (1001, [])) == [UNIT, TIMER]
    assert found((1001, []), (1002, ["a"]), (1002, ["b"])) == [TIMER, TIMER, ("unit", ["a"]), ("unit", ["b"])]


# What has led here, and the requests that are made of it


@pytest.fixture
def host(endpoint, tmp_path):
    made = endpoint()
    made.hops = str(tmp_path / "hops")
    return made


def leave(host, hops):
    """As a dispatcher does: whole, in a file of its own."""
    draft = host.hops + ".draft"
    with open(draft, "w") as file:
        file.write(hops)
    os.rename(draft, host.hops)


def left(host):
    try:
        with open(host.hops) as file:
            return file.read()
    except FileNotFoundError:
        return None


def waiting(host):
    """The sources and hops of the requests in the spool."""
    said = []
    for name in sorted(filter(entry.is_id, os.listdir(host.spool))):
        with open(f"{host.spool}/{name}", "rb") as file:
            variables, _ = entry.read_variables(file.fileno(), os.fstat(file.fileno()).st_size)
        said.append((variables[origin.SOURCE].decode(), origin.hops(variables)))
    return said


def fire(host, *, due=False, between=lambda: None):
    """One start of the unit. between: called behind its first request. Returns whether all was well, of each."""
    note, told = Note(host.hops), []
    for source, hops in reasons(DONE, lambda: DONE + due, note.read):
        told.append(fire_for(host, note, source, hops))
        if not told[1:]:
            between()
    return told


SCHEDULED = {"on_calendar": ["daily"], "parameters": {}}


def test_what_has_led_here_is_for_one_time(host):
    leave(host, "x y")
    assert fire(host) == [True]
    assert left(host) is None
    assert fire(host) == [True]
    assert waiting(host) == [("unit", ["x", "y"]), ("unit", [])]


def test_a_reason_that_fails_drops_no_other(host, capfd):
    host.schedule = SCHEDULED
    leave(host, "x")
    os.rename(host.spool, host.spool + ".away")
    assert fire(host, due=True, between=lambda: os.rename(host.spool + ".away", host.spool)) == [False, True]
    assert "<3>a is not fired: " in capfd.readouterr().out
    assert waiting(host) == [("unit", ["x"])]
    assert left(host) is None


def test_what_could_not_be_written_is_counted_at_the_next_start(host):
    leave(host, "x")
    os.rename(host.spool, host.spool + ".away")
    assert fire(host) == [False]
    assert left(host) == "x"
    os.rename(host.spool + ".away", host.spool)
    assert fire(host) == [True]
    assert waiting(host) == [("unit", ["x"])] and left(host) is None


def test_where_runs_need_the_room_nothing_is_written(host, monkeypatch, capfd):
    leave(host, "x")
    full = os.statvfs_result((4096, 4096, 1000, 49, 49, 1000, 500, 500, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    assert fire(host) == [False]
    assert (waiting(host), left(host)) == ([], "x")
    said = capfd.readouterr().out
    assert f"the disk is nearly full: 188 KiB would be free where {host.spool} lies" in said and "make room" in said


def test_what_is_left_meanwhile_is_neither_lost_nor_removed(host):
    leave(host, "x")
    assert fire(host, between=lambda: leave(host, "y z")) == [True, True]
    assert waiting(host) == [("unit", ["x"]), ("unit", ["y", "z"])]
    note = Note(host.hops)
    leave(host, "x")
    hops = note.read()
    leave(host, "x")
    note.forget(hops)
    assert left(host) == "x" and note.read() == ["x"]


def test_what_the_calendar_has_led_to_takes_no_note(host):
    host.schedule = SCHEDULED
    note = Note(host.hops)
    leave(host, "x")
    assert note.read() == ["x"]
    assert fire_for(host, note, "schedule", [])
    assert left(host) == "x"


@pytest.mark.parametrize(("busy", "well"), [("reject", True), ("queue", False)])
def test_what_is_refused_is_not_tried_again(host, capfd, busy, well):
    host.when_busy, host.queue_limit = busy, 1
    assert fire(host) == [True]
    leave(host, "x")
    assert fire(host) == [well]
    assert "a is not fired: " in capfd.readouterr().out
    assert left(host) is None and len(waiting(host)) == 1
