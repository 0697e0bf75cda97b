"""An endpoint that a play does not name stays as an earlier release left it, while the programs are those of now."""

import json
from pathlib import Path

from host import exchange, request_id, run, wait_for_record


def test_its_configuration_is_the_old_one_and_it_serves():
    assert "exec_limit" not in json.loads(Path("/etc/trigger/left.json").read_text())
    identifier = request_id(exchange("/run/trigger/left.sock"))
    assert wait_for_record("left", identifier)["state"] == "succeeded"
    assert identifier in run("triggerctl", "runs", "left")
