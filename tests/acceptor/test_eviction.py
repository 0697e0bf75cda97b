"""Who gives way when all places of an acceptor are taken."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from trigger.acceptor import eviction


def client(since, *moves):
    """moves: pairs of a second and the bytes that it moved then."""
    made = SimpleNamespace()
    eviction.begin(made, since)
    for now, count in moves:
        eviction.moved(made, count, now)
    return made


def steady(since, until, count):
    """One that moves so many bytes each second."""
    return client(since, *((float(second), count) for second in range(int(since), int(until))))


def test_the_slowest_gives_way():
    silent, dripping, sending = client(0.0), steady(0.0, 10.0, 1), steady(0.0, 10.0, 10_000)
    assert eviction.slowest([sending, dripping, silent], 10.0) is silent
    assert eviction.slowest([sending, dripping], 10.0) is dripping


def test_of_those_that_moved_nothing_the_one_that_waits_longest_gives_way():
    first, second = client(0.0), client(1.0)
    assert eviction.slowest([second, first], 10.0) is first


def test_it_is_a_matter_of_pace_and_not_of_how_long_it_takes():
    long_upload, dripping = steady(0.0, 100.0, 10_000), steady(90.0, 100.0, 2)
    assert eviction.slowest([long_upload, dripping], 100.0) is dripping


def test_what_was_sent_long_ago_counts_little():
    stalled = client(0.0, (0.0, 1_000_000))
    slow = steady(0.0, 5.0, 100)
    assert eviction.slowest([stalled, slow], 5.0) is slow
    slow = steady(0.0, 300.0, 100)
    assert eviction.slowest([stalled, slow], 300.0) is stalled


def test_who_has_just_come_does_not_give_way():
    assert eviction.slowest([client(9.5)], 10.0) is None
    assert eviction.slowest([], 10.0) is None


def test_who_sends_does_not_give_way_for_those_who_have_just_come_and_send_nothing():
    """A crowd that is taken in within a second, as after a pause of the acceptor, leaves one who may give way."""
    honest = client(0.0, (0.0, 8192))
    assert eviction.slowest([honest, *(client(9.5) for _ in range(1023))], 10.0) is None


def test_who_drips_is_not_protected_by_a_few_who_have_just_come():
    dripping = [steady(0.0, 10.0, 1) for _ in range(1000)]
    assert eviction.slowest([*dripping, *(client(9.5) for _ in range(23))], 10.0) in dripping


@given(st.integers(2, 20), st.floats(0.1, 60.0))
def test_a_pause_that_all_of_them_make_changes_nothing(count, pause):
    """As when the acceptor, or the machine, stood still."""
    sending, silent = client(0.0, (0.0, 8192)), [client(0.0) for _ in range(count)]
    assert eviction.slowest([sending, *silent], 1.0 + pause) is silent[0]


MOVES = st.lists(st.tuples(st.floats(0, 50), st.integers(0, 10**9)), max_size=3)
CLIENTS = st.builds(
    lambda since, moves: client(since, *((since + at, n) for at, n in sorted(moves))), st.floats(0, 100), MOVES
)


@given(st.lists(CLIENTS, min_size=1))
def test_at_the_next_time_somebody_gives_way(clients):
    assert eviction.slowest(clients, eviction.next_time(clients) + 0.001) is not None


@given(st.lists(CLIENTS, min_size=1), st.floats(0, 10000))
def test_the_one_that_gives_way_is_of_the_slower_half(clients, now):
    found = eviction.slowest(clients, now)
    if found is not None:
        assert 2 * sum(each.worth < found.worth for each in clients) <= len(clients)
