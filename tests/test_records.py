"""Records of runs: asking for one costs the same whatever is kept, and a damaged one takes no other down."""

import json
import math
import os
import shutil
import socket
import sys
import time

import pytest
from run_files import JOB, SECOND, put, record, request_id, unknown_to_systemd

from trigger import entry, output, records, runs
from trigger.acceptor.exchange import Exchange
from trigger.acceptor.handler import Handler
from trigger.ctl import status
from trigger.ctl.doctor import files
from trigger.dispatcher import history
from trigger.page import status as page_status

LIMIT = records.SIZE_LIMIT


class Watch:
    """What this process opens and lists, while it is looked at."""

    def __init__(self):
        self.seen = None

    def __call__(self, event, arguments):
        is_look = event in ("open", "os.listdir", "os.scandir") and not isinstance(arguments[0], int)
        if self.seen is not None and is_look:  # a descriptor is open already
            self.seen.append((event, str(arguments[0])))

    def during(self, call, *arguments):
        self.seen = []
        try:
            return call(*arguments), self.seen
        finally:
            self.seen = None


WATCH = Watch()
sys.addaudithook(WATCH)


def opened(call, *arguments):
    return len([1 for event, _ in WATCH.during(call, *arguments)[1] if event == "open"])


def listed(call, *arguments):
    return [path for event, path in WATCH.during(call, *arguments)[1] if event != "open"]


def write(settings, *ids, **changes):
    """A record as an earlier release has left it, without what history does beside it."""
    told = {
        "id": ids[-1], "endpoint": "a", "requests": list(ids), "started": records.timestamp(SECOND),
        "finished": records.timestamp(SECOND + 1), "duration": 1.0, "state": "succeeded", "exit_code": 0, **changes,
    }  # fmt: skip
    with open(records.path(settings, ids[-1]), "w") as file:
        json.dump(told, file)


def age(settings, run_id, seconds):
    """Make a record so old. Those that are written one right after another may have the same stamp: then ids decide."""
    at = time.time() - seconds
    os.utime(records.path(settings, run_id), (at, at))


@pytest.fixture(params=[3, 300])
def many(endpoint, request):
    """An endpoint with few or many records, each of two requests."""
    settings = endpoint(keep_runs=1000)
    ids = [request_id(SECOND + number) for number in range(2 * request.param)]
    for number in range(0, len(ids), 2):
        write(settings, *ids[number : number + 2])
    record(settings, [request_id(SECOND - 1)])
    return settings, ids


def test_what_is_not_known_costs_the_same_whatever_is_kept(many):
    settings, _ = many
    for each in (request_id(SECOND, 5), request_id(SECOND - 1000), request_id(SECOND + 10**6)):
        found = runs.Runs(settings)
        assert found.find(each) is None
        assert (opened(found.find, each), listed(found.find, each)) == (1, [])
        assert (opened(found.record_of, each), listed(found.record_of, each)) == (1, [])


def test_what_is_known_costs_the_same_whatever_is_kept(many):
    settings, ids = many
    found = runs.Runs(settings)
    assert {found.find(each)["run"] for each in ids} == set(ids[1::2])
    for each, most in ((ids[0], 2), (ids[1], 1), (ids[-2], 2), (ids[-1], 1)):
        assert (opened(found.find, each), listed(found.find, each)) == (most, [])


def test_what_is_waited_for_costs_the_same_whatever_is_kept(many):
    settings, _ = many
    waiting = request_id(SECOND + 10**6)
    put(settings, "spool", waiting)
    put(settings, "claimed", waiting)
    put(settings, "spool", *(request_id(SECOND + 10**6, number) for number in range(1, 50)))
    with open(settings.output_file, "w"):
        pass
    source = runs.Output(runs.Runs(settings), waiting, follow=True)
    assert source.read() is None
    assert (opened(source.read), listed(source.read)) == (1, [])
    source.close()


def test_a_list_reads_no_more_records_than_it_tells_runs(many):
    settings, _ = many
    assert opened(runs.Runs(settings).latest, 3) <= 3


