"""Files that are replaced as a whole, on a real file system."""

import os
import resource
import stat

import pytest

from trigger import atomic_file


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "file")


def content(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids="{:04o}".format)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o440])
def test_its_mode_is_the_same_whatever_the_umask_is(path, umask, mode):
    for text in (b"old", b"new"):
        atomic_file.replace(path, text, mode)
        assert stat.S_IMODE(os.stat(path).st_mode) == mode
    assert os.listdir(os.path.dirname(path)) == ["file"]


def test_who_has_the_old_one_open_reads_it_to_the_end(path):
    atomic_file.replace(path, b"old")
    with open(path, "rb") as file:
        atomic_file.replace(path, b"new and longer")
        assert file.read() == b"old"
    assert content(path) == b"new and longer"


@pytest.mark.parametrize("suffix", ["", ".new"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_nobody_leads_it_to_another_file(path, tmp_path, suffix, link):
    victim = tmp_path / "victim"
    victim.write_bytes(b"other")
    link(victim, path + suffix)
    atomic_file.replace(path, b"mine")
    assert (content(path), victim.read_bytes()) == (b"mine", b"other")
    assert not os.path.islink(path)
    assert sorted(os.listdir(tmp_path)) == ["file", "victim"]


def test_what_a_killed_one_left_is_no_obstacle(path):
    with open(path + ".new", "wb") as file:
        file.write(b"half and much longer than the whole")
    atomic_file.replace(path, b"whole")
    assert content(path) == b"whole"


def test_what_cannot_be_written_leaves_the_old_one(path):
    atomic_file.replace(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            atomic_file.replace(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert content(path) == b"old"
    assert os.listdir(os.path.dirname(path)) == ["file"]


@pytest.mark.parametrize("durable", [True, False])
def test_it_is_flushed_before_it_has_its_name_and_its_name_after(path, monkeypatch, durable):
    seen = []
    flush = os.fsync

    def watched(fd):
        flush(fd)
        seen.append((os.path.basename(os.readlink(f"/proc/self/fd/{fd}")), os.path.exists(path), os.fstat(fd).st_size))

    monkeypatch.setattr(os, "fsync", watched)
    atomic_file.replace(path, b"12345", durable=durable)
    names = [(name, is_there) for name, is_there, _ in seen]
    assert names == ([("file.new", False), (os.path.basename(os.path.dirname(path)), True)] if durable else [])
    assert not durable or seen[0][2] == 5


def test_its_group_is_the_one_that_is_asked_for(path):
    for group in {*os.getgroups(), os.getegid()}:
        atomic_file.replace(path, b"", 0o640, group)
        assert os.stat(path).st_gid == group


def test_a_directory_that_is_gone(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic_file.replace(str(tmp_path / "gone" / "file"), b"")
