"""Who is told that a job cannot start, and how often, whatever becomes of the dispatcher meanwhile."""

import os

import pytest
from run_files import SECOND, request_id

from trigger import entry
from trigger.dispatcher import cannot_start
from trigger.dispatcher.systemd_bus import NotNow

ID = request_id(SECOND)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Makes the CannotStart of a new dispatcher. What is told of stands in `told`."""
    monkeypatch.setattr(cannot_start, "PATIENCE", 0.0)

    def dispatcher(tell=None):
        return cannot_start.CannotStart(host.mark, lambda line: None, tell or host.told.append)

    host = dispatcher
    host.mark = str(tmp_path / "mark")
    host.told = []
    return host


def test_it_is_told_once(host):
    first = host()
    first.met("why", [ID])
    assert host.told == [] and os.path.exists(host.mark)
    for _ in range(3):
        first.met("why", [ID])
    assert host.told == [ID]


def test_a_dispatcher_that_is_replaced_before_its_patience_ends_keeps_nobody_from_being_told(host):
    host().met("why", [ID])
    second = host()
    assert second
    second.met("why", [ID])
    assert host.told == [ID]


def test_what_was_told_is_not_told_again_by_the_next_dispatcher(host):
    first = host()
    first.met("why", [ID])
    first.met("why", [ID])
    second = host()
    second.met("why", [ID])
    second.met("why", [ID])
    assert host.told == [ID]
    with open(host.mark) as file:
        assert file.read() == "why\n"


def test_what_cannot_be_told_now_is_told_by_the_next_dispatcher(host):
    def refuse(_):
        raise NotNow("systemd cannot be asked")

    first = host(refuse)
    first.met("why", [ID])
    with pytest.raises(NotNow):
        first.met("why", [ID])
    host().met("why", [ID])
    assert host.told == [ID]


def test_after_a_repair_it_is_told_anew(host):
    only = host()
    for _ in range(2):
        only.met("why", [ID])
        only.met("why", [ID])
        only.over()
        assert not only and not os.path.exists(host.mark)
    assert host.told == [ID, ID]


@pytest.mark.parametrize("others", [[], [request_id(SECOND + 1)]])
def test_no_name_that_an_acceptor_makes_up_becomes_a_unit_s_instance(host, others):
    """It is told of the first request, and where nothing but such names waits, of one that nobody has chosen."""
    only = host()
    for _ in range(2):
        only.met("why", ["-x y", "0", *others])
    (told,) = host.told
    assert entry.is_id(told) and others in ([], [told])
