"""Configurations of earlier releases, as the programs of this one read them."""

import json

import front

from trigger import endpoint

# The keys that the first release wrote, as far as somebody still reads them.
FIRST = [
    "path",
    "methods",
    "response",
    "when_busy",
    "queue_limit",
    "body_limit",
    "linger",
    "request_timeout",
    "auth",
    "allow_from",
    "allow_origins",
    "replay_window",
    "parameters",
    "known_names",
    "only_if",
    "pass_headers",
    "body",
    "command",
    "job_user",
    "keep_runs",
]


def test_what_an_earlier_release_wrote_lacks_nothing(tmp_path):
    """Whoever adds a key says there what its absence means."""
    now = json.loads(front.configuration(front.endpoint(), front=False))
    before = {key: now[key] for key in FIRST}
    for name, content in (("now", now), ("before", before)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    known = vars(endpoint.load("before", str(tmp_path)))
    assert known.keys() == vars(endpoint.load("now", str(tmp_path))).keys()
    assert {key: known[key] for key in FIRST} == before
    assert known["description"] == "before"


def test_no_value_is_assumed_where_one_is_written(tmp_path):
    written = json.loads(front.configuration(front.endpoint(wait="5s", description="x"), front=False))
    (tmp_path / "hello.json").write_text(json.dumps(written))
    known = vars(endpoint.load("hello", str(tmp_path)))
    assert {key: known[key] for key in written} == written
