"""What a run prints: how much of it is kept, what the journal has, and what becomes of the processes behind it."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from background import Background
from client import PORTS, acceptor_pid, ask, do, fire, output_of, peak_memory, pumps, told, wait_for_state
from host import (
    connect,
    exchange,
    field,
    journal,
    record_of,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
)

LIMIT = 64 * 1024  # of `much`
CUT = b"\n[what follows is cut off: output_limit is 65536 bytes]\n"
MEMORY = 40  # MiB


def numbers(count):
    """The first so many bytes of the job's `write`."""
    text = b"".join(b"%099d\n" % number for number in range(1, count // 100 + 2))
    return text[:count]


@pytest.mark.parametrize("count", [1, 100, LIMIT - 1, LIMIT])
def test_what_keeps_the_limit_is_kept_whole(count):
    answer = do("much", "write", bytes=count)
    assert (answer.status, answer.body == numbers(count)) == (200, True)


@pytest.mark.parametrize("count", [LIMIT + 1, 2 * LIMIT, 10 * LIMIT + 7])
def test_what_is_too_much_is_cut_and_marked(count):
    """Also where a part that the pump reads ends just at the limit."""
    since = time.time()
    answer = do("much", "write", bytes=count)
    assert (answer.status, answer.headers["X-Run-State"]) == (200, "succeeded")
    assert answer.body.startswith(numbers(LIMIT))
    assert answer.body[LIMIT:] == CUT
    assert output_of("much", answer.headers["X-Request-Id"]) == answer.body
    assert CUT.decode().strip() in journal("trigger-run@much.service", since)


def test_both_streams_are_kept_in_order_and_stand_in_the_journal():
    since = time.time()
    request = fire("act", "orders")
    wait_for_state("act", request, "succeeded")
    lines = [f"{stream} {number}" for number in range(1, 6) for stream in ("out", "err")]
    assert output_of("act", request).decode().splitlines() == lines
    told_there = [line for line in journal("trigger-run@act.service", since).splitlines() if line in lines]
    assert told_there == lines


def test_output_belongs_to_its_run_alone():
    """Also that of a run which prints nothing, after one which printed."""
    first = do("much", "write", bytes=10)
    second = do("much", "alone")
    assert (first.body, second.body) == (numbers(10), b"")
    files = Path("/var/lib/trigger/much/runs")
    for answer, size in ((first, 10), (second, 0)):
        status = Path(files, answer.headers["X-Request-Id"] + ".output").stat()
        assert (status.st_size, status.st_mode & 0o777, status.st_uid) == (size, 0o640, 0)


def disk_use(*paths):
    """In KiB. Nothing may go there meanwhile."""
    return sum(int(line.split()[0]) for line in subprocess.check_output(["du", "-sk", *paths], text=True).splitlines())


def test_a_job_that_prints_a_gigabyte_fills_nothing():
    wait_until_idle("much")
    places = ["/var/lib/trigger/much", "/var/spool/trigger/much", "/var/log/journal", "/run/log/journal"]
    places = [place for place in places if os.path.exists(place)]
    before = disk_use(*places)
    waiting = Background(do, "much", "gigabyte")
    pid = wait_until(lambda: acceptor_pid("much"))
    pump = wait_until(lambda: pumps("much"))[0]
    with connect(PORTS["much"]):  # who says nothing keeps the acceptor until it has been looked at
        peak = 0
        while waiting.is_alive():
            try:
                peak = max(peak, peak_memory(pump))
            except (FileNotFoundError, ProcessLookupError, TypeError):
                break  # it has ended
        answer = waiting.result()
        assert acceptor_pid("much") == pid
        assert peak_memory(pid) < MEMORY
    assert (answer.status, answer.body) == (200, b"x" * LIMIT + CUT)
    assert 0 < peak < MEMORY
    wait_until_idle("much")
    # A journal of which a file is opened anew grows by 8 MiB at once.
    assert disk_use(*places) - before < 20 * 1024


def test_children_that_keep_the_output_open_end_with_the_run():
    """They are in a session of their own, and take no notice of SIGTERM: kill_after is a second. The run has ended as
    its job did, and the next one begins when they are gone."""
    answer = do("act", "fork")
    assert (answer.status, answer.headers["X-Run-State"], answer.body) == (200, "succeeded", b"forked\n")
    assert do("act").status == 200
    child = Path("/var/lib/trigger/act/job/child").read_text().strip()
    assert not Path("/proc", child).exists()


def test_the_job_sees_nothing_of_what_surrounds_it():
    answer = do("act", "look")
    names = {line.partition("=")[0] for line in answer.body.decode().splitlines()}
    assert "TRIGGER_REQUEST_ID" in names
    hidden = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "JOURNAL_STREAM"}
    assert not names & hidden
    descriptors = answer.body.decode().splitlines()[-1].split()
    assert descriptors == ["0", "1", "2", "3"]  # 3 is the directory that ls lists


# output: cgi


def page(which):
    return ask("page", f"/?page={which}")


def test_a_page_has_the_head_that_the_job_printed():
    since = time.time()
    answer = page("plain")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.body == b"<p>hello</p>\n"
    request = answer.headers["X-Request-Id"]
    assert (answer.headers["Location"], answer.headers["X-Run-State"]) == (None, "succeeded")
    assert b"journal alone" not in output_of("page", request)
    wait_until(lambda: "for the journal alone" in journal("trigger-run@page.service", since))


def test_a_page_may_have_another_status():
    answer = page("status")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (404, "text/plain", b"gone\r\n")


def test_a_page_may_send_the_client_elsewhere():
    answer = page("redirect")
    assert (answer.status, answer.headers.get_all("Location")) == (302, ["https://example.org/elsewhere"])


def test_a_page_of_no_content_has_none():
    """A 204 ends with its head (RFC 9112, section 6.3), and has no Transfer-Encoding (6.1)."""
    answer = exchange(PORTS["page"], b"GET /?page=empty HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status(answer) == 204
    assert answer.endswith(b"\r\n\r\n")
    assert field(answer, "Transfer-Encoding") is None


def test_a_large_page_arrives_whole():
    answer = page("large")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/octet-stream")
    assert answer.body == b"x" * 900000


@pytest.mark.parametrize("which", ["headless", "nothing", "endless", "twice"])
def test_a_page_without_a_proper_head_is_a_bad_gateway(which):
    answer = page(which)
    assert answer.status == 502
    assert b"CGI" in answer.body
    assert b"just text" not in answer.body and b"X-1" not in answer.body


def test_a_bad_gateway_names_the_request_too():
    """Its run did take place, and somebody has to find it."""
    answer = page("headless")
    assert answer.status == 502
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["X-Request-Id"] or "")
    assert record_of("page", answer.headers["X-Request-Id"])["state"] == "succeeded"


def test_a_page_of_a_run_that_failed_is_no_page():
    answer = page("broken")
    assert (answer.status, answer.headers["X-Run-Exit-Code"]) == (500, "4")


def test_a_page_can_be_declined():
    answer = ask("page", "/?page=plain", Prefer="respond-async")
    request = answer.headers["X-Request-Id"]
    assert (answer.status, answer.headers["Location"]) == (202, f"/runs/{request}")
    assert wait_for_record("page", request)["state"] == "succeeded"
    assert output_of("page", request).startswith(b"Content-Type: text/html; charset=utf-8\n\n<p>")
    assert told("page", request)["exit_code"] == 0
