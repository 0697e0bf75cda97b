"""The oracle sees what it is there to see: each doctored account of what happened meets its complaint."""

import pytest
from oracle import Seen, Told, complaints

TOLD = [Told("a", 200, "1"), Told("b", 200, "2"), Told("c", 503, None), Told("d", None, None)]
LOG = [("1", "a"), ("2", "b"), ("3", "d")]
RECORDS = [{"id": name, "requests": [name], "state": "succeeded"} for name in "123"]
LEFT = {"spool": [".counts"], "claimed": [".lock", ".invocation"], "runs": ["1.json", "2.json", "2.output", "3.json"]}


def _record(name, state, *requests):
    return {"id": name, "requests": list(requests) or [name], "state": state}


def test_what_is_well_meets_no_complaint():
    assert complaints(TOLD, Seen(LOG, RECORDS, LEFT, [])) == []


@pytest.mark.parametrize("state", ["interrupted", "failed", "timed-out"])
@pytest.mark.parametrize("log", [LOG, [LOG[0], LOG[2]]])
def test_a_run_that_ended_otherwise_may_have_begun_or_not(state, log):
    assert complaints(TOLD, Seen(log, [RECORDS[0], _record("2", state), RECORDS[2]], LEFT, [])) == []


def test_one_run_may_serve_several():
    records = [_record("2", "succeeded", "1", "2"), RECORDS[2]]
    assert complaints(TOLD, Seen(LOG[1:], records, {**LEFT, "runs": []}, [])) == []


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"records": RECORDS[1:], "log": LOG[1:]}, "Told(word='a', code=200, request='1') was accepted and is missing"),
        ({"records": [_record("1", "damaged"), *RECORDS[1:]], "log": LOG[1:]}, "was accepted and is missing"),
        ({"records": [*RECORDS, _record("4", "failed", "1")]}, "1 is in 2 records"),
        ({"records": [*RECORDS, _record("4", "failed")]}, "were recorded, but only 1 clients have no answer"),
        ({"log": [LOG[0], *LOG]}, "1 (a) ran 2 times"),
        ({"log": [*LOG, ("4", "a")]}, "a ran 2 times, as different requests"),
        ({"log": [*LOG, ("4", "c")]}, "4 (c) ran, and its client was told 503"),
        ({"log": [*LOG, ("4", "e")]}, "4 (e) ran, and nobody asked for it"),
        ({"records": RECORDS[:2]}, "3 (d) ran, and has no record"),
        ({"log": LOG[1:]}, "1 is recorded as succeeded, and did not run"),
        ({"log": [LOG[1], LOG[0], LOG[2]]}, "they did not run in the order in which they were accepted"),
        ({"left": {**LEFT, "spool": [".draft-1"]}}, ".draft-1 is left in spool"),
        ({"left": {**LEFT, "claimed": ["1"]}}, "1 is left in claimed"),
        ({"left": {**LEFT, "runs": ["1.json.new"]}}, "1.json.new is left in runs"),
        ({"down": ["trigger@plain.socket"]}, "trigger@plain.socket is down"),
    ],
)
def test_what_is_wrong_is_seen(changed, complaint):
    seen = Seen(LOG, RECORDS, LEFT, [])._replace(**changed)
    assert any(complaint in found for found in complaints(TOLD, seen))
