"""A disk that is full, or read-only, below each directory on a request's way: 503 or a run, later."""

import contextlib
import os
import shutil
import subprocess
import time

import pytest
from endpoints import ENDPOINTS, paused
from host import connect, exchange, field, journal, property_of, read_all, run, status, wait_until
from oracle import DIRECTORIES, Oracle, Told

KIB = 1024
SIZE = 1024 * KIB  # of a disk of its own
KEPT = SIZE // 20  # of it for runs and records


def wait_for_acceptor():
    """Until it has left: behind its answer it writes what it has counted."""
    wait_until(lambda: property_of("trigger@plain.service", "ActiveState") == "inactive")


def _umount(path):
    # Acceptors leave first, and the kernel takes their mounts down a little later.
    wait_for_acceptor()
    wait_until(lambda: not os.system(f"umount {path} 2>/dev/null"))


def _show_acceptors():
    """What they see is bound once, and privately: what is mounted later shows after this."""
    wait_for_acceptor()
    run("systemctl", "restart", "trigger-root.service")


@contextlib.contextmanager
def own_disk(path):
    """A small file system instead of a directory, with what was in it; in the end all goes back."""
    kept = f"/root/{os.path.basename(path)}"
    shutil.rmtree(kept, ignore_errors=True)
    os.mkdir(kept)
    like = os.stat(path)
    _move(path, kept)
    options = f"size={SIZE},mode={like.st_mode & 0o7777:o},uid={like.st_uid},gid={like.st_gid}"
    run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path)
    _move(kept, path)
    _show_acceptors()
    try:
        yield
    finally:
        _move(path, kept)
        _umount(path)
        _show_acceptors()
        _move(kept, path)


def _move(source, target):
    for name in os.listdir(source):
        run("cp", "-a", f"{source}/{name}", target)
        os.unlink(f"{source}/{name}")


@contextlib.contextmanager
def full(path):
    filler = f"{path}/.filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(path).f_bavail == 0
    try:
        yield
    finally:
        os.unlink(filler)


@contextlib.contextmanager
def nearly_full(path, left=32 * KIB):
    """A little is left, which runs and records may have, and no request, or as many bytes as are told."""
    with full(path):
        os.truncate(f"{path}/.filler", os.stat(f"{path}/.filler").st_size - left)
        yield


@contextlib.contextmanager
def read_only(path):
    run("mount", "-o", "remount,ro", path)
    try:
        yield
    finally:
        wait_until(lambda: not os.system(f"mount -o remount,rw {path} 2>/dev/null"))


@pytest.mark.parametrize("fault", [full, read_only])
@pytest.mark.parametrize("directory", ["spool", "claimed", "runs"])
def test_a_disk(directory, fault):
    """One request waits when it happens, two come while it lasts, one comes behind it."""
    oracle = Oracle(f"{fault.__name__.replace('_', '-')} disk", "plain", **ENDPOINTS["plain"])
    path = DIRECTORIES[directory].format("plain")
    with own_disk(path):
        with contextlib.ExitStack() as lasting:
            with paused("plain"):
                assert oracle.ask().code == 200
                wait_for_acceptor()
                lasting.enter_context(fault(path))
                oracle.faults += 1
                since = time.time()
                codes = [oracle.ask().code for _ in range(2)]
                # The acceptor writes into none of the other two.
                assert codes == ([503, 503] if directory == "spool" else [200, 200])
            if (directory, fault) != ("spool", full):  # a run needs no room there
                wait_until(lambda: failures(since) >= 2)
        assert oracle.ask().code == 200
        oracle.judge()


def test_a_disk_that_is_nearly_full():
    """Spool and records lie on it, as on most hosts. No request is taken in, what waits is run and recorded, and the
    acceptor that has said so goes on once there is room."""
    oracle = Oracle("nearly full disk", "plain", **ENDPOINTS["plain"])
    path = DIRECTORIES["spool"].format("plain")
    with own_disk(path):
        since = time.time()
        with paused("plain"):
            assert oracle.ask().code == 200
            wait_for_acceptor()
            with nearly_full(path):
                oracle.faults += 1
                assert [oracle.ask().code for _ in range(3)] == [503] * 3
                told = journal("trigger@plain.service", since)
                assert f"KiB are free where {path} lies" in told
                assert "make room there" in told
                assert "the spool takes no entry" not in told  # after which it would leave
                told = subprocess.run(["triggerctl", "doctor"], capture_output=True, text=True).stdout
                assert "requests are answered 503" in told
            assert oracle.ask().code == 200
        oracle.judge()


def test_requests_whose_heads_have_passed_leave_what_is_kept():
    """All have come before the disk was nearly full, and become complete when it is."""
    oracle = Oracle("nearly full disk", "plain", **ENDPOINTS["plain"])
    path = DIRECTORIES["spool"].format("plain")
    with own_disk(path):
        with paused("plain"), contextlib.ExitStack() as stack:
            clients = {f"late{number}": stack.enter_context(connect(3000)) for number in range(60)}
            for word, client in clients.items():
                client.sendall(f"POST /?{word} HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n".encode())
            assert status(exchange(3000, b"BREW / HTTP/1.1\r\nHost: test\r\n\r\n")) == 405  # so all of that is read
            with nearly_full(path, KEPT + 100 * KIB):
                oracle.faults += 1
                for client in clients.values():
                    client.sendall(b"x" * 9)
                for word, client in clients.items():
                    answer = read_all(client)
                    oracle.told.append(Told(word, status(answer), field(answer, "X-Request-Id")))
                assert {client.code for client in oracle.told} == {200, 503}
                left = os.statvfs(path)
                assert left.f_bavail * left.f_frsize >= KEPT
        oracle.judge()


def failures(since):
    """How often a run could not begin or end."""
    told = "UNIT=trigger-dispatch@plain.service"
    run("journalctl", "--sync")
    return run("journalctl", "-q", f"--since=@{since:.6f}", "--output=cat", told).count("Failed with result")
