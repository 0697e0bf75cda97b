"""What is kept of runs and told about them, on real directories, files and pipes: runs, history, output, rate, turn,
counts, metrics."""

import json
import os
import threading

import pytest
import role
from hypothesis import given
from hypothesis import strategies as st

from trigger import counts, entry, output, records, runs
from trigger.acceptor import rate_limit
from trigger.dispatcher import history, output_files, schedule
from trigger.metrics import main as metrics
from trigger.runner import pump

SECOND = 1_795_000_000


def request_id(second, number=0):
    time_part = f"{int(second * 1000):012x}"
    return f"{time_part[:8]}-{time_part[8:]}-7{number:03x}-8000-000000000000"


@pytest.fixture
def endpoint(tmp_path):
    def make(metrics=False, **keys):
        made = role.endpoint(**keys)
        for name in ("spool", "claimed", "runs"):
            (tmp_path / name).mkdir(exist_ok=True)
            setattr(made, name, str(tmp_path / name))
        made.output_file = str(tmp_path / "output")
        made.run_counts, made.request_counts = str(tmp_path / "counts"), str(tmp_path / "spool" / ".counts")
        made.metrics = metrics
        return made

    return make


def put(endpoint, where, *ids):
    for each in ids:
        with open(f"{getattr(endpoint, where)}/{each}", "w"):
            pass


def record(endpoint, ids, state="succeeded", started=SECOND, **outcome):
    return history.write(endpoint, ids, started, {"state": state, "exit_code": 0, **outcome})


@pytest.fixture(autouse=True)
def _root_or_not(monkeypatch):
    """Only the owner's change is left out where the tests do not run as root."""
    if os.getuid():
        monkeypatch.setattr(os, "fchown", lambda *_: None)


# runs


def test_a_request_is_found_in_each_of_its_places(endpoint):
    settings = endpoint()
    found = runs.Runs(settings)
    ids = [request_id(SECOND + number) for number in range(6)]
    record(settings, ids[:2], exit_code=3, state="failed", signal=None)
    put(settings, "spool", *ids[2:5], ".draft-1", "no-id")
    put(settings, "claimed", *ids[2:4], ".invocation")
    assert [found.find(each) and found.find(each)["state"] for each in ids] == [
        "failed", "failed", "running", "running", "queued", None,
    ]  # fmt: skip
    first, second, third, fourth, fifth = map(found.find, ids[:5])
    assert first["run"] == second["run"] == ids[1]
    assert (first["id"], first["exit_code"], first["endpoint"]) == (ids[0], 3, "a")
    assert third["run"] == fourth["run"] == ids[3]
    assert third["started"] and third["finished"] is None
    assert (fifth["position"], fifth["run"]) == (1, None)
    assert fifth["accepted"] == records.timestamp(SECOND + 4)


def test_a_recorded_request_that_still_lies_in_the_spool_is_recorded(endpoint):
    settings = endpoint()
    one = request_id(SECOND)
    put(settings, "spool", one)
    put(settings, "claimed", one)
    record(settings, [one])
    assert runs.Runs(settings).find(one)["state"] == "succeeded"


@pytest.mark.parametrize("wrong", ["", "..", "../runs/x", "x" * 36, request_id(SECOND).upper().replace("8000", "800A")])
def test_what_is_no_id_is_not_looked_for(endpoint, wrong):
    assert runs.Runs(endpoint()).find(wrong) is None


def test_the_latest_come_first_and_no_more_than_asked_for(endpoint):
    settings = endpoint()
    ids = [request_id(SECOND + number) for number in range(8)]
    record(settings, [ids[0]])
    record(settings, ids[1:4])
    put(settings, "spool", *ids[4:])
    put(settings, "claimed", ids[4])
    found = runs.Runs(settings)
    listed = found.latest(100)
    assert [run["id"] for run in listed] == ids[::-1]
    assert [run["state"] for run in listed] == ["queued"] * 3 + ["running"] + ["succeeded"] * 4
    assert [run["position"] for run in listed[:3]] == [3, 2, 1]
    assert listed == [found.find(run["id"]) for run in listed]
    for limit in range(1, 9):
        assert found.latest(limit) == listed[:limit]


