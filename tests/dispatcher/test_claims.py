"""What an acceptor that was taken over lays into its spool changes nothing about runs that are recorded."""

import os
import pwd
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
import role

from trigger import entry, origin, records, spool
from trigger.dispatcher import history
from trigger.dispatcher.claim_lock import ClaimLock
from trigger.dispatcher.claims import IN_MEMORY, Claims

NOW = time.time()
INVOCATION = "0" * 32


def an_id(second, number=0):
    time_part = f"{int(second * 1000):012x}"
    return f"{time_part[:8]}-{time_part[8:]}-7{number:03x}-8000-000000000000"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Makes an endpoint with its directories."""
    if os.getuid():
        for name in ("fchown", "chown"):
            monkeypatch.setattr(os, name, lambda *_: None)

    def make(**keys):
        made = role.endpoint(**keys)
        made.user = "root"
        for name in ("spool", "claimed", "runs"):
            (tmp_path / name).mkdir(exist_ok=True)
            setattr(made, name, str(tmp_path / name))
        return made

    if os.getuid():
        monkeypatch.setattr("pwd.getpwnam", lambda _: SimpleNamespace(pw_uid=os.getuid()))
    return make


def lay(endpoint, request_id, content=None):
    """An entry, or a file of its name."""
    if content is None:
        content = b"body" + entry.encode([(b"TRIGGER_REQUEST_ID", request_id.encode())])
    with open(f"{endpoint.spool}/{request_id}", "wb") as file:
        file.write(content)


def take(endpoint):
    """What the dispatcher does with all that waits. Returns the ids that are claimed, and why others are not."""
    with closing(Claims(endpoint)) as claims:
        claim, damaged, _ = claims.take(claims.waiting(), INVOCATION)
        for name, _, reason in damaged:
            history.write_damaged(endpoint, name, reason)
        assert claims.waiting() == []
        if claim is not None:
            os.close(claim.stdin)
            assert claim.ids == claims.ids()
            assert claims.invocation() == INVOCATION
        return claims.ids(), {name: reason for name, _, reason in damaged}


def run(endpoint, *ids, state="succeeded"):
    """A run of requests that waited."""
    for request_id in ids:
        lay(endpoint, request_id)
    assert take(endpoint) == (list(ids), {})
    history.write(endpoint, list(ids), NOW, {"state": state, "exit_code": 0})
    with closing(Claims(endpoint)) as claims:
        claims.remove(ids)
        claims.release(ids)


def content(endpoint, run_id):
    with open(records.path(endpoint, run_id), "rb") as file:
        return file.read()


def test_whoever_is_served_beside_the_newest_costs_no_file(host):
    endpoint = host()
    ids = [an_id(NOW - 60 + number) for number in range(5)]
    for request_id in ids:
        lay(endpoint, request_id)
    assert take(endpoint) == (ids, {})
    assert len({os.lstat(f"{endpoint.claimed}/{each}").st_ino for each in ids}) == 2
    history.write(endpoint, ids, NOW, {"state": "succeeded"})
    assert len({os.lstat(f"{endpoint.served}/{each}").st_ino for each in os.listdir(endpoint.served)}) == 1
    assert {records.find(endpoint, each)["id"] for each in ids} == {ids[-1]}


def test_what_an_attempt_has_left_harms_no_claim(host):
    endpoint = host()
    ids = [an_id(NOW - 60 + number) for number in range(3)]
    for request_id in ids:
        lay(endpoint, request_id)
    with closing(Claims(endpoint)) as claims:
        for names in (ids, ids[:2]):  # of which the newest was not
            os.close(claims.take(names, INVOCATION)[0].stdin)
            assert "remote_addr" in claims.told(names[-1]) and claims.told(names[0]) == {}


@pytest.mark.parametrize("lain", [None, b"garbage", b""])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_id_that_has_a_record_is_not_run_again_and_its_record_stays(host, which, lain):
    """Also one that was served together with a newer one, and has no file of its own."""
    endpoint = host()
    ids = [an_id(NOW - 60 + number) for number in range(3)]
    run(endpoint, ids[0])
    run(endpoint, ids[1], ids[2])
    before = {run_id: content(endpoint, run_id) for run_id in records.ids(endpoint)}
    fresh = an_id(NOW)
    lay(endpoint, ids[which], lain)
    lay(endpoint, fresh)
    claimed, aside = take(endpoint)
    assert claimed == [fresh]
    assert {run_id: content(endpoint, run_id) for run_id in records.ids(endpoint)} == before
    assert records.find(endpoint, ids[which])["state"] == "succeeded"
    assert list(aside) == [ids[which]]
    assert len([name for name in os.listdir(endpoint.spool) if name.startswith(".damaged-")]) == 1


@pytest.mark.parametrize("lain", [None, b"garbage"])
@pytest.mark.parametrize("far", [9 * 86400, 365 * 86400, 2**47 / 1000 - NOW])
def test_an_id_of_the_far_future_is_not_run_and_not_recorded(host, lain, far):
    endpoint = host()
    lay(endpoint, an_id(NOW + far), lain)
    claimed, aside = take(endpoint)
    assert claimed == records.ids(endpoint) == []
    assert lain or list(aside.values()) == ["its id lies in the future"]


@pytest.mark.parametrize("ahead", [-3650, -1, 0, 1, 2, 6])
def test_what_acceptors_accept_while_the_clock_steps_is_run(host, ahead):
    endpoint = host()
    run(endpoint, an_id(NOW + ahead * 86400))


def test_so_it_is_when_the_clock_was_set_back_by_months_since(host, monkeypatch):
    """The kernel has noted when the file came."""
    endpoint = host()
    request_id = an_id(NOW)
    lay(endpoint, request_id)
    monkeypatch.setattr(time, "time", lambda: NOW - 90 * 86400)
    assert take(endpoint) == ([request_id], {})


def test_garbage_pushes_out_no_run(host):
    endpoint = host(keep_runs=3)
    ids = [an_id(NOW - 60 + number) for number in range(3)]
    for request_id in ids:
        run(endpoint, request_id)
    for number in range(100):
        lay(endpoint, an_id(NOW + 86400, number), b"garbage")
        lay(endpoint, an_id(NOW + 1000 * 86400, number), b"garbage")
    assert take(endpoint)[0] == []
    kept = records.ids(endpoint)
    assert kept[:3] == ids
    assert [records.read(endpoint, run_id)["state"] for run_id in kept[3:]] == ["damaged"] * 3
    run(endpoint, an_id(NOW))
    assert records.ids(endpoint)[:3] == [*ids[1:], an_id(NOW)]


def test_runs_with_ids_ahead_do_not_stay_longer_than_others(host):
    endpoint = host(keep_runs=3)
    for number in range(3):
        run(endpoint, an_id(NOW + 86400, number))
        age(endpoint, an_id(NOW + 86400, number), 60 - number)
    genuine = [an_id(NOW + number) for number in range(3)]
    for number, request_id in enumerate(genuine):
        run(endpoint, request_id)
        age(endpoint, request_id, 30 - number)
    assert records.ids(endpoint) == genuine


def test_runs_from_before_the_clock_was_set_back_are_the_older_ones(host):
    endpoint = host(keep_runs=3)
    ids = [an_id(NOW + number) for number in range(5)]
    for number, request_id in enumerate(ids):
        run(endpoint, request_id)
        age(endpoint, request_id, -86400 - number if number < 3 else 30 - number)
    assert records.ids(endpoint) == ids[2:]


def age(endpoint, run_id, seconds):
    """Make a record so old."""
    os.utime(records.path(endpoint, run_id), (NOW - seconds, NOW - seconds))


def test_what_lies_in_the_far_future_leads_no_acceptor_there(host):
    endpoint = host()
    lay(endpoint, "ffffffff-ffff-7fff-bfff-ffffffffffff", b"garbage")
    stored = spool.Spool(endpoint.spool, endpoint.claimed)
    draft = stored.draft()
    request_id = stored.next_id()
    draft.close_body([(b"TRIGGER_REQUEST_ID", request_id.encode())])
    assert stored.commit([(request_id, draft, [])]) == [None]
    assert take(endpoint)[0] == [request_id]


# What is handed over, and what is kept of it


@pytest.mark.parametrize("size", [1, IN_MEMORY - 100, IN_MEMORY, IN_MEMORY + 1])
def test_the_job_gets_the_body_alone_and_may_open_it_again(host, size):
    """By /dev/stdin, as whatever user; nobody can write there, and it has no name."""
    endpoint = host()
    body, request_id = os.urandom(size), an_id(NOW)
    lay(endpoint, request_id, body + entry.encode([(b"TRIGGER_REQUEST_ID", request_id.encode())]))
    with closing(Claims(endpoint)) as claims:
        claim, _, _ = claims.take(claims.waiting(), INVOCATION)
    try:
        with open(f"/proc/self/fd/{claim.stdin}", "rb") as again:
            assert again.read() == os.pread(claim.stdin, 2 * size, 0) == body
        assert os.fstat(claim.stdin).st_nlink == 0
        assert os.fstat(claim.stdin).st_mode & 0o777 == 0o444
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(claim.stdin, b"x")
    finally:
        os.close(claim.stdin)


def said(endpoint, request_id, *variables):
    """An entry that says this."""
    own = [(b"TRIGGER_REQUEST_ID", request_id.encode()), *variables]
    lay(endpoint, request_id, entry.encode(own))


def test_root_says_what_a_request_came_by(host):
    endpoint = host()
    request_id = an_id(NOW)
    said(endpoint, request_id, *origin.variables(origin.UNIT, ["b", "c"]))
    with closing(Claims(endpoint)) as claims:
        claim, damaged, _ = claims.take(claims.waiting(), INVOCATION)
        os.close(claim.stdin)
        assert damaged == []
        told = claims.told(request_id)
    assert (told["source"], told["hops"]) == ("unit", ["b", "c"])
    assert claim.variables[b"TRIGGER_SOURCE"] == b"unit"
    assert b"TRIGGER_HOPS" not in claim.variables


def test_who_is_served_by_the_same_run_does_not_end_the_count_of_hops(host):
    endpoint = host()
    ids = [an_id(NOW - 2), an_id(NOW - 1), an_id(NOW)]
    said(endpoint, ids[0], *origin.variables(origin.UNIT, ["b", "c"]))
    said(endpoint, ids[1], *origin.variables(origin.UNIT, ["b"]))
    said(endpoint, ids[2])
    assert take(endpoint) == (ids, {})
    with closing(Claims(endpoint)) as claims:
        told = claims.told(ids[2])
    assert (told["source"], told["hops"]) == ("http", ["b", "c"])


def test_a_request_that_says_nothing_of_it_came_by_http(host):
    endpoint = host()
    request_id = an_id(NOW)
    said(endpoint, request_id)
    assert take(endpoint) == ([request_id], {})
    with closing(Claims(endpoint)) as claims:
        assert claims.told(request_id)["source"] == "http"
        assert "hops" not in claims.told(request_id)


@pytest.mark.skipif(os.getuid() != 0, reason="gives a file to another user")
@pytest.mark.parametrize("variables", [origin.variables("schedule", []), [(b"TRIGGER_HOPS", b"b")]])
def test_only_root_says_what_a_request_came_by(host, variables):
    """An acceptor that was taken over would give out its clients for the calendar, or let a circle go on."""
    endpoint = host()
    endpoint.user = "nobody"
    owner = pwd.getpwnam("nobody").pw_uid
    mine, yours = an_id(NOW - 1), an_id(NOW)
    for request_id, more in ((mine, ()), (yours, variables)):
        said(endpoint, request_id, *more)
        os.chown(f"{endpoint.spool}/{request_id}", owner, -1)
    assert take(endpoint) == ([mine], {yours: "it says what only root may say"})


def test_without_a_body_the_job_reads_nothing(host):
    endpoint = host()
    lay(endpoint, an_id(NOW), entry.encode([(b"TRIGGER_REQUEST_ID", an_id(NOW).encode())]))
    with closing(Claims(endpoint)) as claims:
        claim, _, _ = claims.take(claims.waiting(), INVOCATION)
    assert os.readlink(f"/proc/self/fd/{claim.stdin}") == "/dev/null"
    os.close(claim.stdin)


def test_how_a_run_ended_is_kept_with_its_claim_and_goes_with_it(host):
    endpoint = host()
    lay(endpoint, an_id(NOW))
    assert take(endpoint)[0] == [an_id(NOW)]
    with closing(Claims(endpoint)) as claims:
        assert claims.noted(an_id(NOW)) is None
        claims.note({"id": an_id(NOW), "outcome": {"state": "succeeded"}})
        assert claims.noted(an_id(NOW))["outcome"] == {"state": "succeeded"}
        assert claims.noted(an_id(NOW + 1)) is None  # an outcome of another run says nothing
        os.truncate(f"{endpoint.claimed}/.outcome", 10)
        assert claims.noted(an_id(NOW)) is None  # the power went before all of it was written
        claims.remove(claims.ids())
        claims.release(claims.ids())
        assert claims.ids() == os.listdir(endpoint.spool) == []


def test_that_a_run_was_cancelled_is_over_with_its_claim(host):
    endpoint = host()
    lay(endpoint, an_id(NOW))
    take(endpoint)
    with ClaimLock(endpoint) as lock:
        lock.cancel(an_id(NOW))
        assert lock.is_cancelled(an_id(NOW))
    with closing(Claims(endpoint)) as claims:
        claims.release(claims.ids())
    assert not os.path.exists(f"{endpoint.claimed}/.cancelled")
    with ClaimLock(endpoint) as lock:
        assert not lock.is_cancelled(an_id(NOW))


def test_what_is_given_back_waits_again(host):
    endpoint = host()
    lay(endpoint, an_id(NOW))
    assert take(endpoint)[0] == [an_id(NOW)]
    with closing(Claims(endpoint)) as claims:
        claims.release(claims.ids())
        assert (claims.ids(), claims.waiting()) == ([], [an_id(NOW)])
