"""The front end on a host, as far as it goes without nginx: real crypt(3), files, openssl, sockets."""

import contextlib
import grp
import hashlib
import os
import re
import socket
import stat
import string
import subprocess

import front  # noqa: F401, it lets the role's module_utils be imported
import pytest
from ansible.module_utils import trigger_addresses, trigger_nginx, trigger_passwords
from ansible.module_utils.trigger_files import File
from ansible.module_utils.trigger_steps import FRONTEND, Report, apply
from hypothesis import example, given, settings
from hypothesis import strategies as st

as_root = pytest.mark.skipif(os.getuid() != 0, reason="files of the role belong to root")
PASSWORD = "correct horse battery"
WWW_DATA = grp.getgrnam("www-data").gr_gid


# nginx of the host's own


def test_what_is_left_out_of_nginx():
    built = "configure arguments: --without-http_geo_module --without-http_limit_req_module --with-http_ssl_module"
    assert trigger_nginx.missing_modules(built) == ["limit_req"]


@pytest.mark.parametrize(
    ("configuration", "built", "user", "may"),
    [
        ("user www-data;\nworker_processes auto;", "", "www-data", True),
        ("# user www-data;\n\tuser nobody ;", "--user=www-data", "nobody", False),
        ("user nobody www-data;", "", "nobody", True),
        ("user root;", "", "root", True),
        ("worker_processes auto;", "--prefix=/etc/nginx --user=www-data --group=x", "www-data", True),
        ("", "", "nobody", False),
        ("user who-is-not-there;", "", "who-is-not-there", False),
    ],
)
def test_the_user_of_nginx_has_to_be_in_the_group_of_the_sockets(configuration, built, user, may):
    assert trigger_nginx.workers(configuration, built) == (user, may)


OTHER = "# configuration file /etc/nginx/sites-enabled/other:\n"


@pytest.mark.parametrize(
    ("text", "does"),
    [
        (OTHER + "server {\n    listen 443 ssl;\n    ssl_verify_client on;\n}\n", True),
        (OTHER + "server { listen [::]:443 ssl; ssl_verify_client optional_no_ca; }", True),
        (OTHER + "server {\n    listen 127.0.0.1:443;\n    ssl_verify_client\toptional;\n}\n", True),
        (OTHER + "server { ssl_verify_client on; }", True),
        (OTHER + "ssl_verify_client on;\n", True),
        (OTHER + "server { listen 8443 ssl; listen 10.4.4.3; ssl_verify_client on; }", False),
        (OTHER + "server { listen unix:/run/a:443/x; ssl_verify_client on; }", False),
        (OTHER + "server { listen 443 ssl; ssl_verify_client off; }", False),
        (OTHER + "server { listen 443 ssl; ssl_verify_client   off; }", False),
        (OTHER + "server { listen 443 ssl; ssl_verify_client\n\toff; }", False),
        (OTHER + "server { listen 443 ssl; # ssl_verify_client on;\n}", False),
        # What stands outside holds for the servers of all files.
        (OTHER + "ssl_verify_client on;\nserver { listen 80; location / { return 404; } }\n", True),
        (OTHER + "server { listen 8443 ssl; location / { if ($a) { return 404; } } ssl_verify_client on; }", False),
        (OTHER + "server { listen 443 ssl; }", False),
        (f"# configuration file {trigger_nginx.SITE}:\nlisten 443 ssl; ssl_verify_client optional;\n" + OTHER, False),
    ],
)
def test_other_sites_that_verify_clients_on_the_same_port_are_found(text, does):
    text = "nginx: test is successful\n# configuration file /etc/nginx/nginx.conf:\nhttp { }\n\n" + text
    assert trigger_nginx.verifiers(text, {443, 9443}) == (["/etc/nginx/sites-enabled/other"] if does else [])


# Passwords


def user(**keys):
    return {"name": "alice", "password": None, "password_hash": None, **keys}


def hashed(line):
    name, _, value = line.partition(":")
    assert name == "alice"
    return value


def is_of(password, value):
    """Whether nginx would let in who says the password, by the crypt(3) that nginx asks."""
    return trigger_passwords.encrypted(password, value) == value


@pytest.mark.parametrize("password", [PASSWORD, "ä€ 😀 password", "with:colon", "'\"\\$`{{ }}", "x" * 510])
def test_a_password_becomes_a_hash_that_knows_it(password):
    value = hashed(trigger_passwords.line(user(password=password), None))
    assert re.fullmatch(r"\$y\$j75\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{43}", value)
    assert is_of(password, value)
    assert not is_of(password + "x", value)
    assert not is_of(password[:-1], value)
    assert password not in value


