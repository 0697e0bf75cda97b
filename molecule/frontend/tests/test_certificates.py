"""Where nginx verifies certificates of clients, and after the variable has gone."""

import json
import re
import subprocess
from pathlib import Path

from host import run
from test_installed import HOST, OWN, access, lines, test_nginx_takes_the_configuration
from test_installed import test_nginx_was_reloaded_and_not_restarted as test_with_an_authority_nginx_is_reloaded

__all__ = ["test_nginx_takes_the_configuration", "test_with_an_authority_nginx_is_reloaded"]
SITE = Path("/etc/nginx/sites-enabled/zz-trigger.conf")
OWN_FILE = OWN / "client-ca.pem"


def test_with_an_authority_of_the_hosts_own_nothing_is_written():
    if HOST == "debian13":
        assert not OWN_FILE.exists()
    else:
        assert access(OWN_FILE) == "root:root 0644"


def test_with_an_authority_who_has_no_password_stands_in_no_file():
    assert lines().keys() == {"bob", "carol"}


def told_of_certificates():
    doctor = subprocess.run(["triggerctl", "doctor", "--json"], capture_output=True, text=True, check=False)
    return [finding["what"] for finding in json.loads(doctor.stdout) if "certificate" in finding["what"]]


def test_with_an_authority_the_doctor_looks_at_it(tmp_path):
    assert told_of_certificates() == []
    path = Path(re.search(r"ssl_client_certificate (\S+);", SITE.read_text())[1])
    before, short = path.read_bytes(), tmp_path / "short.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run(*command, "-keyout", str(tmp_path / "key"), "-out", str(short), "-days", "1", "-subj", "/CN=short")
    try:
        path.write_bytes(before + short.read_bytes())
        number = before.count(b"BEGIN CERTIFICATE") + 1
        assert told_of_certificates() == [
            f"certificate {number} of {path} cannot be read, or has less than 14 days left"
        ]
    finally:
        path.write_bytes(before)


def test_without_an_authority_nothing_of_it_is_left():
    assert not OWN_FILE.exists()
    assert "ssl_client" not in SITE.read_text()
    assert "alice" in lines()
