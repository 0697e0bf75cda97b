"""Something that goes on beside a test."""

import threading


class Background(threading.Thread):
    """Calls a function beside the test. result() returns what it has returned, or raises what it has raised."""

    def __init__(self, function, *arguments, **options):
        super().__init__(daemon=True)
        self._call = lambda: function(*arguments, **options)
        self._result = self._error = None
        self.start()

    def run(self):
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error

    def result(self, seconds=60):
        self.join(seconds)
        assert not self.is_alive(), f"in {seconds} s it has not ended"
        if self._error is not None:
            raise self._error
        return self._result