def test_each_hash_has_its_own_salt():
    one, other = (trigger_passwords.line(user(password=PASSWORD), None) for _ in "ab")
    assert one != other


def test_a_hash_that_fits_is_kept():
    line = trigger_passwords.line(user(password=PASSWORD), None)
    assert trigger_passwords.line(user(password=PASSWORD), line) == line


def test_another_password_makes_another_hash():
    line = trigger_passwords.line(user(password=PASSWORD), None)
    changed = trigger_passwords.line(user(password=PASSWORD + "2"), line)
    assert is_of(PASSWORD + "2", hashed(changed))
    assert not is_of(PASSWORD, hashed(changed))


@pytest.mark.parametrize("method", ["-6", "-5", "-1"])
def test_a_hash_of_another_making_is_not_kept(method):
    """Somebody may have set a password_hash before, or an older version may have made a weaker one."""
    done = subprocess.run(["openssl", "passwd", method, PASSWORD], capture_output=True, text=True, check=True)
    assert is_of(PASSWORD, done.stdout.strip())
    line = trigger_passwords.line(user(password=PASSWORD), "alice:" + done.stdout.strip())
    assert hashed(line).startswith(trigger_passwords.BEGIN)


def test_a_hash_of_another_cost_is_not_kept():
    other = trigger_passwords.encrypted(PASSWORD, "$y$j9T$abcdefghijklmnop$")
    assert is_of(PASSWORD, other)
    assert hashed(trigger_passwords.line(user(password=PASSWORD), "alice:" + other)).startswith("$y$j75$")


def damaged_lines():
    whole = trigger_passwords.line(user(password=PASSWORD), None)
    return ["", "alice", "alice:", "alice:$y$j75$", "alice:$y$j75$!!$x", "alice:$y$j75$\xe4", whole[:-1], whole + "x"]


@pytest.mark.parametrize("number", range(len(damaged_lines())))
def test_a_line_that_is_damaged_is_made_anew(number):
    line = trigger_passwords.line(user(password=PASSWORD), damaged_lines()[number])
    assert is_of(PASSWORD, hashed(line))
    assert re.fullmatch(r"\$y\$j75\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{43}", hashed(line))


@pytest.mark.parametrize("method", ["-6", "-5"])
def test_a_hash_that_is_given_is_taken_as_it_is(method):
    done = subprocess.run(["openssl", "passwd", method, PASSWORD], capture_output=True, text=True, check=True)
    given_hash = done.stdout.strip()
    present = trigger_passwords.line(user(password=PASSWORD), None)
    assert trigger_passwords.line(user(password_hash=given_hash), present) == "alice:" + given_hash
    assert trigger_passwords.line(user(password_hash=given_hash), None) == "alice:" + given_hash
    assert is_of(PASSWORD, given_hash)


@pytest.mark.parametrize(
    "given_hash", ["$y$j75$!!!!!!!!!!!!!!!!!!!!!!", "$2b$99$" + "a" * 53, "$2b$05$" + "!" * 53, "$z$" + "a" * 40]
)
def test_a_hash_that_the_host_cannot_read_is_told(given_hash):
    with pytest.raises(trigger_passwords.Unknown) as caught:
        trigger_passwords.line(user(password_hash=given_hash), None)
    assert given_hash not in str(caught.value)


@pytest.mark.parametrize("cut", [1, 20, 43])
def test_a_hash_that_is_not_whole_is_told(cut):
    """Nobody could sign in with it, and nobody would know why."""
    whole = hashed(trigger_passwords.line(user(password=PASSWORD), None))
    with pytest.raises(trigger_passwords.Unknown):
        trigger_passwords.line(user(password_hash=whole[:-cut]), None)


def test_a_password_that_crypt_does_not_take_is_not_repeated():
    with pytest.raises(trigger_passwords.Unknown) as caught:
        trigger_passwords.line(user(password="secret" * 100), None)
    assert "secret" not in str(caught.value)


# What is on the host


@pytest.fixture
def host(tmp_path, monkeypatch):
    """The places of the module, below a directory of the test's."""
    for name, value in vars(trigger_nginx).copy().items():
        if isinstance(value, str) and name.isupper() and value.startswith(("/etc/", "/var/")):
            monkeypatch.setattr(trigger_nginx, name, f"{tmp_path}{value}")
    os.makedirs(trigger_nginx.NGINX + "/sites-enabled")
    return tmp_path