def test_links_go_with_their_run(endpoint):
    settings = endpoint(keep_runs=2)
    ids = [request_id(SECOND + number) for number in range(12)]
    for number in range(0, 12, 3):
        record(settings, ids[number : number + 3])
    assert sorted(os.listdir(settings.served)) == [ids[6], ids[7], ids[9], ids[10]]
    found = runs.Runs(settings)
    assert [bool(found.find(each)) for each in ids] == [False] * 6 + [True] * 6
    settings.keep_runs = 0
    record(settings, [request_id(SECOND + 20)])
    assert os.listdir(settings.served) == []


@pytest.mark.parametrize("is_damaged", [False, True])
def test_links_go_also_beside_a_record_with_an_old_id(endpoint, is_damaged):
    """Records go by their age, and an acceptor may have chosen an id."""
    settings = endpoint(keep_runs=2)
    ids = [request_id(SECOND + number) for number in range(6)]
    record(settings, ids[:2])
    if is_damaged:
        os.truncate(records.path(settings, ids[1]), 5)
    age(settings, ids[1], 60)
    record(settings, ids[2:4])
    age(settings, ids[3], 30)
    record(settings, [request_id(1)])
    assert os.listdir(settings.served) == [ids[2]]


def test_links_are_found_by_name_alone(endpoint):
    settings = endpoint()
    record(settings, [request_id(SECOND)])
    assert os.stat(settings.served).st_mode & 0o7777 == 0o710


def test_runs_of_an_older_run_that_is_kept_keep_their_links(endpoint):
    """With parameters, a run may serve a request that is older than runs that are gone."""
    settings = endpoint(keep_runs=1)
    ids = [request_id(SECOND + number) for number in range(4)]
    record(settings, [ids[1]])
    record(settings, [ids[2]])
    record(settings, [ids[0], ids[3]])
    assert records.ids(settings) == [ids[3]]
    assert runs.Runs(settings).find(ids[0])["run"] == ids[3]


@pytest.mark.parametrize("left", [None, "served.new"])
def test_runs_of_earlier_releases_are_found_from_the_next_record_on(endpoint, left):
    settings = endpoint()
    ids = [request_id(SECOND + number) for number in range(4)]
    write(settings, *ids[:2])
    with open(records.path(settings, ids[2]), "w") as file:
        file.write("{")
    if left:
        os.mkdir(f"{os.path.dirname(settings.runs)}/{left}")
        os.symlink("nowhere", f"{os.path.dirname(settings.runs)}/{left}/{ids[0]}")
    record(settings, [ids[3]])
    assert runs.Runs(settings).find(ids[0])["run"] == ids[1]


def test_a_link_without_its_record_says_nothing(endpoint):
    settings = endpoint()
    ids = [request_id(SECOND + number) for number in range(3)]
    record(settings, ids[:2])
    os.unlink(records.path(settings, ids[1]))
    assert runs.Runs(settings).find(ids[0]) is None
    assert not records.has(settings, ids[0])
    # The record of a run whose `record` was killed in between is written anew.
    record(settings, ids[:2], state="interrupted")
    assert runs.Runs(settings).find(ids[0])["state"] == "interrupted"
    assert records.has(settings, ids[0]) and records.has(settings, ids[1]) and not records.has(settings, ids[2])


def test_an_acceptor_whose_records_are_gone_does_not_say_that_none_is_known(endpoint):
    settings = endpoint()
    shutil.rmtree(settings.runs)
    with pytest.raises(FileNotFoundError):
        runs.Runs(settings).find(request_id(SECOND))


# Damage

