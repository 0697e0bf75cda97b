"""What a job prints. While the run lasts, it is a file beside the claim, and then one beside the record."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.paths import Paths

CUT = b"\n[what follows is cut off: output_limit is %d bytes]\n"


def path(endpoint: "Paths", run_id: str) -> str:
    """Where the output of a recorded run is."""
    return endpoint.runs + "/" + run_id + ".output"
