"""The head that a job prints where its output is a CGI response."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger import cgi_response, http


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"Content-Type: text/html\n\nx", (200, [("Content-Type", "text/html")])),
        (b"content-type:text/html\r\n\r\nx", (200, [("Content-Type", "text/html")])),
        (b"Status: 404 Not Found\nContent-Type: a/b\n\nx", (404, [("Content-Type", "a/b")])),
        (b"Status: 204\nContent-Type: a/b\n\nx", (204, [("Content-Type", "a/b")])),
        (b"Location: /x\n\nx", (302, [("Location", "/x")])),
        (b"Location: /x\nStatus: 301\n\nx", (301, [("Location", "/x")])),
        (b"X-Own: 1\nSet-Cookie: a\nContent-Type: a/b\n\nx", (200, [("Content-Type", "a/b")])),
        (b"Content-Type: a/b;\tc=d\n\nx", (200, [("Content-Type", "a/b;\tc=d")])),
    ],
)
def test_a_head_of_cgi(output, expected):
    *found, body = cgi_response.parse_head(output)
    assert tuple(found) == expected
    assert output[body:] == b"x"


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\n",
        b"\n\nx",
        b"just text",
        b"just text\n\n",
        b"Content-Type: a/b",
        b"Content-Type: a/b\n",
        b"Content-Type\n\n",
        b": a\n\n",
        b"Status: 200\n\nx",
        b"Status: 99\nContent-Type: a/b\n\n",
        b"Status: 100\nContent-Type: a/b\n\n",
        b"Status: 600\nContent-Type: a/b\n\n",
        b"Status: 20\nContent-Type: a/b\n\n",
        b"Status: 2000\nContent-Type: a/b\n\n",
        b"Status: 200OK\nContent-Type: a/b\n\n",
        b"Status: \xb2\xb2\xb2\nContent-Type: a/b\n\n",
        b"Status: +20\nContent-Type: a/b\n\n",
        b"Status:\nContent-Type: a/b\n\n",
        b"Content-Type: a/b\nContent-Type: c/d\n\n",
        b"Content-Type: a/b\ncontent-type: a/b\n\n",
        b"Content-Type: a\0b\n\n",
        b"Content-Type: a/b\rX: y\n\n",
        b"Content-Type: \xc3\xa4\n\n",
        b"Content-Type : a/b\n\n",
        b" Content-Type: a/b\n\n",
        b"Content-Type: a/b\n folded\n\n",
        b"Content-Type:\n\n",
        b"Location:\n\n",
        b"X: " + b"a" * cgi_response.HEAD_LIMIT + b"\nContent-Type: a/b\n\n",
    ],
)
def test_a_head_that_is_none(output):
    with pytest.raises(cgi_response.Malformed):
        cgi_response.parse_head(output)


LINES = st.sampled_from(
    [b"Status: ", b"Content-Type: ", b"Location: ", b":", b"\n", b"\r", b"\r\n", b" ", b"200", b"/"]
)


@given(st.lists(LINES | st.binary(max_size=8), max_size=20).map(b"".join))
def test_no_output_makes_a_head_that_could_be_read_in_two_ways(output):
    try:
        status, headers, body = cgi_response.parse_head(output)
    except cgi_response.Malformed:
        return
    assert 200 <= status <= 599
    assert {name for name, _ in headers} <= {"Content-Type", "Location"}
    assert all(
        value == value.strip() and value.replace("\t", "").isprintable() and value.isascii() for _, value in headers
    )
    assert output[:body].endswith((b"\n\n", b"\n\r\n", b"\n\r\r\n"))
    # What is made of it is one head of ours.
    answer = http.response_head(status, headers)
    assert answer.count(b"\r\n\r\n") == 1
    assert b"\n" not in answer.replace(b"\r\n", b"")
