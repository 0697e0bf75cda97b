"""The programs of the host that ours call, by their paths and with an environment of our own.

Root may call triggerctl with a PATH of somebody else's making: so nothing is looked for there, and nothing of the
environment handed on. The paths hold on Debian 11 to 13, with a merged /usr and without.
"""

SYSTEMCTL = "/bin/systemctl"
JOURNALCTL = "/bin/journalctl"
SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze"
OPENSSL = "/usr/bin/openssl"

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
