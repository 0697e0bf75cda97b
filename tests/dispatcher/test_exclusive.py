"""The lock that several endpoints name: who does not want it now keeps nobody from it."""

import _thread
import fcntl
import os
import select
import time
from types import SimpleNamespace

import pytest
from page_host import queue, request_id

from trigger.dispatcher import dispatcher, exclusive
from trigger.dispatcher.exclusive import Exclusive


@pytest.fixture
def locks(tmp_path, monkeypatch):
    monkeypatch.setattr(exclusive, "LOCKS", str(tmp_path / "locks"))
    os.mkdir(exclusive.LOCKS)


class Other:
    """Another endpoint that names the lock."""

    def __init__(self, name=""):
        self.fd = os.open(exclusive.LOCKS + "/one", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.name = name

    def __enter__(self):
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(self.fd, self.name.encode(), 0)
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def content(self):
        return os.pread(self.fd, 100, 0).decode()


def wait_until_told(lock):
    """Until the thread has got it."""
    poll = select.poll()
    poll.register(lock.fileno(), select.POLLIN)
    assert poll.poll(60_000)


def test_what_comes_after_it_was_given_up_is_let_go(locks):
    lock = Exclusive("a", "one", lambda _: True)
    with Other():
        assert not lock.take()
        assert not lock.give_up()  # it may still come
    wait_until_told(lock)
    assert lock.give_up() and not lock.is_held
    with Other():
        pass


def test_who_wants_it_again_has_kept_its_turn_and_no_thread_comes_on_top(locks, monkeypatch):
    started = []

    def start(*call):
        started.append(_thread.start_new_thread(*call))

    monkeypatch.setattr(exclusive, "_thread", SimpleNamespace(start_new_thread=start))
    lock = Exclusive("a", "one", lambda _: True)
    with Other():
        for _ in range(5):
            assert not lock.take() and not lock.give_up()
        assert len(started) == 1
    wait_until_told(lock)
    assert lock.take()
    lock.release()


def test_whose_run_it_was_let_go_during_stands_there_still(locks):
    """Its dispatcher was killed, its job goes on."""
    lock = Exclusive("a", "one", lambda _: False)
    with Other("b") as other:
        pass
    assert not lock.take() and lock.holder == "b"
    assert lock.give_up()
    with Other("b") as other:
        assert other.content() == "b"


# The dispatcher


@pytest.fixture
def dispatch(host, locks, monkeypatch):
    """Makes the dispatcher of an endpoint, with that lock."""
    monkeypatch.setattr(dispatcher.paths, "CONFIGURATION", host.etc)
    monkeypatch.setattr(dispatcher, "Manager", lambda: SimpleNamespace(close=lambda: None))
    reading, writing = os.pipe2(os.O_NONBLOCK)

    def make(**keys):
        dispatch.endpoint = host.put(exclusive="one", **keys)
        return dispatcher.Dispatcher("hello", reading)

    dispatch = make
    yield make
    os.close(reading)
    os.close(writing)


def disturb_quiet(endpoint):
    """One more request comes within the quiet time."""
    queue(endpoint, request_id(time.time()))


def pause(endpoint):
    with open(endpoint.pause_mark, "w"):
        pass


@pytest.mark.parametrize("meanwhile", [disturb_quiet, pause])
def test_who_may_not_run_now_lets_go_of_the_lock_that_it_had_asked_for(dispatch, meanwhile, monkeypatch):
    monkeypatch.setattr(dispatcher, "LISTED", 0.0)
    made = dispatch(debounce="1h", debounce_max="1d")
    queue(dispatch.endpoint, request_id(time.time() - 7200))
    with Other():
        made._step()
        assert made._awaits_lock
        meanwhile(dispatch.endpoint)
        made._step()
        assert made._awaits_lock  # it may still come
    made._wait(60, None)
    made._step()
    assert made._lock is None and not made._awaits_lock
    with Other():
        pass


def test_who_holds_it_and_may_not_run_now_releases_it(dispatch, monkeypatch):
    monkeypatch.setattr(dispatcher, "LISTED", 0.0)
    made = dispatch(debounce="1h", debounce_max="1d")
    queue(dispatch.endpoint, request_id(time.time() - 7200))
    made._step()
    assert made._locked
    disturb_quiet(dispatch.endpoint)
    made._step()
    with Other():
        pass


def test_a_lock_that_comes_during_a_run_without_one_is_let_go(dispatch):
    """`exclusive` was taken out while it was waited for."""
    made = dispatch()
    queue(dispatch.endpoint, request_id(time.time() - 7200))
    with Other():
        made._step()
        assert made._awaits_lock
        made._watch = SimpleNamespace(hear=lambda: None, follow=lambda: 60.0, is_over=False, link=None)
        made._step()
        assert made._awaits_lock
    made._wait(60, None)
    made._step()
    assert made._lock is None and not made._awaits_lock
    with Other():
        pass
