"""What must hold on every host, whatever the scenario."""

from host import blame, run


def test_no_unit_needs_a_person():
    """A job that failed shows as failed; anything else of ours, or of the host's, must not."""
    failed = run("systemctl", "--failed", "--plain", "--no-legend").splitlines()
    assert [line for line in failed if not line.startswith("trigger-run@")] == [], blame()
