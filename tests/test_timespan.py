"""Times as people read and write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger import records, timespan


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("30s", 30), ("1h 30min", 5400), ("1h30m", 5400), ("250ms", 0.25), ("1.5 min", 90)]
)
def test_a_time_span_is_read(text, seconds):
    assert timespan.parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 years", "-1s", "1h,2m", "s"])
def test_what_is_no_time_span_is_refused(text):
    with pytest.raises(ValueError, match="no time"):
        timespan.parse_span(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.205, "205ms"), (3, "3s"), (3.24, "3.2s"), (59.96, "1min"), (65, "1min 5s"), (90061, "1d 1h")],
)
def test_a_duration_is_told(seconds, text):
    assert timespan.span(seconds) == text


def test_the_past_is_told():
    assert [timespan.ago(seconds) for seconds in (-3, 0.5, 1.9, 62)] == ["now", "now", "1s ago", "1min 2s ago"]


@given(st.integers(0, 4_000_000_000_000))
def test_a_timestamp_comes_back(milliseconds):
    assert abs(timespan.second_of(records.timestamp(milliseconds / 1000)) - milliseconds / 1000) < 0.0011
