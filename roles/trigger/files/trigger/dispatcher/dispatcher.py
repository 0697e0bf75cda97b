"""The way of a request from the spool to its record: claim, hand over, wait, record.

Whatever is killed, the other goes on. The claim says which activation of the job's unit it was handed to; a dispatcher
that finds one asks that runner, and where there is none any more, nobody knows how the run ended: it is `interrupted`.
What is said to have ended is written down in the claim before the runner may leave.
"""

import os
import select
import time

from trigger import endpoint as configuration
from trigger import entry, parameters, paths, records, run_protocol
from trigger.dispatcher import earlier, freshness, schedule
from trigger.dispatcher.cannot_start import CannotStart
from trigger.dispatcher.claim_lock import ClaimLock
from trigger.dispatcher.claims import Claims
from trigger.dispatcher.departure import LOOK_EVERY, LOOK_FIRST, SILENCE, Departure
from trigger.dispatcher.job_unit import JobUnit
from trigger.dispatcher.link import Link, Lost
from trigger.dispatcher.systemd_bus import Manager

STAY = 1.0  # seconds at the least; or a flood of bytes would be a flood of starts
RETRY = 1.0  # seconds before a runner is asked for again that has left without beginning
SEEN = 2  # activations that may be seen until a runner greets: the one before, and its own
MESSAGES = 16  # that are heard at once: whoever floods us does not stop the clock


class Run:
    """What this dispatcher knows of the run under way. ids: list of str. invocation: str or None, the activation that
    it was claimed for. handed: bool, whether this dispatcher has handed it over. began: bool, whether its runner has
    said that the job began, and since: when that was, in microseconds of CLOCK_MONOTONIC, or None."""

    __slots__ = ("began", "handed", "ids", "invocation", "overtime", "since", "stopping")

    def __init__(self, ids, invocation):
        self.ids = ids
        self.invocation = invocation
        self.handed = False
        self.began = False
        self.since = None
        self.stopping = False
        self.overtime = False

    @property
    def id(self):
        """The id that it goes by."""
        return self.ids[-1]


