"""What is written down of a run: how it ended, with its claim; its record, and what it printed. And what follows."""

import time

from trigger import records
from trigger.dispatcher import earlier, systemd_bus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trigger.dispatcher.claims import Claims
    from trigger.endpoint import Endpoint


class Recorder:
    """start_unit: a function that orders systemd to start a unit. say: one that writes a line to the journal. Methods
    raise OSError, and NotNow where units cannot be started now; what is not done yet is done when record() or finish()
    is called again."""

    def __init__(
        self,
        endpoint: "Endpoint",
        claims: "Claims",
        start_unit: "Callable[[str], None]",
        say: "Callable[[str], None]",
    ) -> None:
        self._endpoint = endpoint
        self._claims = claims
        self._start_unit = start_unit
        self.say = say

    def is_earlier(self) -> bool:
        """Whether what is claimed was claimed by an earlier release."""
        return earlier.has_claimed(self._endpoint)

    def claimed_at(self, run_id: str) -> float:
        """Return when a run was claimed: seconds since the epoch."""
        return self._claims.since(run_id)

    def has(self, run_id: str) -> bool:
        """Whether a run has its record."""
        return records.has(self._endpoint, run_id)

    def noted(self, run_id: str) -> "dict | None":
        """Return what note() has returned for a run, maybe in another process, or None."""
        return self._claims.noted(run_id)

    def note(self, run_id: str, outcome: dict) -> dict:
        """Write down with its claim how a run ended, durably. Returns it with all that the record needs."""
        noted = {"id": run_id, "started": self._claims.since(run_id), "finished": time.time(), "outcome": outcome}
        noted["is_earlier"] = self.is_earlier()
        self._claims.note(noted)
        return noted

    def record(self, ids: "list[str]", noted: dict) -> None:
        """Record a run, have what follows started, and let its claim go. ids: of its requests. noted: as of note()."""
        from trigger.dispatcher import history, output_files

        endpoint, run_id, is_earlier = self._endpoint, ids[-1], noted["is_earlier"]
        told = earlier.told(self._claims, endpoint, run_id) if is_earlier else self._claims.told(run_id)
        try:  # before the record, so that whoever sees the one finds the other
            output_files.keep(endpoint, run_id, earlier.output_file(endpoint) if is_earlier else endpoint.output_file)
        except OSError as error:
            if error.errno in output_files.SHORTAGES:
                raise
            self.say("<4>the output of run %s is not kept: %s" % (run_id, error))
        history.write(endpoint, ids, noted["started"], {**noted["outcome"], **told}, noted["finished"])
        self.finish(ids, noted)

    def finish(self, ids: "list[str]", noted: "dict | None") -> None:
        """The same, from where the record is written. noted: None where it was kept by nobody."""
        self._claims.remove(ids)
        if noted is not None:
            written = {"endpoint": self._endpoint.name, "id": ids[-1], **noted["outcome"]}
            written["duration"] = round(max(0.0, noted["finished"] - noted["started"]), 3)
            try:
                self.follow_up(written, self._claims.told(ids[-1]).get("hops", []))
            except systemd_bus.NotNow:
                self._claims.note({**noted, "is_recorded": True})  # with keep_runs: 0 no record says so
                raise
            if noted["is_earlier"]:
                earlier.tidy(self._endpoint, self.say)
            self.say("run %s %s" % (ids[-1], written["state"]))
        self._claims.release(ids)  # and with them the outcome, by which all of this would be done once more

    def give_back(self, ids: "list[str]") -> None:
        """Give up the claim of a run that has not begun: its requests wait for the next one."""
        self._claims.release(ids)

    def follow_up(self, written: dict, hops: "Iterable[str]" = ()) -> None:
        """Start the units that the endpoint names for the end of a run. written: its record. hops: names of the
        endpoints whose ends have led to it."""
        if self._endpoint.on_success or self._endpoint.on_failure:
            from trigger.dispatcher import on_end

            for problem in on_end.start(self._endpoint, written, self._start_unit, hops):
                self.say("<3>after run %s: %s" % (written["id"], problem))

    def set_aside(self, damaged: "list[tuple[str, str, str]]") -> None:
        """Tell what was no request. damaged: of each its name, its name from now on, and the reason."""
        from trigger.dispatcher import history

        for name, aside, reason in damaged:
            # ascii(), because the acceptor chose the name, and it must not write lines of its own here.
            told = ascii(name), self._endpoint.spool, ascii(aside), reason
            self.say("<3>%s in %s is set aside as %s: %s" % told)
            history.write_damaged(self._endpoint, name, reason)
