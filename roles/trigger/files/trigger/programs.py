"""The programs of the host that root calls, by their paths and with an environment of our own.

What the job is to have in its environment, PATH among it, root's steps of its unit have in theirs; so nothing is
looked for there, and nothing handed on. The paths hold on Debian 11 to 13, with a merged /usr and without.
"""

SYSTEMCTL = "/bin/systemctl"
JOURNALCTL = "/bin/journalctl"
SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze"
OPENSSL = "/usr/bin/openssl"

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
