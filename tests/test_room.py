"""What a disk must have left for requests to be accepted."""

from types import SimpleNamespace

import pytest

from trigger import room
from trigger.ctl.doctor import host

MIB = 1024**2
LARGE = {"f_frsize": 4096, "f_blocks": 10**7, "f_bavail": 10**6, "f_files": 10**6, "f_favail": 10**5}


def disk(**changes):
    return SimpleNamespace(**{**LARGE, **changes})


def blocks(size):
    return size // 4096


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"f_bavail": blocks(room.FREE)},
        {"f_files": 0, "f_favail": 0},  # btrfs counts none
        {"f_favail": room.INODES},
        # a small disk, of which as much would be all
        {"f_blocks": blocks(MIB), "f_bavail": blocks(MIB // 10)},
        {"f_files": 100, "f_favail": 10},
        {"f_blocks": 0, "f_bavail": 0},
    ],
)
def test_a_disk_with_room(changes):
    assert room.lack("/spool", disk(**changes)) is None
    assert not any("503" in finding.what for finding in host.room("/var/spool/trigger", disk(**changes)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"f_bavail": blocks(room.FREE) - 1}, "KiB are free"),
        ({"f_bavail": 0}, "0 KiB are free"),
        ({"f_favail": room.INODES - 1}, "inodes are free"),
        ({"f_blocks": blocks(MIB), "f_bavail": blocks(MIB // 32)}, "32 KiB are free"),
        ({"f_files": 100, "f_favail": 4}, "4 inodes are free"),
    ],
)
def test_a_disk_that_is_nearly_full(changes, told):
    lack = room.lack("/spool", disk(**changes))
    assert told in lack
    assert "/spool" in lack
    (finding,) = host.room("/var/spool/trigger", disk(**changes))
    assert "requests are answered 503" in finding.what
    (finding,) = host.room("/var/lib/trigger", disk(**changes))
    assert "503" not in finding.what


@pytest.mark.parametrize(
    ("changes", "entries", "size", "told"),
    [
        ({"f_bavail": blocks(room.FREE) + 2}, 1, 0, None),
        ({"f_bavail": blocks(room.FREE) + 2}, 1, 1, "32767 KiB would be free"),
        ({"f_bavail": blocks(room.FREE) + 19}, 10, 0, "32764 KiB would be free"),
        ({"f_blocks": blocks(MIB), "f_bavail": blocks(MIB // 10)}, 1, MIB, "0 KiB would be free"),
        ({"f_favail": room.INODES + 3}, 3, 0, None),
        ({"f_favail": room.INODES + 3}, 4, 0, "999 inodes would be free"),
        ({"f_files": 100, "f_favail": 5}, 9, 0, "0 inodes would be free"),
        ({"f_files": 0, "f_favail": 0}, 9, 0, None),
    ],
)
def test_what_is_about_to_be_written_counts_as_written(changes, entries, size, told):
    lack = room.lack("/spool", disk(**changes), entries, size)
    assert lack is told if told is None else told in lack