def plan(**keys):
    return {
        "files": [],
        "users": [user(password=PASSWORD)],
        "names": ["hooks.example"],
        "is_self_signed": False,
        "verifies_clients": False,
        "worker_connections": 0,
        "addresses": [],
        "serving": [],
        "warnings": [],
        **keys,
    }


def deploy(**keys):
    """Put a front end on the host. Returns it, with what it told in `done`."""
    made = trigger_nginx.Frontend(plan(**keys))
    report = Report()
    apply(made.steps(), report)
    made.done = report.done.get(FRONTEND, [])
    return made


@pytest.fixture
def _log(host):
    os.makedirs(os.path.dirname(trigger_nginx.ACCESS_LOG))


def state(path):
    status = os.stat(path)
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


@as_root
@pytest.mark.usefixtures("_log")
def test_secrets_are_for_those_alone_who_need_them():
    deploy()
    assert state(trigger_nginx.USERS) == (0o640, 0, WWW_DATA)
    assert state(trigger_nginx.PROXY) == (0o600, 0, 0)
    assert state(trigger_nginx.FRONTEND_CREDENTIALS + "/secret") == (0o600, 0, 0)
    assert state(trigger_nginx.FRONTEND_CREDENTIALS + "/sha256") == (0o600, 0, 0)
    mode, _, gid = state(trigger_nginx.ACCESS_LOG)
    assert (mode, gid) == (0o640, grp.getgrnam("adm").gr_gid)


@as_root
@pytest.mark.usefixtures("_log")
def test_a_second_run_changes_nothing():
    users = [user(password=PASSWORD), {"name": "bob", "password": "another one", "password_hash": None}]
    deploy(users=users, is_self_signed=True)
    again = trigger_nginx.Frontend(plan(users=users, is_self_signed=True))
    assert [file.path for file in again.files if file.changed] == []
    assert (again.makes_certificate, again.secret_changed) == (False, False)
    assert again.steps() == []


@as_root
@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize("mode", [0o644, 0o666, 0o600])
def test_the_log_of_who_came_has_its_mode_whoever_made_it(mode):
    """logrotate makes it anew, and says whose it is."""
    log = trigger_nginx.ACCESS_LOG
    with open(log, "w") as file:
        file.write("of today\n")
    os.chown(log, 12, 34)
    os.chmod(log, mode)
    made = deploy()
    (place,) = [place for place in made.places() if place.changed]
    assert not made.makes_log
    place.write()
    assert (state(log), read(log)) == ((0o640, 12, 34), "of today\n")
    assert not any(place.changed for place in deploy().places())


@as_root
@pytest.mark.usefixtures("_log")
def test_where_an_admin_leads_the_log_elsewhere_its_mode_is_his(tmp_path):
    (tmp_path / "elsewhere").touch(0o604)
    os.symlink(tmp_path / "elsewhere", trigger_nginx.ACCESS_LOG)
    assert deploy().places() == []


@as_root
@pytest.mark.usefixtures("_log")
def test_without_a_front_end_the_log_is_the_host_s():
    open(trigger_nginx.ACCESS_LOG, "w").close()
    assert trigger_nginx.Frontend(None).places() == []


@as_root
@pytest.mark.usefixtures("_log")
def test_secret_and_hash_fit_and_stay():
    assert deploy().secret_changed
    secret = read(trigger_nginx.FRONTEND_CREDENTIALS + "/secret")
    assert re.fullmatch(r"[0-9a-f]{64}\n", secret)
    assert (
        read(trigger_nginx.FRONTEND_CREDENTIALS + "/sha256")
        == hashlib.sha256(secret.strip().encode()).hexdigest() + "\n"
    )
    assert f'proxy_set_header X-Trigger-Frontend "{secret.strip()}";\n' in read(trigger_nginx.PROXY)
    os.unlink(trigger_nginx.PROXY)
    deploy()
    assert read(trigger_nginx.FRONTEND_CREDENTIALS + "/secret") == secret
    assert secret.strip() in read(trigger_nginx.PROXY)


@as_root
@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize("damaged", [b"", b"\n", b"-\n", b"abc\n", b'a"; evil;\n', b"\xff\xfe\n", b"z" * 64 + b"\n"])
def test_a_secret_that_is_damaged_is_made_anew(damaged):
    """With an empty one, everybody would know it."""
    deploy()
    with open(trigger_nginx.FRONTEND_CREDENTIALS + "/secret", "wb") as file:
        file.write(damaged)
    assert deploy().secret_changed
    assert re.fullmatch(r"[0-9a-f]{64}\n", read(trigger_nginx.FRONTEND_CREDENTIALS + "/secret"))