def read_to_end(source):
    parts = []
    while True:
        part = source.read()
        if not part:
            return b"".join(parts), part
        parts.append(part)


def test_output_is_read_while_it_grows_and_ends_with_the_record(endpoint):
    settings = endpoint()
    one = request_id(SECOND)
    put(settings, "spool", one)
    source = runs.Output(runs.Runs(settings), one, follow=True, last_line=lambda told: told["state"].encode())
    assert source.read() is None
    put(settings, "claimed", one)
    with open(settings.output_file, "wb", buffering=0) as file:
        assert source.read() is None
        file.write(b"one")
        assert read_to_end(source) == (b"one", None)
        file.write(b"two")
        os.rename(settings.output_file, output.path(settings, one))
        record(settings, [one])
    assert read_to_end(source) == (b"twosucceeded", b"")
    source.close()


def test_output_of_the_next_run_is_not_taken_for_ones_own(endpoint):
    settings = endpoint()
    one, two = request_id(SECOND), request_id(SECOND + 1)
    put(settings, "spool", one, two)
    put(settings, "claimed", two)
    with open(settings.output_file, "w") as file:
        file.write("of two")
    source = runs.Output(runs.Runs(settings), one, follow=False)
    assert source.read() == b""


def test_endings_are_seen_once_each_and_then_not(endpoint):
    settings = endpoint()
    endings = runs.Endings(settings)
    assert endings.changed()
    while endings.changed():
        pass
    assert not endings.changed()
    record(settings, [request_id(SECOND)])
    assert endings.changed()


# history


def names(settings):
    return sorted(os.listdir(settings.runs))


def test_records_and_their_output_are_pruned_together(endpoint):
    settings = endpoint(keep_runs=2)
    ids = [request_id(SECOND + number) for number in range(4)]
    for each in ids:
        with open(output.path(settings, each), "w"):
            pass
        record(settings, [each])
    assert names(settings) == sorted(f"{each}.{kind}" for each in ids[2:] for kind in ("json", "output"))


def test_records_that_are_too_old_are_pruned(endpoint):
    settings = endpoint(keep_for="1h")
    ids = [request_id(SECOND + number) for number in range(3)]
    for each in ids[:2]:
        record(settings, [each])
    for each, age in ((ids[0], 3700), (ids[1], 3500)):
        path = records.path(settings, each)
        now = os.stat(path).st_mtime
        os.utime(path, (now - age, now - age))
    record(settings, [ids[2]])
    assert names(settings) == [f"{each}.json" for each in ids[1:]]


def test_nothing_is_pruned_by_age_where_it_is_kept_for_ever(endpoint):
    settings = endpoint()
    assert settings.keep_for is None
    one, two = request_id(SECOND), request_id(SECOND + 1)
    record(settings, [one])
    os.utime(records.path(settings, one), (0, 0))
    record(settings, [two])
    assert len(names(settings)) == 2


def test_none_are_kept_where_none_shall_be(endpoint):
    settings = endpoint(keep_runs=0)
    with open(output.path(settings, request_id(SECOND)), "w"):
        pass
    record(settings, [request_id(SECOND)])
    assert names(settings) == []


def test_runs_are_counted_where_there_are_metrics(endpoint):
    settings = endpoint(metrics=True)
    first = record(settings, [request_id(SECOND)])
    record(settings, [request_id(SECOND + 1)], state="failed")
    last = record(settings, [request_id(SECOND + 2)], started=None, state="damaged")
    told = counts.read(settings.run_counts)
    assert (told["succeeded"], told["failed"], told["damaged"]) == (1, 1, 1)
    assert records.timestamp(told["last_success"] + 0.0001) == first["finished"]
    assert last["duration"] is None


# output


def pumped(tmp_path, limit, *writes):
    """What the pump makes of what a job writes: the file's content, and the journal's."""
    kept, journal = tmp_path / "kept", tmp_path / "journal"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(writing)
            os.dup2(os.open(journal, os.O_WRONLY | os.O_CREAT), 1)
            pump._pump(reading, os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_APPEND), limit)
        finally:
            os._exit(0)
    os.close(reading)
    for part in writes:
        while part:
            part = part[os.write(writing, part) :]
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    return kept.read_bytes(), journal.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_what_keeps_the_limit_goes_on_whole(tmp_path, size):
    assert pumped(tmp_path, 100, b"x" * size) == (b"x" * size,) * 2


