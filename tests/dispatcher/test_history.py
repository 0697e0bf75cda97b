"""What is kept of runs, and for how long; on real directories."""

import os

from run_files import SECOND, record, request_id

from trigger import counts, output, records


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


def test_what_was_taken_back_is_pushed_out_by_its_like_alone(endpoint):
    """Neither by runs nor by garbage, nor does it push those out."""
    settings = endpoint(keep_runs=2)
    ids = [request_id(SECOND + number) for number in range(30)]
    told = ({"started": SECOND}, {"started": None, "state": "cancelled"}, {"started": None, "state": "damaged"})
    for kind, outcome in enumerate(told):
        for each in ids[10 * kind : 10 * (kind + 1)]:
            record(settings, [each], **outcome)
    assert names(settings) == [f"{each}.json" for kind in (0, 10, 20) for each in ids[kind + 8 : kind + 10]]


def test_runs_are_counted_where_there_are_metrics(endpoint):
    settings = endpoint(metrics=True)
    record(settings, [request_id(SECOND)], finished=SECOND + 1.5)
    record(settings, [request_id(SECOND + 1)], state="failed")
    last = record(settings, [request_id(SECOND + 2)], started=None, state="damaged")
    told = counts.read(settings.run_counts)
    assert (told["succeeded"], told["failed"], told["damaged"]) == (1, 1, 1)
    assert told["last_success"] == SECOND + 1.5
    assert last["duration"] is None
