"""What acceptors have for their root directory is bound from the host: nothing may be removed through it, and somebody
tells when a part is not there."""

import os
import subprocess

import front  # noqa: F401, it lets the role's module_utils be imported
import pytest
from ansible.module_utils.trigger_files import mounts_below, remove

from trigger import endpoint
from trigger.ctl import host


@pytest.fixture
def bound(tmp_path):
    """A folder with a file, bound below another one. Returns both."""
    source, root = tmp_path / "source", tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    source.mkdir()
    (source / "file").write_text("of the host")
    subprocess.run(["mount", "--bind", source, root / "usr"], check=True)
    yield source, root
    if os.path.ismount(root / "usr"):
        subprocess.run(["umount", root / "usr"], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mount(8) is root's")
def test_nothing_is_removed_while_something_is_bound_below(bound):
    source, root = bound
    for path in (root, root / "usr"):
        with pytest.raises(OSError, match="mount point") as caught:
            remove(str(path))
        assert caught.value.filename == str(root / "usr")
    assert (source / "file").read_text() == "of the host"
    subprocess.run(["umount", root / "usr"], check=True)
    assert remove(str(root))
    assert not root.exists()
    assert (source / "file").exists()


def test_a_name_that_only_begins_alike_is_another_place(tmp_path):
    assert "/proc" in mounts_below("/proc")
    assert [point for point in mounts_below("/pro") if point.startswith("/proc")] == []
    assert mounts_below(str(tmp_path)) == []


def test_doctor_tells_what_acceptors_do_not_find(tmp_path):
    findings = list(host.seen_by_acceptors(str(tmp_path)))
    wanted = (host.LIBRARY, endpoint.DIRECTORY, endpoint.STATE, endpoint.SPOOL)
    assert [finding.what for finding in findings] == [
        f"acceptors do not find {path}, so they answer nobody" for path in wanted
    ]
    assert {finding.mend for finding in findings} == {"systemctl restart trigger-root.service"}
