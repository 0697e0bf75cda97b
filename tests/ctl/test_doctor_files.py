"""doctor: whom the files of an endpoint belong to, and who may read them."""

import grp
import os
import pwd
import stat
import subprocess

import pytest
from page_host import record
from run_files import JOB, SECOND, request_id

from trigger import output, records
from trigger.ctl.doctor import files
from trigger.dispatcher import history

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files are to be root's")

ONE, TWO, THREE = (request_id(SECOND, number) for number in range(3))


@pytest.fixture
def kept(endpoint):
    """An endpoint whose files of runs are as the dispatcher writes them: a run of two requests with its output, one
    that did not begin, and a file that was none."""
    made = endpoint(output_limit="1KiB")
    made.user = "root"  # a group that is there
    os.chmod(made.runs, 0o2750)
    with open(made.output_file, "w"):
        pass
    record(made, ONE, TWO)
    record(made, THREE, state="cancelled", started=None)
    history.write_damaged(made, request_id(SECOND + 1), "it is empty")
    assert os.path.exists(output.path(made, TWO))
    return made


def found(made):
    told = [(each.what, each.mend) for each in files.findings(made, JOB)]
    return [(what, mend) for what, mend in told if made.runs in what or made.served in what]


def look(path):
    status = os.stat(path)
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


def test_what_the_dispatcher_writes_is_well(kept):
    assert found(kept) == []


@pytest.mark.parametrize(
    ("owner", "group", "mode"), [(0, 0, 0o600), (0, 1, 0o640), (1, 0, 0o640), (0, 0, 0o644), (0, 0, 0o660)]
)
@pytest.mark.parametrize("where", [records.path, output.path])
def test_a_record_or_output_that_came_back_from_a_backup(kept, where, owner, group, mode):
    path = where(kept, TWO)
    os.chown(path, owner, group)
    os.chmod(path, mode)
    ((what, mend),) = found(kept)
    assert f" of 1 file in {kept.runs}, " in what and os.path.basename(path) in what
    subprocess.run(["sh", "-c", mend], check=True)
    assert look(path) == (0, 0, 0o640)
    assert found(kept) == []


def test_many_are_told_at_once_and_mended_by_one_command(kept):
    for name in os.listdir(kept.runs):
        os.chmod(f"{kept.runs}/{name}", 0o600)
    ((what, mend),) = found(kept)
    assert f" of 4 files in {kept.runs}, " in what
    subprocess.run(["sh", "-c", mend], check=True)
    assert found(kept) == []


def test_what_is_no_file_is_told_as_a_damaged_record_alone(kept):
    os.mkdir(records.path(kept, request_id(SECOND + 2)))
    os.symlink("/etc/passwd", records.path(kept, request_id(SECOND + 3)))
    assert all("is not a run's record" in what for what, _ in found(kept)) and len(found(kept)) == 2


@pytest.mark.parametrize(("group", "mode"), [(1, 0o710), (0, 0o700), (0, 0o2710), (0, 0o755)])
def test_the_links_of_requests_that_were_served_together(kept, group, mode):
    """Below a directory that is setgid, which a copy of it becomes, too."""
    os.chown(kept.served, 0, group)
    os.chmod(kept.served, mode)
    for _ in range(2):  # the owner, and then the mode, which a change of the owner may change
        for _what, mend in found(kept):
            subprocess.run(["sh", "-c", mend], check=True)
    assert look(kept.served) == (0, 0, 0o710)
    assert found(kept) == []


def test_before_the_first_record_there_are_no_links(endpoint):
    made = endpoint()
    made.user = "root"
    os.chmod(made.runs, 0o2750)
    assert found(made) == []


KEPT = ("deliveries", "rate", "request_counts")


@pytest.fixture
def spool(endpoint):
    """An endpoint whose acceptor, daemon, keeps all that one can keep."""
    made = endpoint()
    made.user = "daemon"
    made.deliveries, made.rate = f"{made.spool}/.deliveries", f"{made.spool}/.rate"
    for key in KEPT:
        path = getattr(made, key)
        with open(path, "w"):
            pass
        os.chown(path, *DAEMON)
        os.chmod(path, 0o600)
    return made


DAEMON = pwd.getpwnam("daemon").pw_uid, grp.getgrnam("daemon").gr_gid


def told_of(made, key):
    path = getattr(made, key)
    found = [each for each in files.findings(made, JOB) if path in each.what]
    assert all(each.endpoint == made.name and each.severity == "problem" for each in found)
    return [each.mend for each in found]


@pytest.mark.parametrize("key", KEPT)
@pytest.mark.parametrize(("owner", "mode"), [((0, 0), 0o600), ((DAEMON[0], 0), 0o600), (DAEMON, 0), (DAEMON, 0o444)])
def test_what_the_acceptor_keeps_came_back_from_a_backup(spool, key, owner, mode):
    """It may not open it, and so answers nobody, or counts anew."""
    path = getattr(spool, key)
    os.chown(path, *owner)
    os.chmod(path, mode)
    (mend,) = told_of(spool, key)
    subprocess.run(["sh", "-c", mend], check=True)
    assert look(path) == (*DAEMON, 0o600)
    assert [told_of(spool, key) for key in KEPT] == [[], [], []]


@pytest.mark.parametrize("key", KEPT)
def test_what_the_acceptor_keeps_is_a_file_or_not_there(spool, key):
    os.unlink(getattr(spool, key))
    assert told_of(spool, key) == []
    os.symlink("/etc/passwd", getattr(spool, key))
    assert len(told_of(spool, key)) == 1


# The job's working directory


def test_a_working_directory_that_may_be_missing(endpoint, tmp_path):
    """WorkingDirectory=-/srv/app, which systemd shows with a `!`."""
    path = str(tmp_path / "gone")

    def told(directory):
        found = files.findings(endpoint(), {**JOB, "WorkingDirectory": directory})
        return [each.what for each in found if path in each.what]

    assert told("!" + path) == []
    assert told(path) == [f"the working directory {path} is missing, so the job cannot start"]
    os.mkdir(path)
    assert told(path) == []
