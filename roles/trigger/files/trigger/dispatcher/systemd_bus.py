"""systemd's manager, by the socket that it keeps for root: 1 to 3 ms a call, where systemctl takes 6 to 16, and it
needs no bus. The D-Bus wire format, as far as it is used here: calls with strings, and replies with a path, a string,
a number or bytes.

https://dbus.freedesktop.org/doc/dbus-specification.html, org.freedesktop.systemd1(5)
"""

import _socket
import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOCKET = "/run/systemd/private"
TIMEOUT = 30.0  # seconds
REPLY_LIMIT = 1024 * 1024  # bytes

_MANAGER = "/org/freedesktop/systemd1"
_ORDER = b"l" if sys.byteorder == "little" else b"B"  # systemd answers in the order of the machine
_CALL, _RETURN, _ERROR = 1, 2, 3
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _SIGNATURE = 1, 2, 3, 4, 5, 8
# What is ordered would undo what systemd has been told to do whatever comes: that is how it goes down.
_GOES_DOWN = "org.freedesktop.systemd1.TransactionIsDestructive"


class Failed(Exception):
    """systemd refused, or could not be asked. str(error) says why."""


class NotNow(Failed):
    """It says nothing against the order: it could not be asked, as while it is executed anew, or the host goes down."""


class Manager:
    """A connection, made when it is first needed and again when systemd has closed it."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket: _socket.socket = None
        self._serial = 0
        self._received = b""

    def start(self, unit: str) -> None:
        """Order systemd to start a unit, without waiting for it. Raises Failed."""
        self._call(_MANAGER, "org.freedesktop.systemd1.Manager", "StartUnit", unit, "replace")

    def stop(self, unit: str) -> None:
        """Order systemd to stop a unit, without waiting for it. Raises Failed."""
        self._call(_MANAGER, "org.freedesktop.systemd1.Manager", "StopUnit", unit, "replace")

    def unit(self, unit: str, *names: str) -> "list[Any]":
        """Return properties of a unit, in the order of their names: str, int or bytes; systemd loads it if it has to.
        Raises Failed."""
        path = self._call(_MANAGER, "org.freedesktop.systemd1.Manager", "LoadUnit", unit)
        return [self._property(path, "Unit" if name in _OF_ALL_UNITS else _kind(unit), name) for name in names]

    def is_stopping(self) -> bool:
        """Whether the machine goes down. Raises Failed."""
        return self._property(_MANAGER, "Manager", "SystemState") == "stopping"

    def close(self) -> None:
        """Let the connection go."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _property(self, path: str, interface: str, name: str) -> "Any":
        return self._call(path, "org.freedesktop.DBus.Properties", "Get", "org.freedesktop.systemd1." + interface, name)

    def _call(self, path: str, interface: str, member: str, *arguments: str) -> "Any":
        is_new = self._socket is None
        try:
            return self._try(path, interface, member, arguments)
        except OSError as error:
            self.close()
            if is_new:
                raise NotNow("systemd cannot be asked: %s" % error) from None
        try:  # systemd was executed anew meanwhile, and knows nothing of this connection
            return self._try(path, interface, member, arguments)
        except OSError as error:
            self.close()
            raise NotNow("systemd cannot be asked: %s" % error) from None

    def _try(self, path: str, interface: str, member: str, arguments: "tuple[str, ...]") -> "Any":
        if self._socket is None:
            self._connect()
        self._serial += 1
        self._socket.sendall(_call(self._serial, path, interface, member, arguments))
        while True:
            kind, fields, body = self._receive()
            if fields.get(_REPLY_SERIAL) != self._serial:
                continue  # a signal
            signature = fields.get(_SIGNATURE, "")
            if kind == _ERROR:
                said = _Reader(body).value("s") if signature.startswith("s") else fields.get(_ERROR_NAME)
                failed = NotNow if fields.get(_ERROR_NAME) == _GOES_DOWN else Failed
                raise failed("%s: %s" % (member, said))
            return _Reader(body).value(signature) if signature else None

    def _connect(self) -> None:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        connection.settimeout(TIMEOUT)
        try:
            connection.connect(self._path)
            uid = str(os.getuid()).encode().hex()
            connection.sendall(b"\0AUTH EXTERNAL %s\r\nBEGIN\r\n" % uid.encode())
            answer = b""
            while not answer.endswith(b"\r\n"):
                answer += _some(connection.recv(1))
            if not answer.startswith(b"OK "):
                raise OSError("it does not let us in: %s" % ascii(answer))
        except OSError:
            connection.close()
            raise
        self._socket = connection
        self._received = b""

    def _receive(self) -> "tuple[int, dict[int, Any], bytes]":
        head = self._read(16)
        if head[:1] != _ORDER:
            raise OSError("it speaks in another byte order")
        length, fields_length = struct.unpack_from("=I", head, 4)[0], struct.unpack_from("=I", head, 12)[0]
        if length > REPLY_LIMIT or fields_length > REPLY_LIMIT:
            raise OSError("its answer is too long")
        block = self._read(-(-fields_length // 8) * 8)
        fields, reader = {}, _Reader(head[12:16] + b"\0" * 4 + block, 8)
        while reader.position < 8 + fields_length:
            reader.align(8)
            code = reader.byte()
            fields[code] = reader.variant()
        return head[1], fields, self._read(length)

    def _read(self, count: int) -> bytes:
        while len(self._received) < count:
            self._received += _some(self._socket.recv(65536))
        part, self._received = self._received[:count], self._received[count:]
        return part


_NUMBERS = {"u": "=I", "i": "=i", "t": "=Q", "x": "=q", "b": "=I", "q": "=H", "n": "=h"}
_OF_ALL_UNITS = ("ActiveState", "SubState", "InvocationID", "LoadState", "InactiveEnterTimestampMonotonic")


def _kind(unit: str) -> str:
    return unit.rpartition(".")[2].capitalize()


def _some(received: bytes) -> bytes:
    if not received:
        raise OSError("it closed the connection")
    return received


def _call(serial: int, path: str, interface: str, member: str, arguments: "tuple[str, ...]") -> bytes:
    body = b""
    for argument in arguments:
        body += _padding(body, 4) + _string(argument)
    fields = b""
    values = ((_PATH, "o", path), (_INTERFACE, "s", interface), (_MEMBER, "s", member))
    for code, kind, text in values:
        fields += _padding(fields, 8) + bytes((code, 1)) + kind.encode() + b"\0" + _string(text)
    if arguments:
        fields += _padding(fields, 8) + bytes((_SIGNATURE, 1)) + b"g\0" + _signature("s" * len(arguments))
    head = struct.pack("=cBBBII", _ORDER, _CALL, 0, 1, len(body), serial) + struct.pack("=I", len(fields)) + fields
    return head + _padding(head, 8) + body


def _padding(block: bytes, size: int) -> bytes:
    return b"\0" * (-len(block) % size)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("=I", len(encoded)) + encoded + b"\0"


def _signature(text: str) -> bytes:
    return bytes((len(text),)) + text.encode() + b"\0"


class _Reader:
    """Reads values one after the other. block: aligned at its begin."""

    def __init__(self, block: bytes, position: int = 0) -> None:
        self._block = block
        self.position = position

    def align(self, size: int) -> None:
        self.position += -self.position % size

    def byte(self) -> int:
        self.position += 1
        return self._block[self.position - 1]

    def variant(self) -> "Any":
        return self.value(self._short())

    def value(self, signature: str) -> "Any":
        if signature in ("s", "o"):
            length = self._number("=I")
            return self._text(length)
        if signature == "g":
            return self._short()
        if signature == "v":
            return self.variant()
        if signature == "y":
            return self.byte()
        if signature == "ay":
            length = self._number("=I")
            self.position += length
            return self._block[self.position - length : self.position]
        if signature in _NUMBERS:
            return self._number(_NUMBERS[signature])
        raise OSError("its answer has a type that nobody asked for: %s" % ascii(signature))

    def _number(self, form: str) -> int:
        size = struct.calcsize(form)
        self.align(size)
        if self.position + size > len(self._block):
            raise OSError("its answer is cut short")
        self.position += size
        return struct.unpack_from(form, self._block, self.position - size)[0]

    def _short(self) -> str:
        return self._text(self.byte())

    def _text(self, length: int) -> str:
        text = self._block[self.position : self.position + length].decode("utf-8", "replace")
        self.position += length + 1
        return text