@as_root
@pytest.mark.usefixtures("_log")
def test_users_come_go_and_change_alone():
    bob = {"name": "bob", "password": "another one", "password_hash": None}
    deploy(users=[user(password=PASSWORD), bob])
    before = read(trigger_nginx.USERS).splitlines()
    made = deploy(users=[user(password=PASSWORD + "2"), bob])
    after = read(trigger_nginx.USERS).splitlines()
    assert before[0] != after[0] and before[1] == after[1]
    assert made.done == [f"{trigger_nginx.USERS} written"]
    assert not made.secret_changed
    deploy(users=[bob])
    assert read(trigger_nginx.USERS).splitlines() == [after[1]]
    deploy(users=[])
    assert read(trigger_nginx.USERS) == ""


@as_root
@pytest.mark.usefixtures("_log")
def test_who_has_no_password_signs_in_by_none():
    deploy(users=[user(), user(password=PASSWORD)])
    (line,) = read(trigger_nginx.USERS).splitlines()
    assert is_of(PASSWORD, hashed(line))


@as_root
@pytest.mark.usefixtures("_log")
def test_an_authority_goes_with_the_variable():
    for keys in ({}, {"is_self_signed": True}):
        File(trigger_nginx.CLIENT_CA, b"text\n").write()
        made = deploy(**keys)
        assert f"{trigger_nginx.CLIENT_CA} removed" in made.done and not os.path.exists(trigger_nginx.CLIENT_CA)


@as_root
@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize("damaged", [b"\xff\xfe\x00", b"alice", b"alice:$y$j75$\n", b":::\n\n"])
def test_a_file_of_users_that_is_damaged_is_mended(damaged):
    deploy()
    with open(trigger_nginx.USERS, "wb") as file:
        file.write(damaged)
    deploy()
    (line,) = read(trigger_nginx.USERS).splitlines()
    assert is_of(PASSWORD, hashed(line))


@as_root
@pytest.mark.usefixtures("_log")
def test_without_a_front_end_nothing_of_it_stays():
    deploy(is_self_signed=True, files=[])
    File(trigger_nginx.SITE, b"").write()
    gone = trigger_nginx.Frontend(None)
    assert {file.path for file in gone.files} == {
        trigger_nginx.SITE,
        trigger_nginx.PROXY,
        trigger_nginx.USERS,
        trigger_nginx.CERTIFICATE,
        trigger_nginx.KEY,
        trigger_nginx.FRONTEND_CREDENTIALS + "/secret",
        trigger_nginx.FRONTEND_CREDENTIALS + "/sha256",
    }
    secret = read(trigger_nginx.FRONTEND_CREDENTIALS + "/secret").strip()
    hidden = [file for file in gone.files if file.path not in (trigger_nginx.SITE, trigger_nginx.CERTIFICATE)]
    assert all(secret not in str(file.diff()) and "$y$" not in str(file.diff()) for file in hidden)
    apply(gone.steps(), Report())
    assert os.listdir(trigger_nginx.PROXY_FILES) + os.listdir(trigger_nginx.FRONTEND_CREDENTIALS) == []
    assert trigger_nginx.Frontend(None).files == []


def test_on_a_host_that_never_had_one_there_is_nothing_to_do(host):
    made = trigger_nginx.Frontend(None)
    assert (made.files, made.warnings, made.makes_certificate, made.secret_changed) == ([], [], False, False)
    assert made.check_addresses() is None


def read(path):
    with open(path) as file:
        return file.read()


# nginx.conf, which belongs to the host

MAIN = """\
user www-data;
worker_processes auto;
error_log /var/log/nginx/error.log;

events {
\tworker_connections 768;
\t# multi_accept on;
}
http {
\tinclude /etc/nginx/sites-enabled/*;
}
"""


def test_connections_are_raised_and_set_back():
    raised = trigger_nginx.with_connections(MAIN, 4096)
    assert "\tworker_connections 4096; # 768 before the role trigger\n" in raised
    assert "\nworker_rlimit_nofile 8192; # of the role trigger\nevents {\n" in raised
    assert trigger_nginx.with_connections(raised, 4096) == raised
    assert trigger_nginx.with_connections(raised, 0) == MAIN
    assert trigger_nginx.with_connections(raised, 512) == MAIN
    assert "worker_connections 2048; # 768 before" in trigger_nginx.with_connections(raised, 2048)
    assert trigger_nginx.with_connections(MAIN, 768) == MAIN
    assert trigger_nginx.with_connections(MAIN, 0) == MAIN


