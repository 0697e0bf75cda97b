"""What a host sets for all of its services, and how it is read."""

import front  # noqa: F401 - the role's own modules come with it
import pytest
from ansible.module_utils import trigger_overrides
from ansible.module_utils.trigger_overrides import Directive, Overrides, in_order, service_lines

UNIT = """\
# a comment
[Unit]
Description=LoadCredential=no
[Service]
LoadCredential = key:\\
  /etc/key
; LoadCredential=other
LoadCredential=
Environment=A=b
[Install]
LoadCredential=of-nobody
"""


def test_lines_of_a_service():
    lines = list(service_lines(UNIT.encode()))
    assert lines == [
        Directive("LoadCredential", "key:   /etc/key"),
        Directive("LoadCredential", ""),
        Directive("Environment", "A=b"),
    ]


@pytest.mark.parametrize("directory", ["system", "generator.late"])
def test_only_drop_ins_for_all_services_are_meant(tmp_path, directory):
    path = tmp_path / directory / "service.d/z.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[Service]\nLoadCredential=\nPrivateTmp=no\n")
    overrides = Overrides([str(tmp_path / directory / "cron.service.d/x.conf"), str(path)])
    assert overrides.paths == [str(path)]
    assert overrides.repeat([UNIT.encode(), None]) == "LoadCredential=key:   /etc/key\nLoadCredential=\n"
    assert overrides.undone([b"[Service]\nPrivateTmp=yes\nLoadCredential=a:/a\n"]) == ["PrivateTmp"]


@pytest.fixture
def places(tmp_path, monkeypatch):
    places = (str(tmp_path / "etc"), str(tmp_path / "run"))
    monkeypatch.setattr(trigger_overrides, "_PLACES", places)
    return tmp_path


def test_what_an_admin_has_said_is_repeated_where_it_stood(places):
    for path, content in {
        "etc/trigger@.service.d/10-all.conf": "of the template",
        "etc/trigger@.service.d/override.conf": "hidden by the instance's",
        "run/trigger@a.service.d/override.conf": "hidden by that in /etc",
        "etc/trigger@a.service.d/override.conf": "of the instance",
        "etc/trigger@a.service.d/zzzz-trigger.conf": "ours, of before",
        "etc/trigger@a.service.d/endpoint.conf": "ours, of before",
    }.items():
        (places / path).parent.mkdir(parents=True, exist_ok=True)
        (places / path).write_text(content)
    found = in_order("trigger@a.service", {"endpoint.conf": b"ours"})
    assert list(found.items()) == [
        ("10-all.conf", b"of the template"),
        ("endpoint.conf", b"ours"),
        ("override.conf", b"of the instance"),
    ]
    assert list(in_order("trigger@b.service", {}).values()) == [b"of the template", b"hidden by the instance's"]


EMPTIED = b"[Service]\nLoadCredential=\n"
LOADED = b"[Service]\nLoadCredential=key:/etc/key\n"


@pytest.mark.parametrize(
    ("drop_ins", "taker"),
    [
        ({"endpoint.conf": LOADED}, "zzz.conf"),
        ({"endpoint.conf": LOADED, "zzzz-trigger.conf": LOADED}, None),
        ({"endpoint.conf": LOADED, "zzzz-trigger.conf": LOADED, "zzzzz.conf": EMPTIED}, "zzzzz.conf"),
        ({"endpoint.conf": LOADED, "zzz.conf": b"in the place of that for all services"}, None),
        ({"endpoint.conf": b"[Service]\nUser=a\n"}, None),
        ({"endpoint.conf": LOADED, "zzzz.conf": b"[Service]\nLoadCredential=key:/elsewhere\n"}, None),
    ],
)
def test_who_takes_secrets_away(tmp_path, drop_ins, taker):
    path = tmp_path / "system/service.d/zzz.conf"
    path.parent.mkdir(parents=True)
    path.write_bytes(EMPTIED)
    assert Overrides([str(path)]).taker(drop_ins, "endpoint.conf") == taker
