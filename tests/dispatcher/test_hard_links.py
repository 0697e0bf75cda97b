"""Many names of one file, on a real file system and to its limit."""

import errno
import os
from contextlib import contextmanager

import pytest

from trigger.dispatcher import hard_links

MORE_THAN_EXT4_HAS = 65_002


@contextmanager
def opened(path):
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield directory
    finally:
        os.close(directory)


def make(directory):
    made = []

    def make(name):
        made.append(name)
        os.symlink("target", name, dir_fd=directory)

    return make, made


def inodes(path):
    return {os.lstat(path / name).st_ino for name in os.listdir(path)}


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"], ["a", "b", "c"]])
def test_all_names_are_of_one_file(tmp_path, names):
    with opened(tmp_path) as directory:
        does, made = make(directory)
        hard_links.name_all(names, directory, does)
    assert sorted(os.listdir(tmp_path)) == names and made == names[:1]
    assert {os.readlink(tmp_path / name) for name in names} == ({"target"} if names else set())
    assert len(inodes(tmp_path)) == len(names[:1])


def test_what_had_a_name_loses_it(tmp_path):
    (tmp_path / "b").write_text("of a process that was killed")
    os.symlink("elsewhere", tmp_path / "a")
    os.link(tmp_path / "a", tmp_path / "c", follow_symlinks=False)
    with opened(tmp_path) as directory:
        hard_links.name_all(["a", "b", "c"], directory, make(directory)[0])
    assert [os.readlink(tmp_path / name) for name in "abc"] == ["target"] * 3


def test_where_a_file_has_as_many_names_as_it_may_another_one_is_made(tmp_path):
    names = [str(number) for number in range(MORE_THAN_EXT4_HAS)]
    with opened(tmp_path) as directory:
        does, made = make(directory)
        hard_links.name_all(names, directory, does)
    assert len(os.listdir(tmp_path)) == len(names)
    assert len(inodes(tmp_path)) == len(made)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK])
def test_where_a_file_has_one_name_each_gets_its_own(tmp_path, monkeypatch, number):
    def link(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    with opened(tmp_path) as directory:
        does, made = make(directory)
        hard_links.name_all(["a", "b", "c"], directory, does)
    assert sorted(os.listdir(tmp_path)) == made == ["a", "b", "c"]


def test_another_error_is_told(tmp_path):
    with opened(tmp_path) as directory, pytest.raises(OSError, match="too long"):
        hard_links.name_all(["a", "b" * 300], directory, make(directory)[0])