def test_a_limit_of_files_that_somebody_has_set_stays():
    own = MAIN.replace("\nevents", "\nworker_rlimit_nofile 99;\nevents")
    raised = trigger_nginx.with_connections(own, 4096)
    assert raised.count("worker_rlimit_nofile") == 1
    assert trigger_nginx.with_connections(raised, 0) == own


@pytest.mark.parametrize(
    "line",
    ["worker_connections 768; }", "worker_connections 768; multi_accept on;", "worker_connections 768; # ours"],
)
def test_what_stands_behind_on_the_same_line_goes_on_to_count(line):
    text = MAIN.replace("\tworker_connections 768;", "\t" + line)
    raised = trigger_nginx.with_connections(text, 4096)
    rest = line.partition(";")[2].strip()
    if not rest.startswith("#"):
        (told,) = [each for each in raised.splitlines() if "worker_connections" in each]
        assert rest in told.partition("#")[0]
    assert trigger_nginx.with_connections(raised, 0) == text


LINES = st.sampled_from(
    ["events {", "\tworker_connections 768;", "worker_connections  1024 ;", "events { worker_connections 5; }", "}",
     "worker_connections 9; # ours", "#worker_connections 3;", "worker_rlimit_nofile 7;", "  events {", "events", "",
     "worker_connections 768;\r", "worker_connections 12; }"]
)  # fmt: skip


@given(st.lists(LINES, max_size=8).map("\n".join), st.integers(0, 5000), st.integers(0, 5000))
@example("worker_connections  768 ;", 0, 0)
def test_what_is_done_to_nginx_conf_can_be_taken_back(text, first, second):
    once = trigger_nginx.with_connections(text, first)
    assert trigger_nginx.with_connections(once, first) == once
    twice = trigger_nginx.with_connections(once, second)
    assert twice == trigger_nginx.with_connections(text, second)
    assert trigger_nginx.with_connections(twice, 0) == text


@as_root
@pytest.mark.parametrize("wanted", [None, {"worker_connections": 0}, {"worker_connections": 4096}])
@pytest.mark.usefixtures("_log")
def test_an_nginx_conf_that_needs_no_change_is_not_touched(wanted):
    """Not its owner and mode either: it may be somebody's, and a host may have no front end at all."""
    with open(trigger_nginx.MAIN, "w") as file:
        file.write(MAIN.replace("768", "8000"))
    os.chmod(trigger_nginx.MAIN, 0o640)
    os.chown(trigger_nginx.MAIN, 1, 1)
    made = trigger_nginx.Frontend(wanted and plan(**wanted))
    assert trigger_nginx.MAIN not in [file.path for file in made.files if file.changed]


@as_root
@pytest.mark.parametrize("wanted", [None, {"worker_connections": 4096}])
@pytest.mark.usefixtures("_log")
def test_an_nginx_conf_that_is_a_link_is_left_alone(wanted, host):
    """It is kept elsewhere, and by somebody else."""
    (host / "elsewhere").write_text(MAIN)
    os.symlink(host / "elsewhere", trigger_nginx.MAIN)
    made = trigger_nginx.Frontend(wanted and plan(**wanted))
    assert trigger_nginx.MAIN not in [file.path for file in made.files if file.changed]


@as_root
@pytest.mark.usefixtures("_log")
def test_nginx_conf_keeps_its_mode_when_it_is_raised():
    with open(trigger_nginx.MAIN, "w") as file:
        file.write(MAIN)
    os.chmod(trigger_nginx.MAIN, 0o604)
    deploy(worker_connections=4096)
    assert "worker_connections 4096;" in read(trigger_nginx.MAIN)
    assert state(trigger_nginx.MAIN)[0] == 0o604
    apply(trigger_nginx.Frontend(None).steps(), Report())
    assert read(trigger_nginx.MAIN) == MAIN


# Certificates


def alternative_names(path):
    look = ["openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"]
    text = subprocess.run(look, capture_output=True, text=True, check=True).stdout
    return sorted(part.strip() for part in text.strip().splitlines()[-1].split(","))


