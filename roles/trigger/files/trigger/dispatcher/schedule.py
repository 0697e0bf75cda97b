"""What the dispatcher does next, when no run is under way. No I/O."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.endpoint import Endpoint

# Steps.
WAIT = "wait"
CONNECT = "connect"  # to the runner, which systemd starts
TAKE_LOCK = "take the lock"
RELEASE_LOCK = "release the lock"
CLAIM = "claim"  # what waits, and hand it over
DISMISS = "dismiss"  # the idle runner
LEAVE = "leave"

# What there is of a runner.
NONE, ASKED, IDLE, STALE = "none", "asked", "idle", "stale"

FOREVER = float("inf")


class Seen:
    """What a step is decided by; times in seconds of one clock.

    waits: whether a request waits and no pause is in its way. quiet_at: when `debounce` lets it begin. exclusive:
    whether it needs a lock. locked: whether that is held. runner: NONE, ASKED, IDLE or STALE. look_at: when to look why
    the one that was asked for does not come. hindered: whether the job cannot start. retry_at: before which none is
    asked for again. keep_until: how long an idle runner is kept. stay_until: how long this process stays.
    """

    __slots__ = (
        "exclusive",
        "hindered",
        "keep_until",
        "locked",
        "look_at",
        "quiet_at",
        "retry_at",
        "runner",
        "stay_until",
        "waits",
    )

    exclusive: bool
    hindered: bool
    keep_until: float
    locked: bool
    look_at: float
    quiet_at: float
    retry_at: float
    runner: str
    stay_until: float
    waits: bool

    def __init__(self, **seen: object) -> None:
        for name, value in seen.items():
            setattr(self, name, value)


def decide(seen: Seen, now: float) -> "tuple[str, float]":
    """Return the next step, and in how many seconds to look again if nothing happens."""
    if not seen.waits:
        return _without_work(seen, now)
    if seen.quiet_at > now:
        if seen.locked:
            return RELEASE_LOCK, 0  # others that name it need not wait for that
        if seen.runner != NONE and seen.keep_until <= now:
            return DISMISS, 0
        return WAIT, seen.quiet_at - now
    needs_lock = seen.exclusive and not seen.locked
    if seen.runner == STALE:
        return DISMISS, 0
    if seen.runner == IDLE:
        return (TAKE_LOCK if needs_lock else CLAIM), 0
    if seen.hindered and seen.locked:
        return RELEASE_LOCK, 0  # others that name it need not wait for the repair
    if seen.runner == ASKED:
        return WAIT, max(0, seen.look_at - now)
    if needs_lock and not seen.hindered:
        return TAKE_LOCK, 0
    if seen.retry_at > now:
        return WAIT, seen.retry_at - now
    return CONNECT, 0


def _without_work(seen: Seen, now: float) -> "tuple[str, float]":
    if seen.locked:
        return RELEASE_LOCK, 0
    if seen.runner != NONE and (seen.hindered or seen.keep_until <= now):
        return DISMISS, 0
    if seen.runner != NONE:
        return WAIT, seen.keep_until - now
    if seen.stay_until > now:
        return WAIT, seen.stay_until - now
    return LEAVE, 0


def quiet_in(endpoint: "Endpoint", stamps: "list[float]", now: float) -> float:
    """Return in how many seconds the run may begin; 0 or less for now. stamps: seconds since the epoch at which
    the waiting requests were accepted, oldest first."""
    if not stamps:
        return 0.0
    return min(stamps[-1] + endpoint.debounce, stamps[0] + endpoint.debounce_max) - now


def batch(endpoint: "Endpoint", waiting: "list[str]", parameters_of: "Callable[[str], object]") -> "list[str]":
    """Which of the waiting entries the next run serves. One run serves several only if they ask for the same. waiting:
    oldest first. parameters_of: a function that says what one asks for."""
    if endpoint.when_busy == "queue":
        return waiting[:1]
    if not endpoint.parameters:
        return waiting
    first = parameters_of(waiting[0])
    return [waiting[0], *(name for name in waiting[1:] if parameters_of(name) == first)]
