"""What becomes of a claim whose run has ended: its output is kept, its record written, and what follows it started."""

from trigger.dispatcher import earlier, history, on_end, output_files


def record(endpoint, claims, ids, noted, start_unit, say):
    """Record the run of requests, and let their claim go. noted: dict, as claims.Claims.note() has kept it. start_unit:
    a function that orders systemd to start a unit. say: one that writes a line to the journal. Raises OSError; what is
    not done yet is done when it is called again."""
    run_id, is_earlier = ids[-1], noted["is_earlier"]
    told = earlier.told(claims, endpoint, run_id) if is_earlier else claims.told(run_id)
    try:  # before the record, so that whoever sees the one finds the other
        output_files.keep(endpoint, run_id, earlier.output_file(endpoint) if is_earlier else endpoint.output_file)
    except OSError as error:
        say("<4>the output of run %s is not kept: %s" % (run_id, error))
    history.write(endpoint, ids, noted["started"], {**noted["outcome"], **told}, noted["finished"])
    finish(endpoint, claims, ids, noted, start_unit, say)


def finish(endpoint, claims, ids, noted, start_unit, say):
    """The same, from where the record is written. noted: dict, or None where it was kept by nobody."""
    claims.remove(ids)
    if noted is not None:
        written = {"endpoint": endpoint.name, "id": ids[-1], **noted["outcome"]}
        written["duration"] = round(max(0.0, noted["finished"] - noted["started"]), 3)
        follow_up(endpoint, written, start_unit, say)
        if noted["is_earlier"]:
            earlier.tidy(endpoint, say)
        say("run %s %s" % (ids[-1], written["state"]))
    claims.release(ids)  # and with them the outcome, by which all of this would be done once more


def follow_up(endpoint, written, start_unit, say):
    """Start the units that the endpoint names for the end of a run. written: dict, its record."""
    if endpoint.on_success or endpoint.on_failure:
        for problem in on_end.start(endpoint, written, start_unit):
            say("<3>after run %s: %s" % (written["id"], problem))


def set_aside(endpoint, damaged, say):
    """Tell what was no request. damaged: list of (name, name from now on, reason). Raises OSError."""
    for name, aside, reason in damaged:
        # ascii(), because the acceptor chose the name, and it must not write lines of its own here.
        say("<3>%s in %s is set aside as %s: %s" % (ascii(name), endpoint.spool, ascii(aside), reason))
        history.write_damaged(endpoint, name, reason)