class Dispatcher:
    """name: str, of the endpoint. fifo: the descriptor on which bytes arrive."""

    def __init__(self, name, fifo):
        self._name = name
        self._places = paths.Paths(name)
        self._fifo = fifo
        self._manager = Manager()
        self._unit = JobUnit(name, self._manager, self._say)
        self._departure = Departure(self._unit)  # of the runner before
        self._configuration = None
        self._load()
        self._claims = Claims(self._endpoint)
        self._run = None
        self._link = None
        self._idle = None  # the activation of a runner that stands ready
        self._prepared = None  # freshness.stamp of when it was asked for
        self._asked_at = None
        self._tried = set()  # the activations that were seen since
        self._lock = None
        self._locked = False
        self._awaits_lock = False
        self._first_seen = None  # when the requests were first seen that wait now
        self._retry_at = 0.0
        self._keep_until = 0.0
        self._stay_until = time.monotonic() + STAY
        self._cannot_start = CannotStart(self._places.cannot_start, self._say, self._tell_hindrance)
        self._stopping = False

    def stop(self):
        """Leave as soon as what is known is written down."""
        self._stopping = True

    def serve(self, awake):
        """Serve until nothing is left to do. awake: a descriptor that becomes readable with a signal. Raises OSError
        and Failed; the next dispatcher goes on from there."""
        while True:
            self._empty_fifo()  # first: what comes from here on leaves a byte
            seconds = self._step()
            if seconds is None:
                return
            self._wait(seconds, awake)

    def _step(self):
        """Do what is to be done. Returns in how many seconds to look again, or None to leave."""
        self._hear()
        if self._stopping and not (self._run and self._run.handed and not self._run.began):
            return self._leave()  # but for a run of which we are about to hear whether it has begun
        if self._run is None:
            ids = self._claims.ids()
            if ids:
                self._run = Run(ids, self._claims.invocation())
        if self._run is not None:
            return self._follow(self._run)
        if self._departure.invocation is not None and self._locked:
            if not self._departure.is_over():
                return self._departure.look_again_in()
            self._release_lock()
        return self._look_for_work()

    def _wait(self, seconds, awake):
        poll = select.poll()
        fds = [self._fifo, awake, self._link, self._lock.fileno() if self._awaits_lock else None]
        for fd in fds:
            if fd is not None:
                poll.register(fd, select.POLLIN)
        if seconds >= LOOK_EVERY:
            self._manager.close()  # systemd would keep for us whatever its units do
        for fd, _ in poll.poll(None if seconds == schedule.FOREVER else max(0, int(seconds * 1000 + 0.999))):
            if fd == awake:
                os.read(awake, 64)

    def _empty_fifo(self):
        try:
            if os.read(self._fifo, 65536):
                self._stay_until = time.monotonic() + STAY
        except BlockingIOError:
            pass

    def _leave(self):
        self._unit.bring_socket_back()
        if self._link is not None:
            if self._idle:
                self._link.leave()
            self._link.close()

    # No run is under way.

    def _look_for_work(self):
        if self._unit.socket_is_away:
            if not self._unit.is_over():
                return LOOK_EVERY / 5
            self._unit.bring_socket_back()
        now = time.monotonic()
        self._load()
        self._awaits_lock = False
        waiting = self._claims.waiting()
        step, seconds = schedule.decide(self._seen(waiting, now), now)
        if step == schedule.CONNECT:
            self._connect()
        elif step == schedule.CLAIM:
            self._claim()
        elif step == schedule.DISMISS:
            self._dismiss()
        elif step == schedule.TAKE_LOCK:
            return self._take_lock()
        elif step == schedule.RELEASE_LOCK:
            self._release_lock()
        elif step == schedule.LEAVE:
            # A job that has stopped its runner, and said in its name that it has ended, would live on.
            return None if self._departure.is_over() else self._departure.look_again_in()
        elif waiting and self._link is not None and not self._idle:
            self._look_at_runner(waiting)
        return seconds

    def _seen(self, waiting, now):
        waits = bool(waiting) and not self._is_paused()
        if not waits:
            self._first_seen = None
            if not waiting:
                self._cannot_start.over()
        elif self._first_seen is None:
            self._first_seen = now
        runner = schedule.NONE
        if self._link is not None:
            runner = schedule.IDLE if self._idle else schedule.ASKED
            if self._idle and waits and self._prepared != freshness.stamp(self._endpoint):
                runner = schedule.STALE
        return schedule.Seen(
            waits=waits,
            quiet_at=self._quiet_at(waiting, now) if waits and self._endpoint.debounce else now,
            exclusive=self._endpoint.exclusive is not None,
            locked=self._locked,
            runner=runner,
            hindered=bool(self._cannot_start),
            retry_at=self._retry_at,
            keep_until=self._keep_until,
            stay_until=self._stay_until,
        )

    def _is_paused(self):
        return os.path.exists(self._places.pause_mark)

    def _quiet_at(self, waiting, now):
        stamps = [entry.second_of(name) for name in waiting if entry.is_id(name)]
        quiet_at = now + schedule.quiet_in(self._endpoint, stamps, time.time())
        # A clock that was set back must not let requests wait for longer than was said.
        return min(quiet_at, self._first_seen + self._endpoint.debounce_max)

    def _load(self):
        """Read the configuration, when it has changed."""
        status = os.stat(self._places.configuration)
        version = (status.st_ino, status.st_mtime_ns)
        if version != self._configuration:
            self._endpoint = configuration.load(self._name)
            self._configuration = version

    def _connect(self):
        """Ask for a runner. systemd starts it, once a second where that fails, and the connection waits meanwhile."""
        self._prepared = freshness.stamp(self._endpoint)
        try:
            self._link = Link(self._places.run_socket_path)
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY
            self._mend_socket(error)
            return
        self._idle = None
        self._tried = set()
        self._asked_at = time.monotonic()
        self._keep_until = self._asked_at + self._endpoint.job_linger

    def _mend_socket(self, error):
        """The runner's socket is not there: it was stopped, or has met its trigger limit; or the job's unit still is
        that of an earlier release, beside which it cannot start."""
        self._say("<4>the runner's socket does not answer (%s), so it is started" % error.strerror)
        if self._unit.is_over():
            self._unit.try_start_socket()

    def _dismiss(self):
        if self._idle:
            self._link.leave()
            self._departure.expect(self._idle)
        else:
            self._link.close()
            self._unit.take_socket_away()
        self._link = None
        self._idle = None

    def _take_lock(self):
        if self._lock is None:
            from trigger.dispatcher.exclusive import Exclusive

            self._lock = Exclusive(self._name, self._endpoint.exclusive, self._is_over)
            waited = False
        else:
            waited = True
        self._locked = self._lock.take()
        if self._locked:
            return 0
        self._awaits_lock = True
        if not waited:
            self._say("waiting for the lock %s" % self._endpoint.exclusive)
        return LOOK_EVERY if self._lock.holder else schedule.FOREVER

    def _release_lock(self):
        self._lock.release()
        self._lock = None
        self._locked = False

    def _is_over(self, name):
        return JobUnit(name, self._manager, self._say).is_over()

    # A job that cannot start.

    def _look_at_runner(self, waiting):
        """It was asked for, and does not come."""
        if time.monotonic() < self._asked_at + schedule.PATIENCE:
            return
        active, sub, result, invocation = self._unit.properties("ActiveState", "SubState", "Result", "InvocationID")
        silent = active == "active" and time.monotonic() > self._asked_at + SILENCE
        if sub == "exited" or silent:
            self._unit.try_stop()  # RemainAfterExit= of somebody's, or a runner that a job has stopped
            self._asked_at = time.monotonic()
        elif active == "failed" or sub == "auto-restart":
            self._cannot_start.met("its unit ends with %s" % result, waiting)
        elif len(self._tried | {invocation}) > SEEN:
            # It ends in a way after which systemd starts it again at once, for as long as a connection waits.
            self._lose(Lost("it ends at once"))
        self._tried.add(invocation)

    # A run.

    def _claim(self):
        """Take what the next run serves, and hand it over to the runner that stands ready."""
        with ClaimLock(self._endpoint):
            waiting = self._claims.waiting()  # some may have been cancelled by now
            if not waiting or self._is_paused():
                return
            names = schedule.batch(self._endpoint, waiting, self._claims.parameters_in_spool)
            claim, damaged, unreadable = self._claims.take(names, self._idle)
        for name in unreadable:
            self._say("<3>%s in %s cannot be read, and waits" % (ascii(name), self._endpoint.spool))
        if damaged:
            self._recorder().set_aside(damaged)
        if claim is None:
            return
        self._run = Run(claim.ids, self._idle)
        self._run.handed = True
        self._run.since = time.monotonic_ns() // 1000  # until the runner knows better
        self._first_seen = None
        try:
            self._hand_over(claim)
        except Lost as lost:
            self._lose(lost)
        finally:
            os.close(claim.stdin)

    def _hand_over(self, claim):
        from trigger.dispatcher import output_files

        endpoint = self._endpoint
        values = parameters.read_back(endpoint.parameters or [], claim.variables)
        variables = {**claim.variables, **dict(parameters.variables(values))}
        variables[b"TRIGGER_ENDPOINT"] = self._name.encode()
        variables[b"TRIGGER_REQUESTS"] = b"%d" % len(claim.ids)
        command = parameters.expand(endpoint.command, values)
        output = output_files.create(endpoint)
        fifo = self._open_fifo()
        self._idle = None
        try:
            # What stands in front of an answer's head must be its own: errors are told to the journal alone.
            errors = endpoint.output != "cgi"
            limit = endpoint.output_limit
            self._link.run(claim.ids[-1], len(claim.ids), command, variables, claim.stdin, output, limit, errors, fifo)
        finally:
            os.close(output)
            os.close(fifo)

    def _open_fifo(self):
        """For the runner, which may only write there."""
        try:
            return os.open(self._places.wake_fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)

    def _hear(self):
        try:
            for _ in range(MESSAGES):
                message = self._link.receive() if self._link is not None else None
                if message is None:
                    return
                self._take_message(message)
        except Lost as lost:
            self._lose(lost)

    def _take_message(self, message):
        run = self._run
        if message.kind == run_protocol.IDLE and self._idle is None:
            self._greeted(message.invocation)
        elif message.kind == run_protocol.STOPPING:
            if run is None:
                raise Lost("it is being stopped")
            run.stopping = True
        elif run is None or message.run_id != run.id:
            self._hear_of_another(message)
        elif message.kind in (run_protocol.BEGAN, run_protocol.RUNNING):
            self._begun(run, message)
        elif message.kind == run_protocol.ENDED:
            self._begun(run, message)
            self._ended(run, message)

    def _hear_of_another(self, message):
        """A runner that tells of no run that is claimed."""
        if (
            message.kind == run_protocol.ENDED
            and entry.is_id(message.run_id)
            and records.has(self._endpoint, message.run_id)
        ):
            # By a dispatcher that was killed before the runner had heard of it.
            failed = (message.code, message.status) != (run_protocol.EXITED, 0)
            self._link.noted(message.run_id, "failed" if failed else "succeeded")
            self._link.close()
            self._link = None
        elif message.kind != run_protocol.STOPPING:
            self._unit.try_stop()
            raise Lost("it tells of a run that nobody asked for")

    def _greeted(self, invocation):
        run = self._run
        if len(invocation) != 32 or not invocation.isalnum():
            raise Lost("it does not say which activation it is")
        if run is None and invocation == self._departure.invocation:
            raise Lost("it was told to leave")
        if run is None:
            self._idle = invocation
            self._departure.expect(None)  # systemd has started this one behind it
        elif not run.handed and not run.began and run.invocation == invocation:
            # Claimed by a dispatcher that was killed before it had handed the run over.
            self._give_back(run)
            self._idle = invocation
        else:
            raise Lost("it knows of no run")

    def _begun(self, run, message):
        if not run.began:
            run.began = True
            # A job may lie for its runner, and gains no time.
            run.since = min(message.since, time.monotonic_ns() // 1000)
            self._cannot_start.over()

    def _give_back(self, run):
        with ClaimLock(self._endpoint):
            self._recorder().give_back(run.ids)
        self._run = None
        if self._locked:
            self._release_lock()

    def _lose(self, lost):
        """The connection is over."""
        self._link.close()
        self._link = None
        run, was_idle = self._run, self._idle is not None
        self._idle = None
        self._retry_at = time.monotonic() + RETRY
        if run is None:
            waiting = self._claims.waiting()
            if waiting and not was_idle:
                self._cannot_start.met("its runner said nothing (%s)" % lost, waiting)
        elif run.handed and not run.began:
            self._give_back(run)
            self._cannot_start.met("its runner left before the job began (%s)" % lost, run.ids)

    def _follow(self, run):
        """A run is under way."""
        if self._link is None:
            return self._find(run)
        return self._mind_the_clock(run)

    def _mind_the_clock(self, run):
        """Have the job stopped when its time is over. Returns in how many seconds to look again."""
        timeout = self._endpoint.timeout
        if not run.began and not earlier.has_claimed(self._endpoint):
            timeout = SILENCE  # a job can stop its runner
        if timeout is None or run.since is None or run.overtime:
            return schedule.FOREVER
        left = run.since / 1e6 + timeout - time.monotonic()
        if left > 0:
            return left
        self._say("<4>run %s has taken its %g seconds, and is stopped" % (run.id, timeout))
        self._unit.stop()
        run.overtime = True
        return schedule.FOREVER

    def _find(self, run):
        """Find out about a run of which nobody tells: this dispatcher is new, or the connection is lost."""
        noted = self._claims.noted(run.id)
        if noted is not None or records.has(self._endpoint, run.id):
            with ClaimLock(self._endpoint):
                if records.has(self._endpoint, run.id):
                    self._finish(run, noted)
                else:
                    self._record(run, noted)
            self._departure.expect(run.invocation)
            if not self._departure.is_over():
                self._connect()  # its runner has not heard of that
            return 0
        activation = self._unit.activation()
        if activation.is_still(run.invocation):
            return self._ask_again(run, activation.sub)
        self._close_books(run, activation.invocation == run.invocation)
        return 0

    def _ask_again(self, run, sub):
        now = time.monotonic()
        if sub == "running" and now >= self._retry_at:
            try:
                self._link = Link(self._places.run_socket_path)
                self._idle = None
            except OSError:
                pass  # somebody has stopped the socket; or the job is an earlier release's, which had none
            self._retry_at = now + RETRY
        if run.since is None:  # until the runner tells, which an earlier release's never does
            is_earlier = earlier.has_claimed(self._endpoint)
            run.since = int((now - (time.time() - self._claims.since(run.id) if is_earlier else 0)) * 1e6)
        if self._link is not None:
            return 0
        return min(LOOK_EVERY if sub == "running" else 10 * LOOK_FIRST, self._mind_the_clock(run))

    def _close_books(self, run, is_known):
        """The activation that had the run is over, and its runner has not told how it ended. is_known: bool, whether
        systemd still knows how that activation ended."""
        from trigger.dispatcher import outcome

        if not is_known:
            # Of itself systemd starts a unit again only behind a runner that had not begun.
            if self._unit.properties("NRestarts")[0]:
                self._give_back(run)
            else:
                self._settle(run, lambda cancelled: {"state": "interrupted"})
            return
        is_earlier = earlier.has_claimed(self._endpoint)
        result, code, status = self._unit.properties("Result", "ExecMainCode", "ExecMainStatus")
        if not run.began and not is_earlier:
            if code == run_protocol.EXITED and status in (0, 1):
                self._give_back(run)  # a runner leaves so that has not begun
            else:
                self._settle(run, lambda cancelled: outcome.of_unheard(code, status, cancelled))
            return
        # The job of an earlier release has no runner that would say so.
        was_asked = run.stopping or (is_earlier and outcome.is_asked(result, code, status))
        stopped = self._unit.stopped_for() if was_asked or result == "timeout" else None
        end = outcome.of_job if is_earlier else outcome.of_lost_runner
        self._settle(run, lambda cancelled: end(code, status, stopped, cancelled, run.overtime, result))
        if is_earlier:
            self._unit.try_stop()  # systemd would start the unit of now once more, as if a start had failed
            self._unit.try_start_socket()  # which could not start beside that run

    def _ended(self, run, message):
        """The runner says how its job has ended."""
        from trigger.dispatcher import outcome

        if message.code not in outcome.CODES or not 0 <= message.status < 256:
            raise Lost("no process ends so")
        result, stopped = "success", None
        if run.stopping or (message.code, message.status) != (run_protocol.EXITED, 0):
            active, result = self._unit.properties("ActiveState", "Result")
            if active == "deactivating":
                stopped = self._unit.stopped_for()
        if stopped == "order" and self._endpoint.timeout is not None:
            # Also where it was a dispatcher before this one that had it stopped.
            run.overtime |= time.monotonic() - run.since / 1e6 >= self._endpoint.timeout
        code, status = message.code, message.status
        self._settle(run, lambda cancelled: outcome.of_job(code, status, stopped, cancelled, run.overtime, result))

    def _settle(self, run, how):
        """Write down how a run ended, let its runner leave, and record it, while the next runner starts. how: a
        function that tells it, dict, when it is told whether the run was cancelled."""
        with ClaimLock(self._endpoint) as lock:
            found = {**how(lock.is_cancelled(run.id)), "invocation_id": run.invocation}
            noted = self._recorder().note(run.id, found)
            if self._link is not None:
                self._link.noted(run.id, found["state"])
                self._link.close()
                self._link = None
            self._departure.expect(run.invocation)
            if self._prepares(found["state"]):
                self._connect()
            self._record(run, noted)

    def _prepares(self, state):
        """Whether the next runner is started ahead. After a run that failed it is not, so that the unit shows that."""
        if self._stopping or self._endpoint.exclusive:
            return False
        return state == "succeeded" and self._endpoint.job_linger > 0

    def _record(self, run, noted):
        self._recorder().record(run.ids, noted)
        self._run = None
        self._stay_until = time.monotonic() + STAY

    def _finish(self, run, noted):
        """The run is recorded, and maybe no more than that."""
        self._recorder().finish(run.ids, noted)
        self._run = None

    def _tell_hindrance(self, request_id):
        told = {"endpoint": self._name, "id": request_id, "state": "cannot-start"}
        self._recorder().follow_up(told)

    def _recorder(self):
        from trigger.dispatcher.recorder import Recorder  # when the job is under way, not before

        return Recorder(self._endpoint, self._claims, self._manager.start, self._say)

    def _say(self, line):
        """Write a line to the journal; its level comes first, as sd-daemon(3) has it."""
        level, line = (line[:3], line[3:]) if line[0] == "<" else ("", line)
        try:
            print("%s%s: %s" % (level, self._name, line), flush=True)
        except OSError:
            pass  # a journal that is gone stops nobody
