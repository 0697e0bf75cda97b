"""Tables as people read them."""

from hypothesis import given
from hypothesis import strategies as st

from trigger.ctl import table

TITLES = ["ENDPOINT", "LISTENING", " PENDING"]
ROWS = [["deploy", "127.0.0.1:3000, /run/trigger/deploy.sock", "3"], ["b", "-", "12"]]


def test_columns_stand_below_each_other():
    assert table.lines(TITLES, ROWS) == [
        "ENDPOINT  LISTENING                                 PENDING",
        "deploy    127.0.0.1:3000, /run/trigger/deploy.sock        3",
        "b         -                                              12",
    ]


@given(st.integers(40, 80))
def test_a_table_fits_the_terminal(width):
    lines = table.lines(TITLES, ROWS, width, shrinking=(1,))
    assert {len(line) for line in lines} == {min(width, 59)}
    assert ("…" in lines[1]) == (width < 59)
    assert lines[1].endswith(" 3")


def test_a_column_keeps_what_can_still_be_read():
    assert len(table.lines(TITLES, ROWS, 10, shrinking=(1,))[1]) == 8 + 8 + 7 + 4


@given(st.integers(20, 80))
def test_a_spare_column_is_there_where_it_has_room(width):
    lines = table.lines(TITLES, ROWS, width, shrinking=(1,), spare=True)
    assert ("PENDING" in lines[0]) == (width >= 8 + 8 + 7 + 4)
    assert max(map(len, lines)) <= width


def test_colours_take_no_room():
    plain = table.lines(["STATE", "X"], [["failed", "1"], ["idle", "2"]])
    coloured = table.lines(["STATE", "X"], [["failed", "1"], ["idle", "2"]], colours=True)
    assert coloured[1] == plain[1].replace("failed", "\x1b[1;31mfailed\x1b[0m")
    assert coloured[2] == plain[2]


def test_no_text_moves_the_cursor():
    assert table.lines(["A"], [["x\x1b[2J\n\u202ey"]])[1] == "x\\x1b[2J\\n\\u202ey"
