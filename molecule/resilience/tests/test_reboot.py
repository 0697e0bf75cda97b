"""A reboot with requests pending and a run under way."""

import json
from pathlib import Path

from host import exchange, is_active, request_id, run, wait_for_record, wait_until_running

ANSWERED = Path("/root/answered.json")


def test_before():
    """The first of fifty is running, the others wait. The job is made slow enough for the reboot."""
    job = Path("/usr/local/lib/trigger/jobs/pending")
    job.write_text('#!/bin/sh\necho "$TRIGGER_REQUEST_ID" >> "$STATE_DIRECTORY/log"\n[ ! -e /run/slow ] || sleep 300\n')
    Path("/run/slow").touch()
    ids = [request_id(exchange(3003)) for _ in range(50)]
    wait_until_running("pending", ids[0])
    ANSWERED.write_text(json.dumps(ids))


def test_after():
    ids = json.loads(ANSWERED.read_text())
    states = [wait_for_record("pending", identifier, 120)["state"] for identifier in ids]
    assert states == ["interrupted"] + ["succeeded"] * 49
    ran = Path("/var/lib/trigger/pending/job/log").read_text().split()
    assert ran == ids
    assert is_active("trigger@pending.socket")
    assert is_active("trigger-run@pending.path")
    run("systemctl", "is-enabled", "trigger@pending.socket", "trigger-run@pending.path")
