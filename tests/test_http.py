"""The HTTP parser: what it takes and refuses, however the bytes arrive, and that h11 and llhttp read the same."""

import re
import sys

import h11
import pytest
from http_corpus import CASES, Case, chunked, get, head, post
from hypothesis import example, given, settings
from hypothesis import strategies as st
from readers import Reading, bytes_handled, differences, of_h11, of_llhttp, ours, single_bytes

from trigger import http

TAKEN = [case for case in CASES if case.read]
REFUSED = [case for case in CASES if case.status and not case.read]
INCOMPLETE = [case for case in CASES if not case.status]


def of(cases):
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def test_each_case_is_there_once():
    assert len({case.name for case in CASES}) == len(CASES)
    assert [case for case in CASES if not isinstance(case, Case) or not case.why] == []
    assert min(len(TAKEN), len(REFUSED), len(INCOMPLETE)) > 15


# The corpus


@of(TAKEN)
def test_takes(case):
    reading, taken = ours(single_bytes(case.message))
    assert taken == case.read.length
    request = http.parse_head(case.message[: http.head_end(case.message)])
    found = (reading.method, reading.target, request.path, request.query, reading.body)
    assert found == case.read[:5]


@of(REFUSED)
def test_refuses(case):
    assert ours([case.message])[0].status == case.status


@of(INCOMPLETE)
def test_waits_for_the_rest(case):
    assert ours([case.message]) == (None, len(case.message))


@of(TAKEN)
def test_takes_nothing_that_is_cut_short(case):
    for end in range(case.read.length):
        assert ours([case.message[:end]]) == (None, end)


