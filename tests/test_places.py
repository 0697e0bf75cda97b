"""Who gives way when all places of an acceptor are taken."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from trigger import places


def client(since, moved):
    return SimpleNamespace(since=since, moved=moved)


def test_the_slowest_gives_way():
    silent, dripping, sending = client(0.0, 0), client(0.0, 10), client(0.0, 100_000)
    assert places.slowest([sending, dripping, silent], 10.0) is silent
    assert places.slowest([sending, dripping], 10.0) is dripping


def test_it_is_a_matter_of_bytes_a_second_and_not_of_how_long_it_takes():
    long_upload, dripping = client(0.0, 900_000), client(8.0, 2)
    assert places.slowest([long_upload, dripping], 10.0) is dripping


def test_who_has_just_come_does_not_give_way():
    assert places.slowest([client(9.5, 0)], 10.0) is None
    assert places.slowest([client(9.5, 0), client(0.0, 100_000)], 10.0).moved == 100_000
    assert places.slowest([], 10.0) is None


@given(st.lists(st.builds(client, st.floats(0, 100), st.integers(0, 10**9)), min_size=1))
def test_at_the_next_time_somebody_gives_way_and_not_before(clients):
    at = places.next_time(clients)
    assert places.slowest(clients, at + 0.001) is not None
    assert places.slowest(clients, at - 0.001) is None
