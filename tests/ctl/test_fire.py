"""triggerctl fire --json --wait: what is told of a run that goes on."""

import json

import pytest
from run_files import SECOND, put, request_id

from trigger.ctl import fire, follow
from trigger.ctl.errors import NOT_IN_TIME, Failure
from trigger.ctl.terminal import Screen

ID = request_id(SECOND)


def interrupt(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["spool", "claimed"])
@pytest.mark.parametrize("is_over", [True, False], ids=["time over", "interrupted"])
def test_a_run_that_goes_on_is_told_as_it_is(endpoint, monkeypatch, capsys, where, is_over):
    settings = endpoint()
    put(settings, "spool", ID)
    put(settings, where, ID)
    if where == "claimed":
        with open(settings.output_file, "w") as file:
            file.write("so far")
    if not is_over:
        monkeypatch.setattr(follow.time, "sleep", interrupt)
    with pytest.raises(Failure if is_over else KeyboardInterrupt) as ended:
        fire._wait(settings, ID, 0.0 if is_over else float("inf"), Screen(as_json=True))
    assert not is_over or ended.value.status == NOT_IN_TIME
    told = json.loads(capsys.readouterr().out)
    expected = ("running", "so far") if where == "claimed" else ("queued", "")
    assert (told["id"], told["endpoint"], told["state"], told["output"]) == (ID, "a", *expected)


def test_one_that_is_no_longer_known_is_told_without_a_state(endpoint, capsys):
    settings = endpoint()  # its entry is gone, and no record is kept
    with pytest.raises(Failure, match="no longer known"):
        fire._wait(settings, ID, float("inf"), Screen(as_json=True))
    told = json.loads(capsys.readouterr().out)
    assert told == {"id": ID, "endpoint": "a", "state": None, "output": ""}