@as_root
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["hooks.example"], ["DNS:hooks.example"]),
        (["Hooks.Example", "*.hooks.example"], ["DNS:*.hooks.example", "DNS:Hooks.Example"]),
        (["192.0.2.1", "a"], ["DNS:a", "IP Address:192.0.2.1"]),
        (["[2001:DB8::1]", "127.0.0.1"], ["IP Address:127.0.0.1", "IP Address:2001:DB8:0:0:0:0:0:1"]),
        (["_", "-x"], ["DNS:-x", "DNS:_"]),
        (["a" * 60 + "." + "b" * 60], ["DNS:" + "a" * 60 + "." + "b" * 60]),
    ],
)
@pytest.mark.usefixtures("_log")
def test_a_certificate_is_made_for_the_names_and_lasts(names, expected):
    made = deploy(names=names, is_self_signed=True)
    assert made.done[-1] == f"{trigger_nginx.CERTIFICATE} made, self-signed"
    assert alternative_names(trigger_nginx.CERTIFICATE) == expected
    assert state(trigger_nginx.KEY) == (0o600, 0, 0)
    assert state(trigger_nginx.CERTIFICATE) == (0o644, 0, 0)
    look = (
        ["x509", "-in", trigger_nginx.CERTIFICATE, "-noout", "-pubkey"],
        ["pkey", "-in", trigger_nginx.KEY, "-pubout"],
    )
    one, other = (subprocess.run(["openssl", *each], capture_output=True, check=True).stdout for each in look)
    assert one == other  # the key's public half
    # Who trusts it for this host trusts its key for no other.
    look = ["openssl", "x509", "-in", trigger_nginx.CERTIFICATE, "-noout", "-ext", "basicConstraints"]
    assert subprocess.run(look, capture_output=True, check=True, text=True).stdout.count("CA:FALSE") == 1
    itself = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", trigger_nginx.CERTIFICATE]
    subprocess.run([*itself, trigger_nginx.CERTIFICATE], check=True, capture_output=True)
    assert not trigger_nginx.Frontend(plan(names=names, is_self_signed=True)).makes_certificate
    assert trigger_nginx.Frontend(plan(names=[*names, "more"], is_self_signed=True)).makes_certificate
    assert not trigger_nginx.Frontend(plan(names=names)).makes_certificate
    assert sorted(os.listdir(trigger_nginx.PROXY_FILES)) == ["certificate.pem", "key.pem", "proxy.conf", "users"]


@as_root
@pytest.mark.usefixtures("_log")
@pytest.mark.parametrize(("days", "made_anew"), [(59, True), (61, False)])
def test_a_certificate_is_renewed_in_time(monkeypatch, days, made_anew):
    monkeypatch.setattr(trigger_nginx, "SELF_SIGNED_DAYS", days)
    deploy(is_self_signed=True)
    assert trigger_nginx.Frontend(plan(is_self_signed=True)).makes_certificate == made_anew


@as_root
@pytest.mark.usefixtures("_log")
def test_what_is_no_certificate_is_made_anew():
    deploy(is_self_signed=True)
    os.rename(trigger_nginx.KEY, trigger_nginx.KEY + ".away")
    assert trigger_nginx.Frontend(plan(is_self_signed=True)).makes_certificate
    os.rename(trigger_nginx.KEY + ".away", trigger_nginx.KEY)
    with open(trigger_nginx.CERTIFICATE, "w") as file:
        file.write("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    assert trigger_nginx.Frontend(plan(is_self_signed=True)).makes_certificate


@as_root
@pytest.mark.usefixtures("_log")
def test_ones_own_certificate_is_not_overwritten_and_the_made_one_goes():
    made = deploy(is_self_signed=True)
    away = deploy()  # by paths
    assert {text for text in away.done if "removed" in text} == {
        f"{trigger_nginx.CERTIFICATE} removed",
        f"{trigger_nginx.KEY} removed",
    }
    item = {"content": "b3duCg==", "mode": "0600", "show": False}
    own = [{**item, "path": path} for path in (trigger_nginx.CERTIFICATE, trigger_nginx.KEY)]
    made = deploy(files=own)
    assert not made.makes_certificate
    assert (read(trigger_nginx.CERTIFICATE), read(trigger_nginx.KEY)) == ("own\n", "own\n")


NAMES = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=20)


@settings(max_examples=25)
@given(st.lists(st.one_of(NAMES, st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map("[{}]".format)), min_size=1))
def test_names_are_the_same_after_openssl(names):
    """As openssl prints them: what is in the certificate compares equal to what is asked for."""
    made = trigger_nginx.alternative_names(names)
    printed = ", ".join(sorted(name.replace("IP:", "IP Address:") for name in made))
    assert trigger_nginx.names_in(f"X509v3 Subject Alternative Name: \n    {printed}\n") == made
    assert trigger_nginx.names_in("") != made


