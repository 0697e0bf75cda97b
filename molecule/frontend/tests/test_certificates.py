"""Where nginx verifies certificates of clients, and after the variable has gone."""

from pathlib import Path

from test_installed import HOST, OWN, access, lines, test_nginx_takes_the_configuration
from test_installed import test_nginx_was_reloaded_and_not_restarted as test_with_an_authority_nginx_is_reloaded

__all__ = ["test_nginx_takes_the_configuration", "test_with_an_authority_nginx_is_reloaded"]
OWN_FILE = OWN / "client-ca.pem"


def test_with_an_authority_of_the_hosts_own_nothing_is_written():
    if HOST == "debian13":
        assert not OWN_FILE.exists()
    else:
        assert access(OWN_FILE) == "root:root 0644"


def test_with_an_authority_who_has_no_password_stands_in_no_file():
    assert lines().keys() == {"bob", "carol"}


def test_without_an_authority_nothing_of_it_is_left():
    assert not OWN_FILE.exists()
    assert "ssl_client" not in Path("/etc/nginx/sites-enabled/zz-trigger.conf").read_text()
    assert "alice" in lines()