@pytest.mark.parametrize("size", [101, 200, pump.PART, 3 * pump.PART + 1])
def test_what_is_too_much_is_cut_and_marked(tmp_path, size):
    assert pumped(tmp_path, 100, b"x" * size) == (b"x" * 100 + output.CUT % 100,) * 2


@pytest.mark.parametrize("limit", [pump.PART, 2 * pump.PART])
def test_a_cut_at_the_end_of_a_part_is_marked(tmp_path, limit):
    assert pumped(tmp_path, limit, b"x" * (limit + 5 * pump.PART)) == (b"x" * limit + output.CUT % limit,) * 2


def test_a_file_that_takes_nothing_stops_neither_job_nor_journal(tmp_path):
    (tmp_path / "kept").symlink_to("/dev/full")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(writing)
            os.dup2(os.open(tmp_path / "journal", os.O_WRONLY | os.O_CREAT), 1)
            pump._pump(reading, os.open("/dev/full", os.O_WRONLY), 1000)
        finally:
            os._exit(0)
    os.close(reading)
    os.write(writing, b"x" * 500)
    os.close(writing)
    os.waitpid(child, 0)
    assert (tmp_path / "journal").read_bytes() == b"x" * 500


def test_keep_copies_no_more_than_the_limit_and_lets_the_file_go(endpoint):
    """The job's user may have written more into the file, which is its own."""
    settings = endpoint(output_limit="1KiB")
    with open(settings.output_file, "wb") as file:
        file.write(b"x" * 100_000)
    output_files.keep(settings, request_id(SECOND))
    kept = output.path(settings, request_id(SECOND))
    assert 1024 <= os.stat(kept).st_size < 1024 + 200
    assert os.stat(kept).st_mode & 0o777 == 0o640
    assert not os.path.exists(settings.output_file)


def test_keep_follows_no_link(endpoint, tmp_path):
    settings = endpoint()
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", settings.output_file)
    with pytest.raises(OSError, match="symbolic"):
        output_files.keep(settings, request_id(SECOND))
    assert names(settings) == []


def test_keep_does_not_wait_for_a_pipe(endpoint):
    settings = endpoint(output_limit="100B")
    os.mkfifo(settings.output_file)
    working = threading.Thread(target=output_files.keep, args=(settings, request_id(SECOND)), daemon=True)
    working.start()
    working.join(5)
    assert not working.is_alive()


# rate


def test_a_rate_is_kept_over_any_span_of_its_length(tmp_path):
    limit = rate_limit.Rate(str(tmp_path / "rate"), 3, 10.0)
    for now in (100.0, 101.0, 105.0):
        assert limit.wait(now) == 0
        limit.count(now)
    assert limit.wait(105.0) == 5
    assert limit.wait(109.5) == 0.5
    assert limit.wait(110.0) == 0
    limit.count(110.0)
    assert limit.wait(110.5) == 0.5


def test_a_rate_survives_in_its_file(tmp_path):
    path = str(tmp_path / "rate")
    first = rate_limit.Rate(path, 1, 60.0)
    first.wait(100.0)
    first.count(100.0)
    first.save()
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert rate_limit.Rate(path, 1, 60.0).wait(130.0) == 30


@pytest.mark.parametrize("content", ["", "x\n", "nan\n", "inf\n", "1\n\n", "\0"])
def test_a_rate_whose_file_is_damaged_begins_anew(tmp_path, content):
    (tmp_path / "rate").write_text(content)
    assert rate_limit.Rate(str(tmp_path / "rate"), 1, 60.0).wait(100.0) == 0


def test_a_clock_that_is_set_back_locks_nobody_out(tmp_path):
    limit = rate_limit.Rate(str(tmp_path / "rate"), 1, 60.0)
    limit.wait(1_000_000.0)
    limit.count(1_000_000.0)
    assert limit.wait(100.0) == 0


