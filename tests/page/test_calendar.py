"""When the page says that the next run is due: systemd's own word."""

import time

import pytest

from trigger.page import calendar


def test_the_first_of_several_counts():
    now = time.time()
    found = calendar.next_run(["*-*-* 00:00:00 UTC", "*:*:00"])
    assert now < found <= now + 61
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
