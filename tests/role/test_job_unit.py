"""What the directives of a job's unit mean for the role."""

import pytest

from trigger_endpoints import job_unit


@pytest.mark.parametrize(
    ("user", "service", "expected"),
    [
        ("trigger", {}, False),
        ("root", {}, True),
        ("trigger", {"NoNewPrivileges": False}, True),
        ("deploy", {"AmbientCapabilities": "CAP_SYS_MODULE"}, True),
        ("deploy", {"ProtectSystem": "strict"}, False),
    ],
)
def test_who_may_be_root(user, service, expected):
    assert job_unit.may_be_root({"user": user, "service": service}) is expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, []),
        ({"LoadCredential": "key:/etc/key"}, ["/etc/key"]),
        ({"LoadCredential": ["one:/etc/one", "two:/etc/two"]}, ["/etc/one", "/etc/two"]),
        ({"LoadCredentialEncrypted": "key:/etc/key.cred"}, ["/etc/key.cred"]),
        ({"LoadCredential": ["from-the-store", "same:name"]}, []),
        ({"EnvironmentFile": "-/etc/default/deploy"}, ["/etc/default/deploy"]),
        ({"EnvironmentFile": ["/etc/%i.env", "/etc/100%%"]}, ["/etc/deploy.env", "/etc/100%"]),
        ({"EnvironmentFile": ["/etc/env.d/*.conf", "/home/%u/env", "%h/env", "/etc/%%%n"]}, []),
        ({"EnvironmentFile": ""}, []),
        ({"EnvironmentFile": None}, []),
    ],
)
def test_which_files_a_start_reads(service, expected):
    assert job_unit.read_files(service, "deploy") == expected