ONE = request_id(SECOND + 5)
DAMAGE = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "depth": b"[" * 100_000,
    "NaN": b'{"duration": NaN}',
    "digits": b"9" * 10_000,
    "cut short": json.dumps({"id": ONE, "requests": [ONE]}).encode(),
    "another run's": json.dumps({"id": request_id(SECOND)}).encode(),
}
WRONG = [
    ("id", request_id(SECOND)), ("id", 5), ("requests", []), ("requests", "x"), ("requests", {}), ("requests", [5]),
    ("requests", [ONE, ".."]), ("requests", None), ("state", 5), ("state", "queued"), ("state", ["failed"]),
    ("state", {}), ("state", None), ("started", 5), ("started", "now"), ("finished", None), ("finished", "now"),
    ("finished", "2026-13-01T00:00:00.000Z"), ("finished", "٢٠٢٦-01-01T00:00:00.000Z"), ("finished", []),
    ("duration", "1"), ("duration", True), ("duration", -1), ("duration", 10**400), ("duration", math.inf),
    ("exit_code", "0"), ("exit_code", 1.5), ("exit_code", {}), ("signal", 9), ("signal", ["KILL"]),
    ("remote_user", 5), ("remote_user", "\ud800"), ("parameters", []), ("parameters", {"p": 5}),
    ("parameters", {"\ud800": "x"}),
]  # fmt: skip


@pytest.fixture(params=[*DAMAGE, *WRONG, "directory", "pipe", "socket", "link", "loop", "sparse"], ids=str)
def damaged(endpoint, request, tmp_path, monkeypatch):
    """An endpoint with a good record on either side of a damaged one."""
    settings = endpoint(keep_runs=10)
    record(settings, [request_id(SECOND)])
    path = records.path(settings, ONE)
    kind = request.param
    if isinstance(kind, tuple):
        write(settings, ONE, **dict([kind]))
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(settings.runs)
        socket.socket(socket.AF_UNIX).bind(f"{ONE}.json")
    elif kind in ("link", "loop"):
        os.symlink(path if kind == "loop" else records.path(settings, request_id(SECOND)), path)
    elif kind == "sparse":
        with open(path, "wb") as file:
            file.truncate(100 * LIMIT)
    else:
        with open(path, "wb") as file:
            file.write(DAMAGE[kind])
    record(settings, [request_id(SECOND + 9)], state="failed")
    return settings


def test_a_damaged_record_is_said_to_be_so_and_the_others_are_told(damaged):
    found = runs.Runs(damaged)
    assert [(run["id"], run["state"]) for run in found.latest(10)] == [
        (request_id(SECOND + 9), "failed"),
        (ONE, "damaged"),
        (request_id(SECOND), "succeeded"),
    ]
    assert found.last()["id"] == request_id(SECOND + 9)
    assert found.find(request_id(SECOND))["state"] == "succeeded"
    with pytest.raises(records.Damaged) as caught:
        found.find(ONE)
    (finding,) = [each for each in files.findings(damaged, JOB) if records.path(damaged, ONE) in each.what]
    assert str(caught.value) == f"{finding.what}; {finding.mend}"
    assert "delete" in finding.mend


def test_runs_go_on_to_be_recorded_beside_a_damaged_record(damaged, capsys):
    damaged.keep_runs = 1
    record(damaged, [request_id(SECOND + 20), request_id(SECOND + 21)])
    assert runs.Runs(damaged).find(request_id(SECOND + 20))["state"] == "succeeded"
    left = set(records.ids(damaged)) - {request_id(SECOND + 21)}
    assert left <= {ONE} and bool(left) == ("cannot be removed" in capsys.readouterr().out)


def test_a_file_that_is_no_record_at_all_is_passed_over(endpoint):
    settings = endpoint()
    for name in ("x.json", ".json", f"{ONE}.json.new", "old.json"):
        with open(f"{settings.runs}/{name}", "w"):
            pass
    record(settings, [ONE])
    assert [run["id"] for run in runs.Runs(settings).latest(10)] == [ONE]


def test_an_id_of_the_far_future_can_be_told_of(endpoint):
    settings = endpoint()
    late = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    put(settings, "spool", late)
    (run,) = runs.Runs(settings).latest(10)
    assert run["accepted"] == "9999-12-31T23:59:59.998Z" and entry.is_id(run["id"])


# The last run


def with_parameters(endpoint):
    """Runs whose ids do not tell in which order they ended: 30 with larger ones ended before the last."""
    settings = endpoint()
    for number in range(30):
        write(settings, request_id(SECOND + 100 + number), finished=records.timestamp(SECOND + number))
        os.utime(records.path(settings, request_id(SECOND + 100 + number)), (SECOND + number, SECOND + number))
    write(settings, request_id(SECOND), state="failed", finished=records.timestamp(SECOND + 60))
    os.utime(records.path(settings, request_id(SECOND)), (SECOND + 60, SECOND + 60))
    return settings


