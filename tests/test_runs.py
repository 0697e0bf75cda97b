"""Where a request is found, from its spool to its record, and its output while it grows; on real directories."""

import os

import pytest
from run_files import SECOND, put, record, request_id

from trigger import output, records, runs


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


def test_output_of_a_run_that_had_not_begun_is_not_waited_for(endpoint):
    """Its request waits again, and the next run for it prints into another file."""
    settings = endpoint()
    one = request_id(SECOND)
    put(settings, "spool", one)
    put(settings, "claimed", one)
    with open(settings.output_file, "wb"):
        pass
    source = runs.Output(runs.Runs(settings), one, follow=True)
    assert source.read() is None
    os.unlink(f"{settings.claimed}/{one}")
    assert source.read() is None
    os.unlink(settings.output_file)
    put(settings, "claimed", one)
    with open(settings.output_file, "wb") as file:
        file.write(b"begun")
    assert source.read() == b"begun"
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
