"""What a job prints, as it is kept: in one file while its run lasts, and then in one beside the record."""

CUT = b"\n[what follows is cut off: output_limit is %d bytes]\n"


def path(endpoint, run_id):
    """Where the output of a recorded run is."""
    return endpoint.runs + "/" + run_id + ".output"
