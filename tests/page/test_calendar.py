"""When the page says that the next run is due: systemd's own word."""

import time

import pytest

from trigger import programs
from trigger.page import calendar


def test_the_first_of_several_counts():
    now = time.time()
    found = calendar.next_run(["*-*-* 00:00:00 UTC", "*:*:00"])
    assert now < found <= time.time() + 60
    assert found % 60 == 0


def test_the_hosts_time_zone_is_no_matter():
    found = calendar.next_run(["*-*-* 12:00:00 Pacific/Auckland"])
    assert time.strftime("%M:%S", time.gmtime(found)) == "00:00"


@pytest.mark.parametrize("expressions", [["2001-01-01"], ["no time"], []])
def test_nothing_is_said_where_systemd_says_nothing(expressions):
    assert calendar.next_run(expressions) is None


def test_a_part_of_a_second_does_no_harm():
    found = calendar.next_run(["*-*-* 00:00:00.5 UTC"])
    assert found % 86400 == 0


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Counts how often systemd's program was called."""
    calls = tmp_path / "calls"
    calls.touch()
    program = tmp_path / "systemd-analyze"
    program.write_text(f'#!/bin/sh\necho >>{calls}\nexec {programs.SYSTEMD_ANALYZE} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(programs, "SYSTEMD_ANALYZE", str(program))
    monkeypatch.setattr(calendar, "_known", {})
    return lambda: len(calls.read_text().splitlines())


@pytest.mark.parametrize("expressions", [["2001-01-01"], ["no time"]])
def test_that_there_is_no_time_is_asked_once_in_a_while(asked, monkeypatch, expressions):
    assert [calendar.next_run(expressions) for _ in range(3)] == [None, None, None]
    assert asked() == 1
    monkeypatch.setattr(calendar, "_known", dict.fromkeys(calendar._known, (None, 0.0)))  # that while has passed
    assert calendar.next_run(expressions) is None
    assert asked() == 2


def test_however_many_are_asked_for_at_once(asked):
    times = [f"*-*-* 00:{minute:02}:00 UTC" for minute in range(20)]
    calendar.learn([*times, times[0], "2001-01-01"])
    found = [calendar.next_run([each]) for each in times]
    assert [each % 3600 for each in found] == [minute * 60 for minute in range(20)]
    assert calendar.next_run(times) == min(found) and calendar.next_run(["2001-01-01"]) is None
    assert asked() == 1


def test_one_that_is_no_expression_takes_no_other_down(asked):
    expressions = ["no time", "*-*-* 00:00:00 UTC", "no time either", "2001-01-01"]
    calendar.learn(expressions)
    assert [calendar.next_run([each]) is None for each in expressions] == [True, False, True, True]
    assert asked() == 1 + len(expressions)


def test_a_program_that_fails_is_not_called_for_each_view(asked, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(programs, "SYSTEMD_ANALYZE", "/nonexistent/systemd-analyze")
        assert calendar.next_run(["daily"]) is None
    assert calendar.next_run(["daily"]) is None
    assert asked() == 0
