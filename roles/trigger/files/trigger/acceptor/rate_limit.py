"""How many requests are accepted in a time: max_rate. The count survives the acceptor, in a file of the spool."""

from trigger import atomic_file


class Rate:
    """path: the file. count: requests in any so many seconds."""

    def __init__(self, path: str, count: int, seconds: float) -> None:
        self._path = path
        self._count = count
        self._seconds = seconds
        self._stamps: list[float] = None  # seconds since the epoch, oldest first

    def wait(self, now: float) -> float:
        """Return the seconds until one more may be accepted, 0 for now. Raises OSError."""
        self._load()
        # A stamp of the future is of before the clock was set back.
        self._stamps = [stamp for stamp in self._stamps if now - self._seconds < stamp <= now]
        if len(self._stamps) < self._count:
            return 0.0
        return self._stamps[-self._count] + self._seconds - now

    def count(self, now: float) -> None:
        """Count a request that is accepted."""
        self._stamps.append(now)

    def save(self) -> None:
        """Write the count down. Not durable: after a power cut a few may be accepted too many. Raises OSError."""
        atomic_file.replace(self._path, b"".join(b"%.3f\n" % stamp for stamp in self._stamps))

    def _load(self):
        if self._stamps is None:
            try:
                with open(self._path) as file:
                    self._stamps = [float(line) for line in file]
            except (FileNotFoundError, ValueError):
                self._stamps = []
