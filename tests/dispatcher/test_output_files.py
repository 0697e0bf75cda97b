"""What root keeps of what a job has printed: the file is the job's user's."""

import os
import resource
from contextlib import closing

import pytest
from run_files import SECOND, request_id

from trigger import entry, output, records
from trigger.dispatcher import output_files
from trigger.dispatcher.claims import Claims
from trigger.dispatcher.recorder import Recorder


def test_keep_copies_no_more_than_the_limit_and_lets_the_file_go(endpoint):
    """The job's user may have written more into the file, which is its own."""
    settings = endpoint(output_limit="1KiB")
    with open(settings.output_file, "wb") as file:
        file.write(b"x" * 100_000)
    output_files.keep(settings, request_id(SECOND), settings.output_file)
    kept = output.path(settings, request_id(SECOND))
    assert 1024 <= os.stat(kept).st_size < 1024 + 200
    assert os.stat(kept).st_mode & 0o777 == 0o640
    assert not os.path.exists(settings.output_file)


def test_what_cannot_be_kept_leaves_its_room_to_the_record(endpoint):
    """As on a disk that is full: neither a part of the copy stays, nor what it was made of."""
    settings = endpoint(output_limit="1KiB")
    with open(settings.output_file, "wb") as file:
        file.write(b"x" * 1000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            output_files.keep(settings, request_id(SECOND), settings.output_file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(settings.runs) == []
    assert not os.path.exists(settings.output_file)


def test_it_is_kept_once_a_shortage_is_over_that_is_not_the_disks(endpoint):
    """As of open files, which anything on the host may have used up for a moment: the run is recorded with it then."""
    settings, run = endpoint(output_limit="1KiB"), request_id(SECOND)
    settings.user = "root"
    with open(f"{settings.spool}/{run}", "wb") as file:
        file.write(entry.encode([(b"TRIGGER_REQUEST_ID", run.encode())]))
    said = []
    with closing(Claims(settings)) as claims:
        claims.take(claims.waiting(), "0" * 32)
        with open(settings.output_file, "w") as file:
            file.write("precious")
        recorder = Recorder(settings, claims, None, said.append)
        noted = recorder.note(run, {"state": "succeeded"})
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        left = os.open("/dev/null", os.O_RDONLY)
        os.close(left)
        resource.setrlimit(resource.RLIMIT_NOFILE, (left + 1, before[1]))  # one more, and a copy takes two
        try:
            with pytest.raises(OSError, match="Too many open files"):
                recorder.record([run], noted)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert not records.has(settings, run)
        recorder.record([run], noted)
    with open(output.path(settings, run)) as file:
        assert file.read() == "precious"
    assert said == [f"run {run} succeeded"]
    assert not os.path.exists(settings.output_file)


def test_the_acceptor_may_read_it_from_the_first_moment_on(endpoint, monkeypatch):
    """Who follows the run opens it as soon as it is there."""
    settings = endpoint(output_limit="1KiB")
    monkeypatch.setattr(os, "fchmod", lambda *_: None)  # it would come too late
    before = os.umask(0o022)  # as the dispatcher has it
    try:
        fd = output_files.create(settings)
    finally:
        os.umask(before)
    assert os.fstat(fd).st_mode & 0o777 == 0o640
    os.close(fd)


def test_keep_follows_no_link(endpoint, tmp_path):
    settings = endpoint()
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", settings.output_file)
    with pytest.raises(OSError, match="symbolic"):
        output_files.keep(settings, request_id(SECOND), settings.output_file)
    assert os.listdir(settings.runs) == []


def test_keep_does_not_wait_for_a_pipe(endpoint):
    settings = endpoint(output_limit="100B")
    os.mkfifo(settings.output_file)
    with pytest.raises(OSError, match="not a plain file"):
        output_files.keep(settings, request_id(SECOND), settings.output_file)
