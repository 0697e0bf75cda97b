"""Whether the front end stands, where the role has put one."""

from __future__ import annotations

import os
import re
import stat
import subprocess

from trigger import paths, programs
from trigger.ctl import systemd
from trigger.ctl.doctor import files
from trigger.ctl.doctor.finding import AGAIN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NGINX = "nginx.service"
SECRETS = (paths.FRONTEND_CREDENTIALS + "/secret", paths.FRONTEND_CREDENTIALS + "/sha256")
PROXY = paths.PROXY_FILES + "/proxy.conf"
USERS = paths.PROXY_FILES + "/users"
DAYS = 14  # that a certificate should be good for

# What names one in the site, and what to do about it. openssl-x509(1) looks at the first of a file alone.
_CERTIFICATES = {
    "ssl_certificate": "renew it, then systemctl reload nginx; if it is self-signed, " + AGAIN,
    "ssl_client_certificate": "put its successor beside it into trigger_frontend_client_ca, and take it out when nobody"
    " needs it any more; " + AGAIN,
}
_PEM = re.compile(b"-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----.+?-----END \\1-----", re.DOTALL)


def findings() -> Iterator[Finding]:
    """Yield a Finding for each thing that is wrong."""
    if not os.path.exists(paths.SITE):
        return
    state = systemd.show([NGINX])[NGINX]["ActiveState"]
    if state != "active":
        mend = "see `nginx -t` and `journalctl -u nginx -n 20`, then systemctl start nginx"
        yield Finding(None, "nginx is %s: nobody reaches the front end" % state, mend)
    for path in (*SECRETS, PROXY):
        yield from files.owned(path, stat.S_ISREG, "root", 0o600)
    yield from files.owned(USERS, stat.S_ISREG, "www-data", 0o640)
    with open(paths.SITE, encoding="utf-8") as file:
        site = file.read()
    if os.path.exists(programs.OPENSSL):
        for directive, mend in _CERTIFICATES.items():
            for path in named(directive, site):
                yield from certificates(path, mend)


def named(directive: str, site: str) -> list[str]:
    """Return the files that a directive names in the text of a site, also in trigger_frontend_snippet. What nginx has
    to put together first is none of them."""
    return sorted(set(re.findall(r"^\s*%s\s+(/[^\s\"';$]+)\s*;" % directive, site, re.MULTILINE)))


def certificates(path: str, mend: str) -> Iterator[Finding]:
    """The same of a file of certificates in PEM. mend: what to do about one that ends."""
    try:
        with open(path, "rb") as file:
            found = [match[0] for match in _PEM.finditer(file.read())]
    except OSError as error:
        yield Finding(None, "%s cannot be read: %s" % (path, error.strerror), mend)
        return
    for number, pem in enumerate(found or [b""], 1):
        if not _is_good(pem):
            told = (number, path, DAYS)
            yield Finding(None, "certificate %d of %s cannot be read, or has less than %d days left" % told, mend)


def _is_good(pem):
    look = [programs.OPENSSL, "x509", "-noout", "-checkend", str(DAYS * 86400)]
    return not subprocess.run(look, input=pem, capture_output=True, check=False, env=programs.ENVIRONMENT).returncode
