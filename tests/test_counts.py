"""Numbers that are kept on disk: they grow, survive, and are read from plain files alone."""

import json
import os

import pytest

from trigger import counts


def test_counts_grow_and_survive(tmp_path):
    path = str(tmp_path / "counts")
    numbers = counts.Counts(path)
    numbers.save()
    assert not os.path.exists(path)
    numbers.add("a")
    numbers.add("seconds", 0.5)
    numbers.save()
    numbers.save()
    numbers.add("a", 2)
    numbers.save()
    assert counts.read(path) == {"a": 3, "seconds": 0.5}
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        ("[]", {}),
        ("{", {}),
        ("5", {}),
        ('{"a": "1"}', {}),
        ('{"a": true, "b": 1}', {"b": 1}),
        ('{"a": [1], "b": {}, "c": null}', {}),
        ("\udcff", {}),
        (json.dumps({f"a{number}": 1 for number in range(20000)}), {}),
    ],
)
def test_a_file_that_holds_no_counts(tmp_path, content, expected):
    (tmp_path / "counts").write_bytes(content.encode(errors="surrogateescape"))
    assert counts.read(str(tmp_path / "counts")) == expected


def test_counts_are_read_from_plain_files_alone(tmp_path):
    (tmp_path / "real").write_text('{"a": 1}')
    (tmp_path / "link").symlink_to("real")
    assert counts.read(str(tmp_path / "link")) == {}
    os.mkfifo(tmp_path / "pipe")
    assert counts.read(str(tmp_path / "pipe")) == {}
    assert counts.read(str(tmp_path)) == {}
