"""Whether the doctor sees certificates that end."""

import subprocess

import pytest

from trigger.ctl.doctor import nginx


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Certificates by the days that they are good for: dict of int to PEM text."""
    place = tmp_path_factory.mktemp("certificates")
    texts = {}
    for days in (nginx.DAYS - 1, nginx.DAYS + 1):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-keyout", place / "key", "-out", place / "pem", "-days", str(days), "-subj", f"/CN={days}"]
        subprocess.run(command, check=True, capture_output=True)
        texts[days] = (place / "pem").read_text()
    return texts


@pytest.mark.parametrize(
    ("days", "is_good"),
    [
        ([nginx.DAYS + 1], True),
        ([nginx.DAYS - 1], False),
        ([nginx.DAYS + 1, nginx.DAYS + 1], True),
        ([nginx.DAYS + 1, nginx.DAYS - 1], False),  # an authority above it, or its successor
        ([nginx.DAYS - 1, nginx.DAYS + 1], False),
        ([], False),
    ],
)
def test_each_certificate_of_a_file_counts(made, tmp_path, days, is_good):
    path = tmp_path / "chain.pem"
    path.write_text("what openssl writes above it\n".join(["", *(made[each] for each in days)]))
    found = list(nginx.certificates(str(path), "renew it"))
    assert (found == []) == is_good
    bad = [number for number, each in enumerate(days, 1) if each < nginx.DAYS] or [1]
    assert is_good or [each.what.partition(" cannot")[0] for each in found] == [
        f"certificate {number} of {path}" for number in bad
    ]
    assert all(each.mend == "renew it" for each in found)


@pytest.mark.parametrize("label", ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"])
def test_other_names_of_certificates(made, tmp_path, label):
    path = tmp_path / "other.pem"
    path.write_text(made[nginx.DAYS - 1].replace("CERTIFICATE", label) + made[nginx.DAYS - 1])
    assert len(list(nginx.certificates(str(path), "renew it"))) == 2
    path.write_text(made[nginx.DAYS + 1].replace("CERTIFICATE", label) + made[nginx.DAYS + 1])
    assert list(nginx.certificates(str(path), "renew it")) == []


SITE = """
    ssl_certificate /etc/ssl/a.pem;
    ssl_client_certificate /etc/ssl/ca.pem;
    # ssl_certificate /etc/ssl/old.pem;
    ssl_certificate "/etc/ssl/quoted.pem";
    ssl_certificate certs/relative.pem;
    ssl_certificate /etc/ssl/$ssl_server_name.pem;
\tssl_certificate   /etc/ssl/b.pem ;
"""


def test_the_files_that_a_site_names():
    assert nginx.named("ssl_certificate", SITE) == ["/etc/ssl/a.pem", "/etc/ssl/b.pem"]
    assert nginx.named("ssl_client_certificate", SITE) == ["/etc/ssl/ca.pem"]


def test_one_that_is_no_certificate(made, tmp_path):
    path = tmp_path / "cut.pem"
    path.write_text(made[nginx.DAYS + 1].replace("MII", "xyz", 1))
    assert len(list(nginx.certificates(str(path), "renew it"))) == 1


def test_one_that_is_not_there(tmp_path):
    (found,) = nginx.certificates(str(tmp_path / "gone.pem"), "renew it")
    assert found.what == f"{tmp_path}/gone.pem cannot be read: No such file or directory"