@given(st.lists(st.floats(0, 5), max_size=40), st.integers(1, 4), st.floats(1, 10))
def test_no_span_has_more_than_the_rate(steps, count, span):
    limit = rate_limit.Rate("/nonexistent/rate", count, span)
    now, taken = 1000.0, []
    for step in steps:
        now += step
        if limit.wait(now) <= 0:
            limit.count(now)
            taken.append(now)
        assert 0 <= limit.wait(now) <= span + 1e-9
    for start in taken:
        assert sum(start <= moment < start + span - 1e-9 for moment in taken) <= count


# turn


@pytest.mark.parametrize(
    ("stamps", "now", "expected"),
    [
        ([], 100, 0),
        ([100], 100, 10),
        ([100], 109, 1),
        ([100], 110, 0),
        ([100], 115, -5),
        ([100, 108], 110, 8),
        ([100, 119, 128], 129, 1),
        ([100, 129], 129, 1),
        ([100, 200], 200, -70),
    ],
)
def test_when_a_quiet_time_is_over(stamps, now, expected):
    settings = role.endpoint(debounce="10s", debounce_max="30s")
    assert schedule.quiet_in(settings, stamps, now) == expected


# counts and metrics


def test_counts_grow_and_survive(tmp_path):
    path = str(tmp_path / "counts")
    numbers = counts.Counts(path)
    numbers.save()
    assert not os.path.exists(path)
    numbers.add("a")
    numbers.add("seconds", 0.5)
    numbers.save()
    numbers.save()
    numbers.add("a", 2)
    numbers.save()
    assert counts.read(path) == {"a": 3, "seconds": 0.5}
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        ("[]", {}),
        ("{", {}),
        ("5", {}),
        ('{"a": "1"}', {}),
        ('{"a": true, "b": 1}', {"b": 1}),
        ('{"a": [1], "b": {}, "c": null}', {}),
        ("\udcff", {}),
        (json.dumps({f"a{number}": 1 for number in range(20000)}), {}),
    ],
)
def test_a_file_that_holds_no_counts(tmp_path, content, expected):
    (tmp_path / "counts").write_bytes(content.encode(errors="surrogateescape"))
    assert counts.read(str(tmp_path / "counts")) == expected


def test_counts_are_read_from_plain_files_alone(tmp_path):
    (tmp_path / "real").write_text('{"a": 1}')
    (tmp_path / "link").symlink_to("real")
    assert counts.read(str(tmp_path / "link")) == {}
    os.mkfifo(tmp_path / "pipe")
    assert counts.read(str(tmp_path / "pipe")) == {}
    assert counts.read(str(tmp_path)) == {}


def test_the_text_for_prometheus():
    requests = {"accepted": 3, "repeated": 1, "refused 401": 2, "refused 404": 1, "refused 666": 9, 'x"} 1\ny': 1}
    told = {"succeeded": 2, "failed": 1, "seconds": 1.5, "last_success": 1795000000.25, "unheard-of": 7}
    lines = metrics.render(metrics.samples_of("a", requests, told, 4)).splitlines()
    assert [line for line in lines if "refused_total{" in line] == [
        'trigger_requests_refused_total{endpoint="a",reason="unauthorized"} 2',
        'trigger_requests_refused_total{endpoint="a",reason="not-found"} 1',
    ]
    for expected in (
        'trigger_requests_accepted_total{endpoint="a"} 3',
        'trigger_requests_ignored_total{endpoint="a"} 0',
        'trigger_runs_total{endpoint="a",result="succeeded"} 2',
        'trigger_runs_total{endpoint="a",result="timed-out"} 0',
        'trigger_run_seconds_total{endpoint="a"} 1.5',
        'trigger_queue_length{endpoint="a"} 4',
        'trigger_last_success_timestamp_seconds{endpoint="a"} 1795000000.25',
    ):
        assert lines.count(expected) == 1
    assert not [line for line in lines if "unheard" in line or "666" in line or ("}" in line and "{" not in line)]
    assert len([line for line in lines if line.startswith("# TYPE")]) == 8


def test_without_a_success_there_is_no_time_of_one():
    assert "trigger_last_success_timestamp_seconds{" not in metrics.render(metrics.samples_of("a", {}, {}, 0))


def test_an_id_tells_its_second():
    assert entry.second_of(request_id(SECOND + 0.25)) == SECOND + 0.25
