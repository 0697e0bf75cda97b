"""A secret was changed while it was in use, as verify.yml did it: first both count, then the new one alone."""

import json
import re
from pathlib import Path

from callers import PORTS, SECRETS, bearer, request, stranger
from host import exchange, journal, request_id, run, status, wait_until


def test_no_request_with_a_secret_that_counted_was_refused_or_lost():
    run("systemctl", "stop", "load.service")
    result = Path("/root/load.json")
    load = json.loads(wait_until(lambda: result.exists() and result.read_text()))
    print(load["answers"])
    assert load["errors"] == []
    assert set(load["answers"]) == {SECRETS["old"], SECRETS["new"]}


def test_the_journal_tells_how_far_the_senders_have_changed():
    """The old secret alone, the old one of two, the new one of two, the new one alone."""
    used = re.findall(r" auth=(\S+) ", journal("trigger@rotating.service"))
    assert "token[2]" in used
    assert used[0] == used[-1] == "token[1]"


def test_only_the_new_one_counts_in_the_end():
    answer = exchange(PORTS["rotating"], request(fields=[bearer(SECRETS["old"])]), stranger())
    assert status(answer) == 401
    request_id(exchange(PORTS["rotating"], request(fields=[bearer(SECRETS["new"])])))
