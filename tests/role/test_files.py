"""What the role writes has its mode whatever the umask, and so has each directory on the way."""

import os
import stat
import subprocess
from pathlib import Path

import front  # noqa: F401, it lets the role's module_utils be imported
import pytest
from ansible.module_utils import trigger_host
from ansible.module_utils.trigger_files import Directory, File, Place, make_directories, replacing

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files are to be root's")


@pytest.fixture(params=[0o000, 0o022, 0o027, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.mark.parametrize("wanted", [0o600, 0o644, 0o755, 0o770])
def test_a_file_and_what_leads_to_it(tmp_path, umask, wanted):
    path = tmp_path / "missing" / "too" / "file"
    file = File(str(path), b"x", wanted)
    assert file.changed
    file.write()
    assert [mode(path), mode(path.parent), mode(path.parent.parent)] == [wanted, 0o755, 0o755]
    assert not File(str(path), b"x", wanted).changed


def test_a_directory_and_what_leads_to_it(tmp_path, umask):
    path = tmp_path / "missing" / "secret"
    Directory(str(path), 0o700, gid=33).write()
    assert [mode(path), mode(path.parent), os.stat(path).st_gid] == [0o700, 0o755, 33]
    assert not Directory(str(path), 0o700, gid=33).changed
    path.chmod(0o755)
    again = Directory(str(path), 0o700, gid=33)
    assert again.changed
    assert (again.diff()["before"], again.diff()["after"]) == ("mode 0755, owner 0:33\n", "mode 0700, owner 0:33\n")
    again.write()
    assert mode(path) == 0o700


def test_a_directory_of_the_host_is_left_as_it_is_and_hands_its_group_on(tmp_path, umask):
    host = tmp_path / "share"
    host.mkdir()
    os.chown(host, 0, 50)
    host.chmod(0o2700)
    File(str(host / "man" / "page"), b"x").write()
    assert mode(host) == 0o2700
    made = os.stat(host / "man")
    assert (stat.S_IMODE(made.st_mode), made.st_gid) == (0o2755, 50)


def test_a_link_that_root_has_put_in_the_place_of_a_directory_stays(tmp_path):
    (tmp_path / "disk").mkdir(0o700)
    (tmp_path / "spool").symlink_to("disk")
    Directory(str(tmp_path / "spool")).write()
    assert mode(tmp_path / "disk") == 0o755
    assert not Directory(str(tmp_path / "spool")).changed
    assert (tmp_path / "spool").is_symlink()


def test_the_diff_tells_of_rights_and_keeps_secrets(tmp_path):
    path = tmp_path / "file"
    path.write_text("secret\n")
    path.chmod(0o600)
    diff = File(str(path), b"secret\n").diff()
    assert (diff["before"], diff["after"]) == ("mode 0600, owner 0:0\nsecret\n", "mode 0644, owner 0:0\nsecret\n")
    hidden = File(str(path), b"secret\n", show=False).diff()
    assert hidden["before"] == "mode 0600, owner 0:0\n(not shown)\n"
    assert hidden["after"] == "mode 0644, owner 0:0\n(not shown)\n"
    new = File(str(path), b"other\n", 0o600).diff()
    assert (new["before"], new["after"]) == ("secret\n", "other\n")
    both = File(str(path), b"other\n", show=False).diff()
    assert "secret" not in str(both)
    assert both["after"] == "mode 0644, owner 0:0\n(not shown, new)\n"


def test_the_roles_own_directories_are_known_and_the_hosts_are_not():
    units = trigger_host.UNITS
    paths = [
        "/etc/trigger/credentials/a/job/key",
        "/etc/trigger/a.json",
        f"{units}/trigger@a.service.d/endpoint.conf",
        f"{units}/trigger-frontend.service.d/a.conf",
        f"{units}/trigger@.service",
        "/usr/local/share/man/man8/triggerctl.8",
        "/etc/sysusers.d/trigger.conf",
        "/etc/nginx/trigger/a.location",
        "/etc/nginx/sites-enabled/zz-trigger.conf",
        "/usr/local/lib/trigger/versions/0/trigger/page/desk.py",
    ]
    assert {place.path: oct(place.rights.mode) for place in trigger_host.own_directories(paths)} == {
        "/etc/nginx/trigger": "0o755",
        "/etc/systemd/system/trigger-frontend.service.d": "0o755",
        "/etc/systemd/system/trigger@a.service.d": "0o755",
        "/etc/trigger": "0o755",
        "/etc/trigger/credentials": "0o700",
        "/etc/trigger/credentials/a": "0o700",
        "/etc/trigger/credentials/a/job": "0o700",
        "/usr/local/lib/trigger": "0o755",
        "/usr/local/lib/trigger/versions": "0o755",
        "/usr/local/lib/trigger/versions/0": "0o755",
        "/usr/local/lib/trigger/versions/0/trigger": "0o755",
        "/usr/local/lib/trigger/versions/0/trigger/page": "0o755",
    }


def test_what_python_has_compiled_can_be_read(tmp_path, umask):
    program = tmp_path / "new" / "trigger"
    program.mkdir(parents=True)
    (program / "a.py").write_text("A = 1\n")
    (tmp_path / "old").mkdir()
    subprocess.run(["python3", "-m", "compileall", "-q", tmp_path], check=True)
    for place in trigger_host.programs_places([str(tmp_path / "old")], str(tmp_path)):
        place.write()
    cache = program / "__pycache__"
    (compiled,) = cache.iterdir()
    assert [mode(path) for path in (program.parent, program, cache)] == [0o755] * 3
    assert [mode(path) for path in (program / "a.py", compiled)] == [0o644] * 2
    assert not any(place.changed for place in trigger_host.programs_places([], str(tmp_path / "new")))
    cache.chmod(0o700)
    assert [p.path for p in trigger_host.programs_places([], str(tmp_path / "new")) if p.changed] == [str(cache)]


def test_rights_are_not_given_through_a_link(tmp_path):
    (tmp_path / "target").write_text("of the host")
    (tmp_path / "target").chmod(0o600)
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError, match="Too many levels"):
        Place(str(tmp_path / "link"), 0o644).write()
    assert mode(tmp_path / "target") == 0o600


def test_directories_that_are_there_are_no_business_of_ours(tmp_path, umask):
    tmp_path.chmod(0o711)
    make_directories(str(tmp_path))
    assert mode(tmp_path) == 0o711


def test_a_draft_that_failed_does_not_stay_and_what_was_there_does(tmp_path):
    def fail():
        with replacing(str(path)) as draft:
            Path(draft).write_text("half")
            raise OSError("No space left on device")

    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(OSError, match="No space"):
        fail()
    assert (path.read_text(), os.listdir(tmp_path)) == ("before", ["file"])


def test_a_draft_of_a_run_that_was_killed_is_in_nobodys_way(tmp_path):
    (tmp_path / "target").write_text("of the host")
    (tmp_path / ".file.new").symlink_to("target")
    File(str(tmp_path / "file"), b"x").write()
    assert ((tmp_path / "file").read_text(), (tmp_path / "target").read_text()) == ("x", "of the host")
    assert sorted(os.listdir(tmp_path)) == ["file", "target"]
