"""How often an endpoint may be called, as its file on disk has it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger.acceptor import rate_limit


def test_a_rate_is_kept_over_any_span_of_its_length(tmp_path):
    limit = rate_limit.Rate(str(tmp_path / "rate"), 3, 10.0)
    for now in (100.0, 101.0, 105.0):
        assert limit.wait(now) == 0
        limit.count(now)
    assert limit.wait(105.0) == 5
    assert limit.wait(109.5) == 0.5
    assert limit.wait(110.0) == 0
    limit.count(110.0)
    assert limit.wait(110.5) == 0.5


def test_a_rate_survives_in_its_file(tmp_path):
    path = str(tmp_path / "rate")
    first = rate_limit.Rate(path, 1, 60.0)
    first.wait(100.0)
    first.count(100.0)
    first.save()
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert rate_limit.Rate(path, 1, 60.0).wait(130.0) == 30


@pytest.mark.parametrize("content", ["", "x\n", "nan\n", "inf\n", "1\n\n", "\0"])
def test_a_rate_whose_file_is_damaged_begins_anew(tmp_path, content):
    (tmp_path / "rate").write_text(content)
    assert rate_limit.Rate(str(tmp_path / "rate"), 1, 60.0).wait(100.0) == 0


def test_a_clock_that_is_set_back_locks_nobody_out(tmp_path):
    limit = rate_limit.Rate(str(tmp_path / "rate"), 1, 60.0)
    limit.wait(1_000_000.0)
    limit.count(1_000_000.0)
    assert limit.wait(100.0) == 0


@given(st.lists(st.floats(0, 5), max_size=40), st.integers(1, 4), st.floats(1, 10))
def test_no_span_has_more_than_the_rate(steps, count, span):
    limit = rate_limit.Rate("/nonexistent/rate", count, span)
    now, taken = 1000.0, []
    for step in steps:
        now += step
        if limit.wait(now) <= 0:
            limit.count(now)
            taken.append(now)
        assert 0 <= limit.wait(now) <= span + 1e-9
    for start in taken:
        assert sum(start <= moment < start + span - 1e-9 for moment in taken) <= count