def test_page_and_triggerctl_name_the_same_last_run(endpoint, monkeypatch):
    settings = with_parameters(endpoint)
    monkeypatch.setattr(status.paths, "Paths", lambda name: settings)
    monkeypatch.setattr(status.systemd, "show", unknown_to_systemd)
    by_ctl = status.look(["a"])[0].last
    by_page = page_status.Standing(settings).last
    assert by_ctl == by_page and by_ctl["id"] == request_id(SECOND)


def test_what_has_not_run_hides_no_last_run(endpoint):
    """Neither requests that were taken back nor files that were none, however many."""
    settings = endpoint(keep_runs=100)
    record(settings, [ONE], state="failed")
    os.utime(records.path(settings, ONE), (SECOND, SECOND))
    for number in range(15):
        record(settings, [request_id(SECOND + 10, number)], state="cancelled", started=None)
        history.write_damaged(settings, request_id(SECOND + 20, number), "it is empty")
    assert records.last(settings)["id"] == ONE


def test_what_did_not_run_tells_nothing_of_the_job(endpoint):
    """However much of it comes behind the last run, and however many records are damaged on the disk."""
    settings = endpoint(keep_runs=1000)
    record(settings, [ONE], state="failed")
    for number in range(50):
        record(settings, [request_id(SECOND + 10, number)], state="cancelled", started=None)
        record(settings, [request_id(SECOND + 20, number)], state="damaged", started=None)
    assert runs.Runs(settings).last()["id"] == ONE
    # As 0.2 wrote them: nothing but their content tells them from runs.
    for number, state in enumerate(("damaged", "cancelled")):
        write(settings, request_id(SECOND + 30, number), state=state, started=None)
    os.truncate(records.path(settings, request_id(SECOND + 20)), 3)
    assert runs.Runs(settings).last()["id"] == ONE


def test_the_last_run_is_found_at_the_cost_of_a_few_records_whatever_is_kept(many):
    settings, _ = many
    assert opened(runs.Runs(settings).last) <= 1


# The order of lists


def listed_ids(settings):
    """What page and triggerctl list of runs that served one request each, as all of them do."""
    by_ctl = [run["id"] for run in runs.Runs(settings).latest(1000)]
    by_page = [run["id"] for run, _ in page_status.history(settings, 1000).rows]
    assert by_ctl == by_page == runs.Runs(settings).history()
    return by_ctl


def test_runs_are_listed_in_the_order_in_which_they_were_recorded(endpoint):
    """An id is of an acceptor's making, and tells when a request came."""
    settings = endpoint()
    ids = [request_id(SECOND + 86400), request_id(SECOND), request_id(SECOND + 7 * 86400), request_id(SECOND + 1)]
    for number, each in enumerate(ids):
        record(settings, [each])
        age(settings, each, 60 - number)
    put(settings, "spool", *ids[2:], request_id(SECOND - 9), request_id(SECOND - 8), request_id(SECOND - 7))
    put(settings, "claimed", request_id(SECOND - 9))
    under_way = [request_id(SECOND - number) for number in (7, 8, 9)]
    assert listed_ids(settings) == [*under_way, *reversed(ids)]


def test_what_was_recorded_before_the_clock_was_set_back_is_older(endpoint):
    settings = endpoint()
    ids = [request_id(SECOND + number) for number in (5, 6, 1, 2)]
    for each, seconds in zip(ids, (-86400, -86401, 20, 10)):
        record(settings, [each], state="failed" if each == ids[3] else "succeeded")
        age(settings, each, seconds)
    assert listed_ids(settings) == ids[::-1]
    assert runs.Runs(settings).last()["id"] == ids[3]


