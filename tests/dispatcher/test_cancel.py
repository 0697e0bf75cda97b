"""What clients want to have cancelled, where no run is under way; a run is in the scenario `runs`."""

import os

import pytest
from page_host import SECOND, queue, record, request_id

from trigger import cancellations, records
from trigger.dispatcher import cancel, take_back

IDS = [request_id(SECOND + number) for number in range(3)]


@pytest.fixture
def look(host):
    """Does what the dispatcher does; what it says stands in `look.said`."""

    def look(endpoint):
        look.said = []
        return cancel.look(endpoint, None, look.said.append)

    return look


class Watched:
    """A run under way, as watch.Watch shows it."""

    def __init__(self, *ids):
        self.run = self
        self.ids = ids
        self.is_cancelled = False

    def cancel(self):
        self.is_cancelled = True


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


def test_a_run_under_way_is_stopped_and_that_is_wanted_until_it_has_ended(host, look):
    endpoint = host.put()
    queue(endpoint, *IDS)
    for each in IDS[1:]:
        cancellations.ask(endpoint.spool, each)
    watch = Watched(IDS[0])
    assert cancel.look(endpoint, watch, print) is False and not watch.is_cancelled
    cancellations.ask(endpoint.spool, IDS[0])
    assert cancel.look(endpoint, watch, print) is True and watch.is_cancelled
    assert cancellations.asked(endpoint.spool) == [IDS[0]]
    assert [state_of(endpoint, each) for each in IDS] == [None, "cancelled", "cancelled"]


def test_what_has_ended_meanwhile_stays_as_it_is(host, look):
    endpoint = host.put()
    record(endpoint, IDS[0])
    for each in IDS[:2]:
        cancellations.ask(endpoint.spool, each)
    assert look(endpoint) is False
    assert os.listdir(endpoint.spool) == [] and look.said == []
    assert [state_of(endpoint, each) for each in IDS] == ["succeeded", None, None]


def test_an_acceptor_that_was_taken_over_changes_no_record(host, look):
    """It lays out once more what has run, which a dispatcher that was killed may have left as well."""
    endpoint = host.put()
    record(endpoint, IDS[0])
    queue(endpoint, IDS[0])
    cancellations.ask(endpoint.spool, IDS[0])
    assert look(endpoint) is False
    assert state_of(endpoint, IDS[0]) == "succeeded" and os.listdir(endpoint.spool) == []


def test_an_id_of_the_future_gets_no_record(host, look):
    endpoint = host.put()
    future = request_id(SECOND * 2)
    queue(endpoint, future)
    cancellations.ask(endpoint.spool, future)
    assert look(endpoint) is False
    assert state_of(endpoint, future) is None and os.listdir(endpoint.spool) == [future]
    assert look.said == [f"<4>request {future} is not taken back: its id lies in the future"]


def test_an_id_that_was_not_ahead_when_it_was_laid_is_taken_back(host, look, monkeypatch):
    """The clock was ahead then, and has been set back."""
    endpoint = host.put()
    queue(endpoint, IDS[0])
    cancellations.ask(endpoint.spool, IDS[0])
    monkeypatch.setattr(take_back.time, "time", lambda: float(SECOND - 30 * 86400))
    assert look(endpoint) is False and state_of(endpoint, IDS[0]) == "cancelled"


def test_what_never_ran_pushes_out_no_run(host, look):
    endpoint = host.put(keep_runs=3)
    runs = [request_id(SECOND - 60 + number) for number in range(3)]
    for each in runs:
        record(endpoint, each)
    queued = [request_id(SECOND + number) for number in range(20)]
    queue(endpoint, *queued)
    for each in queued:
        cancellations.ask(endpoint.spool, each)
    assert look(endpoint) is False
    assert records.ids(endpoint) == [*runs, *queued[-3:]]


def test_a_run_under_way_is_not_kept_waiting_by_what_is_taken_back(host, monkeypatch):
    endpoint = host.put()
    queue(endpoint, *IDS)
    for each in IDS:
        cancellations.ask(endpoint.spool, each)
    watch = Watched(IDS[2])
    monkeypatch.setattr(cancel, "LONGEST", -1)  # the time is over at once
    assert cancel.look(endpoint, watch, print) is True
    assert watch.is_cancelled and cancellations.asked(endpoint.spool) == IDS
    assert cancel.look(endpoint, None, print) is False and cancellations.asked(endpoint.spool) == []


def test_directories_in_the_place_of_files_stop_nobody(host, look):
    """Root may remove none by the name of a file, and must not fail at them for ever."""
    endpoint = host.put()
    queue(endpoint, IDS[1])
    for name in (f".cancel-{IDS[0]}", f".cancel-{IDS[1]}", f".cancel-{IDS[2]}", IDS[2]):
        os.mkdir(f"{endpoint.spool}/{name}")
    assert look(endpoint) is False and look(endpoint) is False
    assert state_of(endpoint, IDS[1]) == "cancelled" and not os.path.exists(f"{endpoint.spool}/{IDS[1]}")


def test_what_cannot_be_recorded_is_told_when_no_run_is_under_way(host, look):
    """A dispatcher that fails begins anew, and its run gains time by that."""
    endpoint = host.put()
    queue(endpoint, IDS[0])
    cancellations.ask(endpoint.spool, IDS[0])
    os.rename(endpoint.runs, endpoint.runs + ".away")
    with pytest.raises(FileNotFoundError):
        look(endpoint)
    assert cancel.look(endpoint, Watched(IDS[1]), print) is True
    os.rename(endpoint.runs + ".away", endpoint.runs)
    assert look(endpoint) is False and state_of(endpoint, IDS[0]) == "cancelled"


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
