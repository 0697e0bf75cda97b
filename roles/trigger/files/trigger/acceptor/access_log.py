"""What is told of requests: a line for the journal, and a count for metrics. Both are kept and written together, since
many requests may be answered at once."""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.exchange import Exchange
    from trigger.counts import Counts

SAVE_EVERY = 15.0  # seconds between two times that counts are written


class AccessLog:
    """name: the endpoint's. counts: None where nobody wants metrics."""

    def __init__(self, name: str, counts: "Counts | None" = None) -> None:
        self._name = name
        self._counts = counts
        self._counts_saved = time.monotonic()
        self._lines: list[str] = []

    def say(self, line: str) -> None:
        """Tell the journal something that is not about one request."""
        self._lines.append(line + "\n")

    def answered(self, exchange: "Exchange", seconds: float) -> None:
        """Tell of a request that is answered, so many seconds after its client came."""
        request, attempt, reply = exchange.request, exchange.attempt, exchange.reply
        self.say(
            'endpoint=%s request=%s peer=%s user=%s auth=%s method=%s path=%s status=%d reason="%s" ms=%.1f'
            % (
                self._name,
                exchange.request_id or "-",
                exchange.peer.decode("latin-1") or "unix",
                exchange.user.decode("latin-1") or "-",
                attempt.accepted[0] if attempt and attempt.accepted else "-",
                request.method.decode("latin-1")[:32] if request else "-",
                request.path.decode("latin-1")[:256] if request else "-",
                reply.status,
                reply.reason,
                seconds * 1000,
            )
        )
        outcome = exchange.outcome or ("refused %d" % reply.status if reply.status >= 400 else None)
        if outcome and self._counts is not None:
            self._counts.add(outcome)

    def write(self, counts_too: bool = False) -> None:
        """Write the lines; and the counts, when it is time or they are asked for. A journal that is gone stops
        nobody."""
        if self._counts is not None and (counts_too or time.monotonic() - self._counts_saved >= SAVE_EVERY):
            self._counts_saved = time.monotonic()
            try:
                self._counts.save()
            except OSError as error:
                self.say("<4>the counts for metrics cannot be written: %s" % error)
        lines, self._lines = self._lines, []
        if lines:
            try:
                os.write(2, "".join(lines).encode("latin-1", "replace"))
            except OSError:
                pass