# Other sites

SAID = """\
nginx: [warn] conflicting server name "hooks.example" on 0.0.0.0:443, ignored
nginx: [warn] conflicting server name "shop.example" on [::]:443, ignored
nginx: the configuration file /etc/nginx/nginx.conf syntax is ok
"""


OTHER = "# configuration file /etc/nginx/sites-enabled/other:\nserver { server_name shop.example\n hooks.example; }\n"
OURS = f"# configuration file {trigger_nginx.SITE}:\nserver {{ server_name hooks.example; }}\n"


def test_a_site_with_the_same_name_is_seen():
    for names in (["hooks.example"], ["own.example", "Hooks.Example"]):
        found = trigger_nginx.namesakes(SAID, OTHER + OURS, names, {443, 8443})
        assert found == ["hooks.example on 0.0.0.0:443"]
    assert trigger_nginx.namesakes(SAID, OTHER + OURS, ["own.example"], {443}) == []
    both = OTHER.replace("shop.example\n hooks.example", "hooks.example; } server { server_name shop.example")
    assert trigger_nginx.namesakes(SAID, both + OURS, ["hooks.example"], {443})
    # On the port that only leads to TLS; and of a site that is read behind ours, which nginx then leaves unused.
    assert trigger_nginx.namesakes(SAID, OTHER + OURS, ["hooks.example"], {8443}) == []
    assert trigger_nginx.namesakes(SAID, OURS + OTHER, ["hooks.example"], {443}) == []
    assert (
        trigger_nginx.namesakes(SAID, OTHER.replace("server_name", "# server_name") + OURS, ["hooks.example"], {443})
        == []
    )


# Files


@as_root
@pytest.mark.parametrize("gid", [0, WWW_DATA])
def test_a_file_has_its_group(tmp_path, gid):
    path = str(tmp_path / "a")
    file = File(path, b"x", 0o640, gid=gid)
    assert file.changed
    file.write()
    assert state(path) == (0o640, 0, gid)
    assert not File(path, b"x", 0o640, gid=gid).changed
    assert File(path, b"x", 0o640, gid=WWW_DATA - gid).changed
    assert File(path, b"x", 0o600, gid=gid).changed
    assert File(path, b"y", 0o640, gid=gid).changed
    File(path, b"x", 0o640, gid=WWW_DATA - gid).write()
    assert state(path) == (0o640, 0, WWW_DATA - gid)


@as_root
@pytest.mark.parametrize(("mode", "gid"), [(0o600, 0), (0o640, WWW_DATA), (0o644, 0)])
@pytest.mark.parametrize("content", [b"new", None])
def test_what_was_there_before_comes_back_as_it_was(tmp_path, mode, gid, content):
    """A key that is brought back is for everybody to read no more than it was."""
    path = str(tmp_path / "a")
    File(path, b"old", mode, gid=gid).write()
    file = File(path, content)
    file.write()
    assert os.path.exists(path) == (content is not None)
    file.restore()
    assert read(path) == "old"
    assert state(path) == (mode, 0, gid)
    assert file.content == content
    file.write()  # it can be tried once more
    assert not os.path.exists(path) if content is None else read(path) == "new"


@as_root
def test_what_was_not_there_before_goes_again(tmp_path):
    file = File(str(tmp_path / "a"), b"new", 0o600)
    file.restore()  # nothing was written yet
    assert os.listdir(tmp_path) == []
    file.write()
    file.restore()
    assert os.listdir(tmp_path) == []
    assert file.content == b"new"


# Who listens


@contextlib.contextmanager
def bound(family, address, listening=True):
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        if listening:
            listener.listen()
        yield listener, listener.getsockname()[1]


def test_a_process_that_listens_is_found():
    with bound(socket.AF_INET, "127.0.0.1") as (_, port):
        assert trigger_addresses.is_of_process(port, os.getpid())
        assert not trigger_addresses.is_of_process(port, os.getppid())
        assert not trigger_addresses.is_of_process(port ^ 1, os.getpid())
    assert not trigger_addresses.is_of_process(port, os.getpid())


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 here")
def test_a_process_that_listens_by_ipv6_is_found():
    with bound(socket.AF_INET6, "::1") as (_, port):
        assert trigger_addresses.is_of_process(port, os.getpid())


def test_to_be_bound_is_not_to_listen():
    with bound(socket.AF_INET, "127.0.0.1", listening=False) as (_, port):
        assert not trigger_addresses.is_of_process(port, os.getpid())


