"""After changes of passwords and certificates under load, and after one that nginx does not take."""

import json
import subprocess
from pathlib import Path

from host import records, run
from test_installed import HOST, OWN, lines, test_nginx_was_reloaded_and_not_restarted, test_who_may_read_what

__all__ = ["test_nginx_was_reloaded_and_not_restarted", "test_who_may_read_what"]
NOTES = Path("/root/notes.json")


def test_before_the_change():
    """To compare with; and the host's own certificate is about to run out."""
    NOTES.write_text(json.dumps({"users": lines()}))
    if HOST == "debian11":
        key, certificate = OWN / "key.pem", OWN / "certificate.pem"
        names = run("openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectAltName").splitlines()[-1]
        again = ["-addext", "subjectAltName=" + names.replace(" ", ""), "-out", certificate]
        run("openssl", "req", "-x509", "-key", key, "-days", "59", "-subj", f"/CN={HOST}.test", *again)


def test_after_the_change():
    before, after = json.loads(NOTES.read_text())["users"], lines()
    assert {name for name in after if after[name] != before.get(name)} == {"alice"}
    assert before.keys() - after.keys() == {"erin"}
    path = "/etc/ssl/front.pem" if HOST == "debian13" else OWN / "certificate.pem"
    days = 60 if HOST == "debian11" else 10
    run("openssl", "x509", "-in", str(path), "-noout", "-checkend", str(days * 86400))


def test_after_the_change_all_that_was_accepted_has_run():
    accepted = json.loads(Path("/root/load.json").read_text())[HOST]["accepted"]
    served = [request for record in records("steady") for request in record["requests"]]
    assert sorted(accepted) == sorted(served)


def files():
    """All that the role may have written, with its content."""
    found = {}
    for root in ("/etc/nginx", "/etc/trigger", "/etc/systemd/system", "/usr/local/lib/trigger"):
        for path in sorted(Path(root).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                kept = path.stat()
                found[str(path)] = [path.read_bytes().hex(), kept.st_mode, kept.st_mtime]
    return found


def test_before_a_broken_change():
    NOTES.write_text(json.dumps(files()))


def test_after_a_broken_change():
    before, after = json.loads(NOTES.read_text()), files()
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == set()
    assert "test is successful" in subprocess.run(["nginx", "-t"], capture_output=True, text=True, check=True).stderr
    assert not list(Path("/tmp").glob("trigger-nginx-*"))
