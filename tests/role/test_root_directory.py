"""What acceptors have for their root directory is bound from the host: nothing may be removed through it, and somebody
tells when a part is not there."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import front
import pytest
from ansible.module_utils import trigger_found
from ansible.module_utils.trigger_files import mounts_below, remove, unsecured_mounts_below

from trigger import paths
from trigger.ctl.doctor import host

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mount(8) is root's")


class RootUnit:
    """trigger-root.service for folders of a test, which lie on one shared mount, as on a host. Its commands are run as
    systemd would."""

    PARTS = ("usr", "etc", "spool", "credentials")

    def __init__(self, host):
        self.host = host
        self.root = host / "root"
        variables = {
            "root": str(self.root),
            "root_parts": [str(host / part) for part in (*self.PARTS, "lib64")],
            "spool": str(host / "spool"),
            "credentials": str(host / "credentials"),
        }
        self._unit = front.make_renderer(False).render("etc/systemd/system/trigger-root.service", **variables).decode()

    def run(self, directive):
        for command in self.commands(directive):
            subprocess.run(command, check=True)

    def commands(self, directive):
        commands = re.findall(rf"^{directive}=-?(.*)$", self._unit.replace("\\\n", " "), re.MULTILINE)
        assert commands
        return [shlex.split(command.replace("$$", "$").replace("%%", "%")) for command in commands]

    def unsecured(self):
        """What the role finds below that it would have the unit see to once more."""
        return unsecured_mounts_below(str(self.root), f"{self.host}/spool", f"{self.host}/credentials")

    def at(self, path):
        """Where acceptors see a path of the host."""
        return Path(f"{self.root}{self.host}/{path}")


@pytest.fixture
def unit(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=True)
    subprocess.run(["mount", "--make-shared", tmp_path], check=True)
    for part in RootUnit.PARTS:
        (tmp_path / part).mkdir()
    yield RootUnit(tmp_path)
    subprocess.run(["mount", "--make-rprivate", tmp_path], check=True)
    subprocess.run(["umount", "--recursive", "--lazy", tmp_path], check=True)


def mount(path, options="rw"):
    """A file system of its own with a file in it."""
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "of-the-host", path], check=True)
    (path / "file").write_text("of the host")


def mounted(path):
    """Of what is mounted there and below: dict of path to options and propagation, both str."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" - ")[0].split(" ")
        if fields[4].startswith(str(path)):
            found[fields[4].encode().decode("unicode_escape")] = fields[5], " ".join(fields[6:])
    return found


@needs_root
@pytest.mark.parametrize("renew", ["ExecReload", None])
def test_the_hosts_mounts_come_through_a_stop_and_a_start(unit, renew):
    for place in ("usr/local", "etc/own", "credentials/other.service", "spool/a", "usr/local/a b"):
        mount(unit.host / place)
    before = mounted(unit.host)
    unit.run("ExecStart")
    if renew:
        unit.run(renew)
    assert (unit.at("usr/local/a b/file")).read_text() == "of the host"
    unit.run("ExecStopPost")
    assert mounted(unit.host) == before
    unit.run("ExecStopPost")  # as after a start that failed at once
    assert mounted(unit.host) == before


@needs_root
def test_what_an_earlier_release_has_bound_is_made_ours_in_place(unit):
    """Its binds are peers of the host's mounts. No part is away for a moment, and a stop is harmless from then on."""
    mount(unit.host / "usr/local", "nosuid,noexec")
    mount(unit.host / "credentials/other.service")
    before = mounted(unit.host)
    for part in RootUnit.PARTS:
        unit.at(part).mkdir(parents=True)
        subprocess.run(["mount", "-o", "rbind,ro", unit.host / part, unit.at(part)], check=True)
    mine = set(mounted(unit.root))
    assert set(unit.unsecured()) == mine
    unit.run("ExecReload")
    after = mounted(unit.root)
    assert set(after) == mine
    assert unit.unsecured() == []
    mount(unit.host / "credentials/later.service")
    assert unit.at("credentials/later.service/file").exists()
    assert mounted(unit.at("usr/local"))[str(unit.at("usr/local"))] == ("ro,nosuid,nodev,noexec,relatime", "")
    unit.run("ExecStopPost")
    subprocess.run(["umount", unit.host / "credentials/later.service"], check=True)
    assert mounted(unit.host) == before


