"""Times as people read and write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger import records, timespan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("30s", 30),
        ("1h 30min", 5400),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("1.5 min", 90),
        ("2 hours", 7200),
        ("1hr 30 seconds", 3630),
        ("5 years", 5 * 31557600),
        ("infinity", float("inf")),
    ],
)
def test_a_time_span_is_read(text, seconds):
    assert timespan.parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 yearly", "-1s", "5 infinity", "1h,2m", "s"])
def test_what_is_no_time_span_is_refused(text):
    with pytest.raises(ValueError, match="not a valid time"):
        timespan.parse_span(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"), (0.0004, "0ms"), (0.205, "205ms"), (0.999, "999ms"), (0.9996, "1s"), (1, "1s"), (3, "3s"),
        (3.24, "3.2s"), (20, "20s"), (59.94, "59.9s"), (59.96, "1min"), (65, "1min 5s"), (3600, "1h"),
        (7805, "2h 10min"), (90061, "1d 1h"),
    ],
)  # fmt: skip
def test_a_duration_is_told(seconds, text):
    assert timespan.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"), (0, "just now"), (0.9, "just now"), (1, "1s ago"), (59.9, "59s ago"), (62, "1min 2s ago"),
        (3600, "1h ago"), (86399, "23h 59min ago"), (10 * 86400, "10d ago"),
    ],
)  # fmt: skip
def test_the_past_is_told(seconds, text):
    assert timespan.ago(seconds) == text


@given(st.integers(0, 4_000_000_000_000))
def test_a_timestamp_comes_back(milliseconds):
    assert abs(timespan.second_of(records.timestamp(milliseconds / 1000)) - milliseconds / 1000) < 0.0011
