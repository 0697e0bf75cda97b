"""What clients want to have cancelled, where no run is under way; a run is in the scenario `runs`."""

import os

import pytest
from page_host import SECOND, queue, record, request_id

from trigger import cancellations, records
from trigger.dispatcher import cancel

IDS = [request_id(SECOND + number) for number in range(3)]


@pytest.fixture
def look(host):
    """Does what the dispatcher does; what it says stands in `look.said`."""

    def look(endpoint):
        look.said = []
        return cancel.look(endpoint, None, look.said.append)

    return look


def state_of(endpoint, request):
    found = records.find(endpoint, request)
    return found and found["state"]


def test_a_request_that_waits_is_taken_back(host, look):
    endpoint = host.put()
    queue(endpoint, *IDS)
    cancellations.ask(endpoint.spool, IDS[1])
    cancellations.ask(endpoint.spool, IDS[1])  # by two
    assert cancellations.asked(endpoint.spool) == [IDS[1]]
    assert look(endpoint) is False
    assert sorted(os.listdir(endpoint.spool)) == [IDS[0], IDS[2]]
    assert [state_of(endpoint, each) for each in IDS] == [None, "cancelled", None]
    assert look.said == [f"request {IDS[1]} is taken back"]


def test_what_has_ended_meanwhile_stays_as_it_is(host, look):
    endpoint = host.put()
    record(endpoint, IDS[0])
    for each in IDS[:2]:
        cancellations.ask(endpoint.spool, each)
    assert look(endpoint) is False
    assert os.listdir(endpoint.spool) == [] and look.said == []
    assert [state_of(endpoint, each) for each in IDS] == ["succeeded", None, None]


@pytest.mark.parametrize("number", [0, 1])
def test_an_acceptor_that_was_taken_over_changes_no_record(host, look, number):
    """Of a run that is recorded, or under an id of the future."""
    endpoint = host.put()
    record(endpoint, IDS[0])
    ids = [IDS[0], request_id(SECOND * 2)]
    queue(endpoint, ids[number])
    cancellations.ask(endpoint.spool, ids[number])
    assert look(endpoint) is False
    assert state_of(endpoint, ids[number]) == ("succeeded", None)[number]
    assert look.said[0].startswith(f"<4>request {ids[number]} is not taken back: its ")


@pytest.mark.parametrize("name", [".cancel-", ".cancel-x", ".cancel-..", ".cancel-" + IDS[0][:-1], "cancel-" + IDS[0]])
def test_what_is_no_id_is_nothing(host, look, name):
    endpoint = host.put()
    with open(f"{endpoint.spool}/{name}", "w"):
        pass
    assert look(endpoint) is False and os.listdir(endpoint.spool) == [name]


def test_a_link_is_not_followed(host):
    endpoint = host.put()
    os.symlink("elsewhere", f"{endpoint.spool}/.cancel-{IDS[0]}")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        cancellations.ask(endpoint.spool, IDS[0])
    assert not os.path.lexists(f"{endpoint.spool}/elsewhere")