@needs_root
def test_all_but_the_spools_is_read_only_with_what_is_mounted_below(unit):
    for place, options in (("usr/local", "noexec"), ("etc/own", "rw"), ("usr/local/a b", "noatime"), ("spool/a", "rw")):
        mount(unit.host / place, options)
    host = mounted(unit.host)
    unit.run("ExecStart")
    options = {path.replace(f"{unit.root}{unit.host}/", ""): words for path, (words, _) in mounted(unit.root).items()}
    assert options == {
        "usr": "ro,nosuid,nodev,relatime",
        "usr/local": "ro,nosuid,nodev,noexec,relatime",
        "usr/local/a b": "ro,nosuid,nodev,noatime",
        "etc": "ro,nosuid,nodev,relatime",
        "etc/own": "ro,nosuid,nodev,relatime",
        "spool": "rw,nosuid,nodev,relatime",
        "spool/a": "rw,nosuid,nodev,relatime",
        "credentials": "ro,nosuid,nodev,relatime",
    }
    for place in ("usr", "usr/local", "usr/local/a b", "etc/own", "credentials"):
        with pytest.raises(OSError, match="Read-only"):
            (unit.at(place) / "mark").touch()
    (unit.at("spool/a") / "mark").touch()
    assert {path: mounted(unit.host)[path] for path in host} == host


@needs_root
def test_a_mount_that_cannot_be_made_read_only_fails_and_the_others_are(unit):
    """While somebody writes there through it, the kernel refuses. A start that fails so leaves acceptors nothing, a
    reload leaves those that run what they have."""
    for place in ("usr/local", "usr/share", "usr/share"):
        mount(unit.host / place)
    bind, secure = unit.commands("ExecStart")
    assert unit.commands("ExecReload") == [secure]
    subprocess.run(bind, check=True)
    with open(unit.at("usr/local/file"), "a"):
        done = subprocess.run(secure, capture_output=True, text=True, check=False)
        assert done.returncode != 0 and str(unit.at("usr/local")) in done.stderr
        left = {path for path, (options, _) in mounted(unit.root).items() if not options.startswith("ro,")}
        assert left == {str(unit.at("spool")), str(unit.at("usr/local"))}
        assert unit.unsecured() == [str(unit.at("usr/local"))]
    unit.run("ExecReload")
    with pytest.raises(OSError, match="Read-only"):
        (unit.at("usr/local") / "mark").touch()
    mount(unit.host / "credentials/other.service")
    assert unit.unsecured() == []


@needs_root
def test_what_the_host_mounts_later_arrives_only_where_credentials_are(unit):
    unit.run("ExecStart")
    for place in ("usr/local", "spool/a", "credentials/a.service"):
        mount(unit.host / place)
        assert (unit.at(place) / "file").exists() == place.startswith("credentials")
    ours = unit.at("credentials/mine")
    (unit.host / "credentials/mine").mkdir()
    mount(ours)
    assert not (unit.host / "credentials/mine/file").exists()
    subprocess.run(["umount", unit.host / "credentials/a.service"], check=True)
    assert not (unit.at("credentials/a.service") / "file").exists()


@needs_root
def test_what_the_host_mounts_or_unmounts_makes_a_part_stale(unit):
    def stale():
        return [part for part in RootUnit.PARTS if trigger_found.is_stale(f"{unit.host}/{part}", str(unit.root))]

    mount(unit.host / "usr/a b")
    assert stale() == list(RootUnit.PARTS)
    unit.run("ExecStart")
    assert stale() == []
    mount(unit.host / "credentials/a.service")
    assert stale() == []
    mount(unit.host / "spool")
    assert stale() == ["spool"]
    subprocess.run(["umount", unit.host / "usr/a b"], check=True)
    assert stale() == ["usr", "spool"]
    assert not trigger_found.is_stale(f"{unit.host}/lib64", str(unit.root))  # which the host does not have


@pytest.fixture
def bound(tmp_path):
    """A folder with a file, bound below another one. Returns both."""
    source, root = tmp_path / "source", tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    source.mkdir()
    (source / "file").write_text("of the host")
    subprocess.run(["mount", "--bind", source, root / "usr"], check=True)
    yield source, root
    if mounts_below(str(root)):
        subprocess.run(["umount", root / "usr"], check=True)


@needs_root
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


@needs_root
def test_a_mount_behind_a_link_is_found_and_what_a_link_leads_to_is_kept(bound):
    _, root = bound
    top = root.parent
    (top / "link").symlink_to(root)
    with pytest.raises(OSError, match="mount point"):
        remove(str(top / "link" / "usr"))
    assert remove(str(top / "link"))
    assert (root / "usr" / "file").exists()


def test_a_name_that_only_begins_alike_is_another_place(tmp_path):
    assert "/proc" in mounts_below("/proc")
    assert [point for point in mounts_below("/pro") if point.startswith("/proc")] == []
    assert mounts_below(str(tmp_path)) == []


def test_doctor_tells_what_acceptors_do_not_find(tmp_path):
    findings = list(host.seen_by_acceptors(str(tmp_path)))
    wanted = (paths.LIBRARY, paths.CONFIGURATION, paths.STATE, paths.SPOOL)
    assert [finding.what for finding in findings] == [
        f"acceptors do not find {path}, so they answer nobody" for path in wanted
    ]
    assert {finding.mend for finding in findings} == {"systemctl restart trigger-root.service"}
