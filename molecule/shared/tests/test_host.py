"""What must hold on every host, whatever the scenario."""

import subprocess


def test_no_unit_has_failed():
    failed = subprocess.run(
        ["systemctl", "--failed", "--plain", "--no-legend"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert failed.stdout == ""
