"""The acceptor's start: what it is made of, for one endpoint."""

import _signal

from trigger import endpoint, listen_fds, spool, wake
from trigger.acceptor.handler import Handler
from trigger.acceptor.loop import Loop


def main(name: str) -> int:
    """Serve the endpoint called name. Returns the exit status."""
    settings = endpoint.load(name)
    listeners = listen_fds.listen_sockets()
    guard = proxy = None
    problems = []
    if settings.auth or settings.frontend:
        from trigger.acceptor import credentials

        guard, shut = credentials.load_guard(settings)
        proxy, closed = credentials.load_proxy(settings)
        problems = [problem for problem in (shut, closed) if problem]
    memory = None
    if settings.auth and settings.replay_window:
        from trigger.acceptor import replay

        memory = replay.Deliveries(settings.deliveries, settings.replay_window)
    limit = None
    if settings.max_rate:
        from trigger.acceptor import rate_limit

        limit = rate_limit.Rate(settings.rate, *settings.max_rate)

    def is_recorded(request_id):  # asked only after an acceptor was killed
        from trigger import records

        return records.has(settings, request_id)

    def tell():
        wake.wake(name)

    stored = spool.Spool(settings.spool, settings.claimed, memory, is_recorded, settings.body_limit, tell)
    handler = Handler(settings, stored, guard, limit, proxy)
    numbers = None
    if settings.metrics:
        from trigger import counts

        numbers = counts.Counts(settings.request_counts)
    loop = Loop(settings, listeners, handler, numbers)
    for problem in problems:
        loop.log.say("<3>" + problem)
        settings.linger = 0  # the next one may find them again
    try:
        if any(stored.load()):
            tell()  # the acceptor before may have been killed when it was about to
    except OSError:
        pass  # whoever asks is told
    _signal.signal(_signal.SIGTERM, lambda *_: loop.stop())
    return loop.serve()
