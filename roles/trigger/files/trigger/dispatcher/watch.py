"""The watch over the run under way: what its runner tells, how long it may take, how it ends, and that this is written
down before its runner may leave."""

import time

from trigger import run_protocol
from trigger.dispatcher import schedule
from trigger.dispatcher.claim_lock import ClaimLock
from trigger.dispatcher.departure import LOOK_EVERY, LOOK_FIRST, SILENCE
from trigger.dispatcher.link import Lost
from trigger.dispatcher.standby import activation_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.dispatcher.job_unit import JobUnit
    from trigger.dispatcher.link import Link
    from trigger.dispatcher.recorder import Recorder
    from trigger.dispatcher.standby import Standby
    from trigger.endpoint import Endpoint
    from trigger.run_protocol import Message

LOOK_STOPPED = 1.0  # seconds between two looks whether a unit has ended that was ordered to stop


class Run:
    """What this dispatcher knows of the run under way. ids: of its requests, oldest first. invocation: the activation
    that it was claimed for, or None. handed: whether this dispatcher has handed it over. since: when it was, or when
    its runner says that the job began, in microseconds of CLOCK_MONOTONIC, or None. began: whether it has said so.
    stopping: whether it has said that it is being stopped. overtime: whether the time was over. cancelled: whether a
    client had it stopped."""

    __slots__ = ("began", "cancelled", "handed", "ids", "invocation", "overtime", "since", "stopping")

    def __init__(self, ids: "list[str]", invocation: "str | None", handed: bool = False) -> None:
        self.ids = ids
        self.invocation = invocation
        self.handed = handed
        self.since = time.monotonic_ns() // 1000 if handed else None
        self.began = False
        self.stopping = False
        self.overtime = False
        self.cancelled = False

    @property
    def id(self) -> str:
        """The id that it goes by."""
        return self.ids[-1]

    def begin(self, since: int) -> None:
        """Its runner says that the job began, and when. A job may lie for its runner, and gains no time."""
        if not self.began:
            self.began = True
            self.since = min(since, time.monotonic_ns() // 1000)


class Watch:
    """link: None where nobody tells of the run: this dispatcher is new. Methods raise OSError and Failed."""

    def __init__(
        self,
        run: Run,
        link: "Link | None",
        endpoint: "Endpoint",
        unit: "JobUnit",
        standby: "Standby",
        recorder: "Recorder",
    ) -> None:
        self.run = run
        self.link = link
        self.is_over = False  # whether the run is recorded, or given back
        self._looked_at = time.monotonic()
        self._endpoint = endpoint
        self._unit = unit
        self._standby = standby
        self._recorder = recorder

    def is_about_to_begin(self) -> bool:
        """Whether we are about to hear whether it has begun."""
        return self.run.handed and not self.run.began

    def hear(self) -> None:
        """Take in what the runner says."""
        if self.link is None:
            return
        try:
            for message in self.link.messages():
                self._take_message(message)
                if self.is_over:
                    return
        except Lost as lost:
            self.lose(lost)

    def lose(self, lost: Lost) -> None:
        """The connection is over."""
        self._let_go()
        self._standby.retry_later()
        if self.is_about_to_begin():
            self._give_back()
            self._standby.cannot_start.met("its runner left before the job began (%s)" % lost, self.run.ids)

    def cancel(self) -> None:
        """Have the job stopped, for somebody who wants that. One that has not begun would only be given back."""
        if self.run.cancelled or not self.run.began:
            return
        self.run.cancelled = True
        self._looked_at = time.monotonic()
        self._recorder.say("run %s is cancelled, and stopped" % self.run.id)
        try:
            with ClaimLock(self._endpoint) as lock:
                lock.cancel(self.run.id)
        except OSError:
            pass  # on a full disk, which may be what it is cancelled for, only this dispatcher knows why it ends
        self._unit.stop()

    def follow(self) -> float:
        """See that it ends. Returns in how many seconds to look again."""
        return self._find() if self.link is None else min(self._mind_the_clock(), self._mind_the_unit())

    # What the runner tells.

    def _take_message(self, message: "Message") -> None:
        if message.kind == run_protocol.IDLE:
            self._hear_of_no_run(activation_in(message))
        elif message.kind == run_protocol.STOPPING:
            self.run.stopping = True
        elif message.run_id != self.run.id:
            self._standby.hear_of_another(self.link, message)
            self.link = None
        elif message.kind in (run_protocol.BEGAN, run_protocol.RUNNING):
            self._begun(message)
        elif message.kind == run_protocol.ENDED:
            self._begun(message)
            self._ended(message)

    def _hear_of_no_run(self, invocation: str) -> None:
        if self.run.handed or self.run.began or self.run.invocation != invocation:
            raise Lost("it knows of no run")
        # Claimed by a dispatcher that was killed before it had handed the run over.
        self._give_back()
        self._standby.take_back(self.link, invocation)
        self.link = None

    def _begun(self, message: "Message") -> None:
        if not self.run.began:
            self.run.begin(message.since)
            self._standby.cannot_start.over()

    def _ended(self, message: "Message") -> None:
        """The runner says how its job has ended."""
        from trigger.dispatcher import outcome

        run, code, status = self.run, message.code, message.status
        if code not in outcome.CODES or not 0 <= status < 256:
            raise Lost("no process ends so")
        result, stopped = "success", None
        if run.stopping or (code, status) != (run_protocol.EXITED, 0):
            active, result = self._unit.properties("ActiveState", "Result")
            if active == "deactivating":
                stopped = self._unit.stopped_for()
        if stopped == "order" and self._endpoint.timeout is not None:
            # Also where it was a dispatcher before this one that had it stopped.
            run.overtime |= time.monotonic() - run.since / 1e6 >= self._endpoint.timeout
        self._settle(lambda cancelled: outcome.of_job(code, status, stopped, cancelled, run.overtime, result))

    # The clock.

    def _mind_the_clock(self) -> float:
        """Have the job stopped when its time is over. Returns in how many seconds to look again."""
        run, timeout = self.run, self._endpoint.timeout
        if not run.began and not self._recorder.is_earlier():
            timeout = SILENCE  # a job can stop its runner
        if timeout is None or run.since is None or run.overtime:
            return schedule.FOREVER
        left = run.since / 1e6 + timeout - time.monotonic()
        if left > 0:
            return left
        self._recorder.say("<4>run %s has taken its %g seconds, and is stopped" % (run.id, timeout))
        self._unit.stop()
        run.overtime = True
        self._looked_at = time.monotonic()
        return schedule.FOREVER

    def _mind_the_unit(self) -> float:
        """Let the connection go when the activation is over: it outlives its runner in the hands of another process of
        that user, and would hold up whoever waits for this run. Behind an order to stop not at once: where the
        connection waits for a runner, the next one takes it, and says that it is another. Returns in how many seconds
        to look again."""
        run = self.run
        left = self._looked_at + (LOOK_STOPPED if run.overtime or run.cancelled else SILENCE) - time.monotonic()
        if left > 0:
            return left
        self._looked_at = time.monotonic()
        if not self._unit.activation().is_still(run.invocation):
            self.hear()  # what its runner said before it left
            if self.link is not None:
                self.lose(Lost("its unit has ended"))
        return 0

    # Nobody tells.

    def _find(self) -> float:
        """Find out about a run of which nobody tells: this dispatcher is new, or the connection is lost. Returns in how
        many seconds to look again."""
        from trigger.dispatcher import recovery

        is_earlier = self._recorder.is_earlier()
        found, more = recovery.find(self.run, is_earlier, self._unit, self._recorder)
        if found == recovery.UNDER_WAY:
            return self._ask_again(more, is_earlier)
        if found == recovery.NOTED:
            self._conclude(more)
        elif found == recovery.NOT_BEGUN:
            self._give_back()
        elif found == recovery.ENDED:
            self._settle(more)
            if is_earlier:
                self._unit.try_stop()  # systemd would start the unit of now once more, as if a start had failed
                self._unit.try_start_socket()  # which could not start beside that run
        return 0

    def _ask_again(self, is_running: bool, is_earlier: bool) -> float:
        if is_running:
            self.link = self._standby.ask_again()
        if self.run.since is None:  # until the runner tells, which an earlier release's never does
            ago = time.time() - self._recorder.claimed_at(self.run.id) if is_earlier else 0.0
            self.run.since = int((time.monotonic() - ago) * 1e6)
        if self.link is not None:
            return 0
        return min(LOOK_EVERY if is_running else 10 * LOOK_FIRST, self._mind_the_clock())

    # Its end.

    def _settle(self, how: "Callable[[bool], dict]") -> None:
        """Write down how the run ended, let its runner leave, and record it, while the next runner starts. how: a
        function that tells it when it is told whether the run was cancelled."""
        run = self.run
        with ClaimLock(self._endpoint) as lock:
            outcome = {**how(run.cancelled or lock.is_cancelled(run.id)), "invocation_id": run.invocation}
            noted = self._recorder.note(run.id, outcome)
            if self.link is not None:
                self.link.noted(run.id, outcome["state"])
                self._let_go()
            self._standby.departure.expect(run.invocation)
            if outcome["state"] == "succeeded":  # after one that failed its unit shows that
                self._standby.ask_ahead(self._endpoint)
            self._recorder.record(run.ids, noted)
        self.is_over = True

    def _conclude(self, noted: "dict | None") -> None:
        """Go on where a dispatcher was killed that had heard how the run ended. noted: None where the run is
        recorded."""
        with ClaimLock(self._endpoint):
            if self._recorder.has(self.run.id) or noted.get("is_recorded"):
                self._recorder.finish(self.run.ids, noted)
            else:
                self._recorder.record(self.run.ids, noted)
        self.is_over = True
        self._standby.departure.expect(self.run.invocation)
        if not self._standby.departure.is_over():
            self._standby.ask(self._endpoint)  # its runner has not heard of that

    def _give_back(self) -> None:
        with ClaimLock(self._endpoint):
            self._recorder.give_back(self.run.ids)
        self.is_over = True

    def _let_go(self) -> None:
        self.link.close()
        self.link = None