@of(CASES)
def test_how_the_bytes_arrive_makes_no_difference(case):
    outcome, _ = ours([case.message])
    assert ours(single_bytes(case.message))[0] == outcome
    for cut in range(1, len(case.message), 1 + len(case.message) // 2000):  # the long ones at every ninth place or so
        assert ours([case.message[:cut], case.message[cut:]])[0] == outcome


@of(REFUSED)
def test_a_refusal_never_repeats_what_the_client_sent(case):
    """Its reason is one of those that stand in the program, with a limit in it at most."""
    reasons = {constant for function in functions(http) for constant in function.co_consts if isinstance(constant, str)}
    reason = ours([case.message])[0].reason
    assert re.sub(r"\d+(?= bytes)", "%d", reason) in reasons


def functions(place):
    """The code of all functions of a module or class, and of the classes in it."""
    found = [item.__code__ for item in vars(place).values() if hasattr(item, "__code__")]
    return found + [code for item in vars(place).values() if isinstance(item, type) for code in functions(item)]


# Limits


def test_the_limit_of_a_body_is_exact():
    fields = (b"POST / HTTP/1.1", b"Host: a")
    assert ours([head(*fields, b"Content-Length: 1024") + b"a" * 1024], 1024)[0].body == b"a" * 1024
    assert ours([head(*fields, b"Content-Length: 1025")], 1024)[0].status == 413
    in_chunks = chunked(b"200\r\n" + b"a" * 512 + b"\r\n")
    assert ours([in_chunks + b"200\r\n" + b"a" * 512 + b"\r\n0\r\n\r\n"], 1024)[0].body == b"a" * 1024
    assert ours([in_chunks + b"201\r\n"], 1024)[0].status == 413


def test_the_journal_is_told_how_large_a_body_was_to_be():
    request = http.parse_head(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1025"))
    with pytest.raises(http.Refusal) as caught:
        http.Body(request, 1024)
    assert (caught.value.status, caught.value.detail) == (413, "it is said to have 1025")
    body = http.Body(http.parse_head(chunked(b"")), 1024)
    with pytest.raises(http.Refusal) as caught:
        body.feed(b"401\r\n")
    assert (caught.value.status, caught.value.detail) == (413, "it has at least 1025")


def filled(begin, end, size):
    """Bytes of a length, with as many letters in the middle as that needs."""
    return begin + b"a" * (size - len(begin) - len(end)) + end


@pytest.mark.parametrize(
    ("begin", "end", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"\r\n\r\n", 431),
        (b"GET /", b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
    ],
)
def test_the_limit_of_a_head_is_exact(begin, end, status):
    assert isinstance(ours([filled(begin, end, http.HEAD_LIMIT)])[0], Reading)
    for pieces in ([filled(begin, end, http.HEAD_LIMIT + 1)], single_bytes(filled(begin, end, http.HEAD_LIMIT + 1))):
        assert ours(pieces)[0].status == status


def test_the_limits_of_chunks_are_exact():
    line, limit = b"3;%s\r\nabc\r\n0\r\n\r\n", http.CHUNK_LINE_LIMIT
    assert ours([chunked(line % (b"a" * (limit - 3)))])[0].body == b"abc"
    assert ours([chunked(line % (b"a" * (limit - 2)))])[0].status == 400
    trailer, limit = b"0\r\nX: %s\r\n\r\n", http.TRAILER_LIMIT
    assert isinstance(ours([chunked(trailer % (b"a" * (limit - 6)))])[0], Reading)
    assert ours([chunked(trailer % (b"a" * (limit - 5)))])[0].status == 400


# Effort


def effort(pieces):
    """How much work a message is: lines of the parser that are run, and bytes that they handle."""
    lines = 0

    def trace(frame, event, _):
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_code.co_filename == http.__file__ else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        handled = bytes_handled(pieces, 1 << 20)
    finally:
        sys.settrace(before)
    return lines + handled


GROWING = {
    "a head": lambda size: [get(b"X: " + b"a" * size)],
    "many fields": lambda size: [get(*[b"a%d: b" % n for n in range(size // 8)])],
    "one field many times": lambda size: [get(*[b"a: b"] * (size // 8))],
    "a body": lambda size: [post(b"Content-Length: %d" % size), b"a" * size],
    "a chunk": lambda size: [chunked(b""), b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n"],
    "chunks of one byte": lambda size: [chunked(b""), b"1\r\na\r\n" * (size // 6) + b"0\r\n\r\n"],
    "a trailer": lambda size: [chunked(b""), b"0\r\nX: " + b"a" * size + b"\r\n\r\n"],
    "a trailer of many fields": lambda size: [chunked(b""), b"0\r\n" + b"a: b\r\n" * (size // 6) + b"\r\n"],
}


@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize("name", GROWING)
def test_twice_the_bytes_are_twice_the_work(name, slowly):
    small, large = GROWING[name](6000), GROWING[name](12_000)
    if slowly:
        small, large = single_pieces(small), single_pieces(large)
    assert effort(large) < 2.2 * effort(small)


def single_pieces(pieces):
    return [byte for piece in pieces for byte in single_bytes(piece)]


# Beside h11 and llhttp


@of(CASES)
def test_others_read_the_corpus_no_differently(case):
    assert differences(case.message) == []


# h11 does not look into targets; takes any version, a line feed for a line's end, folded lines, a length beside a
# coding, a list of equal lengths, and nearly anything in a chunk's extension. llhttp takes several Host fields or none,
# empty lines first, HTTP/0.9, 2.0 and RTSP, and whatever stands before a last `chunked`. Both leave Host, Expect and
# the sizes of head and body to who uses them, and take a Transfer-Encoding in HTTP/1.0.
TAKEN_ELSEWHERE = {
    "before the request": {"h11", "llhttp"},
    "body": {"h11", "llhttp"},
    "chunk": {"h11", "llhttp"},
    "coding": {"h11", "llhttp"},
    "expect": {"h11", "llhttp"},
    "field": {"h11", "llhttp"},
    "folded": {"h11"},
    "host": {"h11", "llhttp"},
    "length": {"h11", "llhttp"},
    "line ends": {"h11"},
    "method": {"h11", "llhttp"},
    "request line": {"llhttp"},
    "target": {"h11", "llhttp"},
    "trailer": {"h11", "llhttp"},
    "version": {"h11", "llhttp"},
}


def test_what_others_take_and_we_refuse():
    """That is fine; here it stands by class, so that a change of theirs or ours is seen."""
    found = {}
    for case in REFUSED:
        for reader in (of_h11, of_llhttp):
            if isinstance(reader(case.message)[0], Reading):
                found.setdefault(case.name.partition(":")[0], set()).add(reader.__name__[3:])
    assert found == TAKEN_ELSEWHERE


TOKENS = re.compile(rb"\r\n|\r|\n|[ \t:;,=\"/?]|[^\r\n \t:;,=\"/?]+")
PARTS = sorted({part for case in CASES for part in TOKENS.findall(case.message) if len(part) < 40})
LINES = sorted({line for case in CASES for line in case.message.splitlines(keepends=True) if len(line) < 80})


@st.composite
def mutated(draw):
    """A message of the corpus with some of its parts left out, doubled, exchanged, or replaced by parts of others."""
    whole = draw(st.sampled_from(TAKEN)).message if draw(st.booleans()) else draw(st.sampled_from(CASES)).message
    parts = TOKENS.findall(whole[:2000])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(parts)))
        to = at + draw(st.integers(0, 3))
        new = draw(
            st.just(parts[at:to] * 2)
            | st.just(parts[at:to][::-1])
            | st.just([])
            | st.sampled_from(PARTS).map(lambda part: [part])
            | st.sampled_from(LINES).map(lambda line: [line])
            | st.binary(max_size=3).map(lambda part: [part])
        )
        parts[at:to] = new
    return b"".join(parts)


@settings(max_examples=1000)
@given(mutated())
@example(get()[:-2] + b"Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n")
def test_reads_nothing_differently_than_others(message):
    assert differences(message) == []


@settings(max_examples=500)
@given(mutated() | st.binary(max_size=600), st.integers(1, 50))
def test_no_input_raises_anything_but_a_refusal(message, step):
    pieces = [message[start : start + step] for start in range(0, len(message), step)]
    assert ours(pieces)[0] == ours([message])[0] == ours(single_bytes(message))[0]


# Answers


def test_response_is_what_h11_reads():
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(http.response(200, b"OK\n", "text/plain", [("X-Request-Id", "1")]))
    head, data = connection.next_event(), connection.next_event()
    assert head.status_code == 200
    assert dict(head.headers)[b"content-type"] == b"text/plain"
    assert dict(head.headers)[b"connection"] == b"close"
    assert data.data == b"OK\n"
    assert isinstance(connection.next_event(), h11.EndOfMessage)


def test_response_to_head_has_no_body():
    assert http.response(200, b"OK\n", "text/plain", head_only=True).endswith(b"\r\n\r\n")
    assert b"Content-Length" not in http.response(204)