def test_a_client_of_a_port_does_not_listen_there():
    with bound(socket.AF_INET, "127.0.0.1") as (listener, port), socket.create_connection(("127.0.0.1", port)):
        accepted, _ = listener.accept()
        listener.close()
        with accepted:  # which has the port, too
            assert accepted.getsockname()[1] == port
            assert not trigger_addresses.is_of_process(port, os.getpid())


def test_what_another_process_listens_on_is_not_ones_own():
    child_ready, ready = os.pipe()
    child_done, done = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(done)
            with bound(socket.AF_INET, "127.0.0.1") as (_, port):
                os.write(ready, b"%d" % port)
                os.read(child_done, 1)  # until the test closes it
        finally:
            os._exit(0)
    port = int(os.read(child_ready, 16))
    try:
        assert trigger_addresses.is_of_process(port, child)
        assert not trigger_addresses.is_of_process(port, os.getpid())
    finally:
        os.close(done)
        os.waitpid(child, 0)
        for fd in (child_ready, ready, child_done):
            os.close(fd)


def test_a_port_of_somebody_else_is_told_and_nginx_own_is_not(monkeypatch, host):
    with bound(socket.AF_INET, "127.0.0.1") as (_, port):
        address = {"text": f"127.0.0.1:{port}", "host": "127.0.0.1", "family": 4, "port": port, "path": None}
        made = trigger_nginx.Frontend(plan(addresses=[address], users=[]))
        for master in (0, os.getppid()):
            monkeypatch.setattr(trigger_nginx, "main_pid", lambda _, master=master: master)
            problem = made.check_addresses()
            assert problem.startswith(f"trigger_frontend_listen: 127.0.0.1:{port} is in use by another program")
        monkeypatch.setattr(trigger_nginx, "main_pid", lambda _: os.getpid())
        assert made.check_addresses() is None
    monkeypatch.setattr(trigger_nginx, "main_pid", lambda _: 0)
    assert made.check_addresses() is None


def test_a_host_without_ipv6_is_told_no_nonsense(monkeypatch):
    """With ipv6.disable=1 the kernel makes no such socket at all; a port is then one of IPv4."""
    real = socket.socket

    def refuse(family=socket.AF_INET, *arguments, **keys):
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, *arguments, **keys)

    with bound(socket.AF_INET, "127.0.0.1") as (_, port):
        monkeypatch.setattr(trigger_addresses.socket, "socket", refuse)
        address = {"text": str(port), "host": None, "family": 6, "port": port, "path": None}
        item = {"bind_ipv6_only": "both", "free_bind": False}
        assert "is in use" in trigger_addresses.why_not_free(address, item)
    assert trigger_addresses.why_not_free(address, item) is None


# --check on a host that lacks a package


@as_root
@pytest.mark.usefixtures("_log")
def test_without_openssl_a_certificate_is_promised_and_not_tried(tmp_path, monkeypatch):
    (tmp_path / "nginx").touch()
    monkeypatch.setattr(trigger_nginx, "PROGRAM", str(tmp_path / "nginx"))
    monkeypatch.setattr(trigger_nginx, "OPENSSL", str(tmp_path / "openssl"))
    made = trigger_nginx.Frontend(plan(is_self_signed=True))
    assert made.makes_certificate
    made.try_out(made.files)


@as_root
@pytest.mark.usefixtures("_log")
def test_without_openssl_the_certificate_that_is_there_is_taken_to_last(tmp_path, monkeypatch):
    deploy(is_self_signed=True)
    monkeypatch.setattr(trigger_nginx, "OPENSSL", str(tmp_path / "openssl"))
    assert not trigger_nginx.Frontend(plan(is_self_signed=True)).makes_certificate


# nginx' journal


def test_what_nginx_complains_of_is_found_behind_a_position(tmp_path, monkeypatch):
    log = tmp_path / "error.log"
    monkeypatch.setattr(trigger_nginx, "ERROR_LOG", str(log))
    assert trigger_nginx.size(str(log)) == 0
    assert trigger_nginx.said_since(0) == f"see {log}"
    log.write_bytes(b"x [emerg] of before \xff\n")
    position = trigger_nginx.size(str(log))
    with open(log, "ab") as file:
        file.write(b"a [emerg] one\nb [notice] two\nc [alert] three \xe4\n")
    said = trigger_nginx.said_since(position)
    assert "one" in said and "three" in said
    assert "of before" not in said and "two" not in said