def test_garbage_is_listed_behind_the_runs(endpoint):
    """Whatever ids somebody has given it who took an acceptor over: an id may lie eight days ahead."""
    settings = endpoint(keep_runs=10)
    now = time.time()
    genuine = [request_id(now - 60 + number) for number in range(6)]
    for each in genuine[:3]:
        record(settings, [each])
        age(settings, each, 60)
    garbage = [request_id(now + 7 * 86400, number) for number in range(10)]
    for each in garbage:
        history.write_damaged(settings, each, "it has no end mark")
    record(settings, [genuine[3]], state="cancelled", started=None)
    age(settings, genuine[3], 30)
    for each in genuine[4:]:
        record(settings, [each])
    assert listed_ids(settings) == [*genuine[:2:-1], *genuine[2::-1], *reversed(garbage)]
    assert [run["id"] for run in runs.Runs(settings).latest(6)] == genuine[::-1]


def test_garbage_of_before_an_upgrade_is_listed_behind_the_runs(endpoint):
    """0.2.1 and 0.3.0 gave the records of garbage 0440, and all others 0640."""
    settings = endpoint(keep_runs=2)
    now = time.time()
    genuine = [request_id(now - 60 + number) for number in range(4)]
    garbage = [request_id(now + 7 * 86400, number) for number in range(2)]
    record(settings, [genuine[0]])
    record(settings, [genuine[1]], state="cancelled", started=None)
    for each in garbage:
        history.write_damaged(settings, each, "it has no end mark")
    for each in genuine[:2]:
        age(settings, each, 60)
        os.chmod(records.path(settings, each), 0o640)
    for each in garbage:
        os.chmod(records.path(settings, each), 0o440)
    for each in genuine[2:]:
        record(settings, [each], state="cancelled", started=None)
    assert listed_ids(settings) == [*genuine[::-1], *garbage[::-1]]
    assert runs.Runs(settings).last()["id"] == genuine[0]


def test_a_request_that_has_waited_is_followed_to_its_run(endpoint):
    """Whoever goes on from a page of what waited finds what comes behind it."""
    settings = endpoint()
    ids = [request_id(SECOND + number) for number in range(6)]
    for number, each in enumerate(ids[:2]):
        record(settings, [each])
        age(settings, each, 60 - number)
    put(settings, "spool", *ids[2:])
    assert page_status.history(settings, 4, before=ids[2]).begin == 4
    put(settings, "claimed", *ids[2:5])  # one run serves these
    assert page_status.history(settings, 4, before=ids[2]).begin == 2
    record(settings, ids[2:])
    for place, gone in (("claimed", ids[2:5]), ("spool", ids[2:])):
        for each in gone:
            os.unlink(f"{getattr(settings, place)}/{each}")
    found = page_status.history(settings, 4, before=ids[2])
    assert (found.begin, [run["id"] for run, _ in found.rows]) == (1, [ids[1], ids[0]])
    found = page_status.history(settings, 4, after=ids[1])
    assert (found.begin, [run["id"] for run, _ in found.rows]) == (0, [ids[5], ids[1], ids[0]])


# Those who wait


def test_a_damaged_record_keeps_no_other_client_waiting(endpoint):
    settings = endpoint(output_limit="1KiB")
    ids = [request_id(SECOND + number) for number in range(3)]
    for each in ids:
        record(settings, [each])
        with open(output.path(settings, each), "w"):
            pass
    with open(records.path(settings, ids[0]), "w") as file:
        file.write("{")
    waiting = [Exchange() for _ in ids]
    for exchange, each in zip(waiting, ids):
        exchange.request_id, exchange.endpoint, exchange.outcome = each, settings, "accepted"
    Handler(settings, None, None).look_at_runs(waiting)
    assert [exchange.reply.status for exchange in waiting] == [503, 200, 200]


def test_a_run_goes_on_although_its_acceptor_has_lost_the_request(endpoint):
    """What root has claimed is under way, whatever becomes of the file in the spool."""
    settings = endpoint()
    put(settings, "claimed", ONE)
    with open(settings.output_file, "wb") as file:
        file.write(b"x")
    source = runs.Output(runs.Runs(settings), ONE, follow=True)
    assert (source.read(), source.read()) == (b"x", None)
    source.close()
