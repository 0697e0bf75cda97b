"""Good and bad HTTP/1 messages as a client may send them, and what has to become of each.

The classes are those of research on request smuggling and of the test suites of llhttp and h11; the messages are
written by hand. `why` gives the reason, with the section of RFC 9110 or RFC 9112 where one decides. This is data
without dependencies, for Python 3.9: it goes into containers, too.
"""

from typing import NamedTuple, Optional


class Read(NamedTuple):
    """A request, as it has to be read. length: int, of the whole message, or None where it ends with the bytes."""

    method: bytes = b"GET"
    target: bytes = b"/"
    path: bytes = b"/"
    query: bytes = b""
    body: bytes = b""
    length: Optional[int] = None


class Case(NamedTuple):
    """name: str, one of its kind. message: bytes. status: int, of the answer that an endpoint gives which takes GET and
    POST at the path `/`. why: str. read: Read, or None where the parser refuses the message.

    With status 0 the message is not complete: the answer is 400 when the client ends there, 408 when it waits.
    """

    name: str
    message: bytes
    status: int
    why: str
    read: Optional[Read] = None


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
HUGE = 10**15  # more than any limit of a body
LONG = 20_000  # more than any limit of a head


def head(*lines):
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def get(*fields):
    return head(b"GET / HTTP/1.1", b"Host: a", *fields)


def post(*fields, body=b""):
    return head(b"POST / HTTP/1.1", b"Host: a", *fields) + body


def chunked(body):
    return post(b"Transfer-Encoding: chunked", body=body)


def target(text):
    return head(b"GET %s HTTP/1.1" % text, b"Host: a")


def taken(name, message, why, status=200, rest=b"", **read):
    """A case that is taken. rest: bytes that follow the message and are none of it."""
    return Case(name, message + rest, status, why, Read(length=len(message), **read))


def refused(section, why, status, **messages):
    """Several cases that are refused for one reason; their names are keywords."""
    return [Case("%s: %s" % (section, name.replace("_", " ")), m, status, why) for name, m in messages.items()]


REQUEST_LINES = [
    taken("request line: plain", get(), "RFC 9112, 3"),
    taken("request line: HTTP/1.0", head(b"GET / HTTP/1.0"), "it needs no Host"),
    taken("request line: HEAD", head(b"HEAD / HTTP/1.1", b"Host: a"), "answered as GET", method=b"HEAD"),
    taken("request line: a method in lower case", head(b"get / HTTP/1.1", b"Host: a"),
          "methods are case-sensitive, so it is another one (9110, 9.1)", 405, method=b"get"),
    taken("request line: a method of all kinds of characters", head(b"M-!#$%&'*+.^_`|~9 / HTTP/1.1", b"Host: a"),
          "a token (9110, 5.6.2)", 405, method=b"M-!#$%&'*+.^_`|~9"),
    taken("request line: TRACE", head(b"TRACE / HTTP/1.1", b"Host: a"), "not allowed here", 405, method=b"TRACE"),
    *refused(
        "request line", "three parts with one space between (9112, 3); repairing it is what smuggling lives on", 400,
        empty=head(b"", b"Host: a"),
        one_word=head(b"GET", b"Host: a"),
        two_spaces_before_the_target=head(b"GET  / HTTP/1.1", b"Host: a"),
        two_spaces_before_the_version=head(b"GET /  HTTP/1.1", b"Host: a"),
        a_space_first=b" " + get(),
        a_space_last=head(b"GET / HTTP/1.1 ", b"Host: a"),
        a_tab_between=head(b"GET\t/ HTTP/1.1", b"Host: a"),
        a_tab_before_the_version=head(b"GET /\tHTTP/1.1", b"Host: a"),
        a_vertical_tab_between=head(b"GET\x0b/ HTTP/1.1", b"Host: a"),
        a_form_feed_between=head(b"GET\x0c/ HTTP/1.1", b"Host: a"),
        a_fourth_word=head(b"GET / HTTP/1.1 x", b"Host: a"),
        a_space_in_the_target=head(b"GET /a b HTTP/1.1", b"Host: a"),
        without_a_target=head(b"GET HTTP/1.1", b"Host: a"),
        without_a_method=head(b"/ HTTP/1.1", b"Host: a"),
        a_second_request_in_the_target=head(b"GET /HTTP/1.1 GET / HTTP/1.1", b"Host: a"),
        folded=head(b"GET /", b" HTTP/1.1", b"Host: a"),
        a_bare_return_within=head(b"GET /\rHTTP/1.1", b"Host: a"),
        a_bare_return_at_its_end=b"GET / HTTP/1.1\r" + head(b"Host: a"),
        a_second_return=b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        a_NUL_at_its_end=head(b"GET / HTTP/1.1\0", b"Host: a"),
    ),
    *refused(
        "method", "no token (9110, 9.1)", 400,
        parenthesis=head(b"G(T / HTTP/1.1", b"Host: a"),
        colon=head(b"GET: / HTTP/1.1", b"Host: a"),
        slash=head(b"G/T / HTTP/1.1", b"Host: a"),
        NUL=head(b"G\0T / HTTP/1.1", b"Host: a"),
        a_control_character=head(b"GE\x7f / HTTP/1.1", b"Host: a"),
        a_high_byte=head(b"G\xcbT / HTTP/1.1", b"Host: a"),
        a_byte_order_mark_first=b"\xef\xbb\xbf" + get(),
        a_bare_return_first=b"\r" + get(),
        quotes=head(b'"GET" / HTTP/1.1', b"Host: a"),
    ),
    *refused(
        "method", "CONNECT is for proxies, and its target has a form of its own (9110, 9.3.6)", 501,
        CONNECT_with_an_authority=head(b"CONNECT a:80 HTTP/1.1", b"Host: a:80"),
        CONNECT_with_a_path=head(b"CONNECT / HTTP/1.1", b"Host: a"),
        CONNECT_without_a_port=head(b"CONNECT a HTTP/1.1", b"Host: a"),
    ),
    Case("method: longer than a head", b"G" * LONG, 501, "longer than any that is implemented (9112, 3)"),
    Case("method: longer than a head, with all that follows", b"G" * LONG + get()[3:], 501, "the same"),
    *refused(
        "before the request", "a new connection begins with the request; 9112, 2.2 lets a server skip one empty line "
        "for clients that send one behind a body, which here nobody can", 400,
        an_empty_line=b"\r\n" + get(),
        a_bare_line_feed=b"\n" + get(),
        NULs=b"\0\0" + get(),
        a_PROXY_line_of_version_2=b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + get(),
    ),
    *refused(
        "before the request", "not HTTP/1", 400,
        a_PROXY_line_of_version_1=b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n" + get(),
        the_preface_of_HTTP_2=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        the_preface_under_another_version=head(b"PRI * HTTP/1.1", b"Host: a"),
        the_preface_with_a_path=head(b"PRI / HTTP/1.1", b"Host: a"),
        a_TLS_hello=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)),
        a_TLS_alert=b"\x15\x03\x01\x00\x02\x02\x28",
        a_hello_of_SSL_2=b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10",
        a_hello_of_SSH=b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        FastCGI=b"\x01\x01\x00\x01\x00\x08\x00\x00" + bytes(8),
        SOCKS_5=b"\x05\x01\x00",
        a_string_of_Redis=b"*1\r\n$4\r\nPING\r\n\r\n",
        an_answer=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ),
]  # fmt: skip

VERSIONS = [
    *refused(
        "version", "only 1.0 and 1.1 are spoken, and 505 says so (9110, 15.6.6)", 505,
        zero=head(b"GET / HTTP/0.9", b"Host: a"),
        one_point_two=head(b"GET / HTTP/1.2", b"Host: a"),
        one_point_nine=head(b"GET / HTTP/1.9", b"Host: a"),
        two=head(b"GET / HTTP/2.0", b"Host: a"),
        three=head(b"GET / HTTP/3.0", b"Host: a"),
        nine=head(b"GET / HTTP/9.9", b"Host: a"),
    ),
    *refused(
        "version", "HTTP, a slash, a digit, a point, a digit (9112, 2.3)", 400,
        lower_case=head(b"GET / http/1.1", b"Host: a"),
        mixed_case=head(b"GET / Http/1.1", b"Host: a"),
        without_the_minor_one=head(b"GET / HTTP/1", b"Host: a"),
        without_both=head(b"GET / HTTP/", b"Host: a"),
        three_numbers=head(b"GET / HTTP/1.1.1", b"Host: a"),
        a_leading_zero=head(b"GET / HTTP/01.1", b"Host: a"),
        a_second_digit=head(b"GET / HTTP/1.10", b"Host: a"),
        the_point_first=head(b"GET / HTTP/.11", b"Host: a"),
        the_point_last=head(b"GET / HTTP/11.", b"Host: a"),
        a_comma=head(b"GET / HTTP/1,1", b"Host: a"),
        a_sign=head(b"GET / HTTP/+1.1", b"Host: a"),
        a_hexadecimal_digit=head(b"GET / HTTP/1.A", b"Host: a"),
        another_digit=head("GET / HTTP/1.\u0661".encode(), b"Host: a"),
        another_protocol=head(b"GET / HTTPS/1.1", b"Host: a"),
        of_RTSP=head(b"OPTIONS / RTSP/1.0", b"CSeq: 1"),
        of_ICY=head(b"SOURCE / ICE/1.0"),
        two_slashes=head(b"GET / HTTP//1.1", b"Host: a"),
        a_space_within=head(b"GET / HTTP/ 1.1", b"Host: a"),
        HTTP_0_9_with_an_empty_line=b"GET /\r\n\r\n",
        HTTP_0_9_with_fields=b"GET /\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ),
    Case("version: HTTP/0.9 and a bare line feed", b"GET /\n", 400, "answered at once: no line ends so"),
    Case("version: HTTP/0.9", b"GET /\r\n", 0, "fields could still come; it is refused when the head ends"),
]  # fmt: skip

TARGETS = [
    taken("target: a query", target(b"/a?b=c&d"), "9112, 3.2.1", 404, target=b"/a?b=c&d", path=b"/a", query=b"b=c&d"),
    taken("target: an empty query", target(b"/?"), "9112, 3.2.1", target=b"/?"),
    taken("target: two question marks", target(b"/?a?b"), "the first counts", target=b"/?a?b", query=b"a?b"),
    taken("target: two slashes first", target(b"//a/b"), "a path, no authority", 404, target=b"//a/b", path=b"//a/b"),
    taken("target: a percent sign that encodes", target(b"/%2e%2e/%00%0d%0a"),
          "left as it is: paths are compared as they were sent", 404,
          target=b"/%2e%2e/%00%0d%0a", path=b"/%2e%2e/%00%0d%0a"),
    taken("target: an encoded slash", target(b"/%2f"), "not the path /", 404, target=b"/%2f", path=b"/%2f"),
    taken("target: a percent sign that encodes nothing", target(b"/%zz%"), "the same", 404,
          target=b"/%zz%", path=b"/%zz%"),
    taken("target: dots", target(b"/./a/../"), "not the path /", 404, target=b"/./a/../", path=b"/./a/../"),
    taken("target: a backslash", target(b"/\\"), "not the path /", 404, target=b"/\\", path=b"/\\"),
    taken("target: what clients forget to encode", target(b'/?"<>[]^`{|}'),
          "no two programs read it differently", target=b'/?"<>[]^`{|}', query=b'"<>[]^`{|}'),
    taken("target: absolute form", target(b"http://a/?b"),
          "every server has to accept it (9112, 3.2.2)", target=b"http://a/?b", query=b"b"),
    taken("target: absolute form without a path", target(b"http://a"), "the path is / (9110, 4.2.3)",
          target=b"http://a"),
    taken("target: absolute form with a query alone", target(b"http://a?b=/"), "the same",
          target=b"http://a?b=/", query=b"b=/"),
    taken("target: absolute form, other case", head(b"GET HTTPS://ExAmPlE/ HTTP/1.1", b"Host: eXaMpLe"),
          "scheme and host are compared without case (9110, 4.2.3)", target=b"HTTPS://ExAmPlE/"),
    taken("target: absolute form with a port", head(b"GET http://a:80/ HTTP/1.1", b"Host: a:80"), "9110, 4.2.1",
          target=b"http://a:80/"),
    taken("target: absolute form with an address", head(b"GET http://[::1]:80/ HTTP/1.1", b"Host: [::1]:80"),
          "RFC 3986, 3.2.2", target=b"http://[::1]:80/"),
    taken("target: absolute form in HTTP/1.0", head(b"GET http://a/ HTTP/1.0"), "9112, 3.2.2", target=b"http://a/"),
    taken("target: asterisk form", head(b"OPTIONS * HTTP/1.1", b"Host: a"),
          "well-formed (9112, 3.2.4), and no path that anything is served at", 404,
          method=b"OPTIONS", target=b"*", path=b"*"),
    *refused(
        "target", "the target and Host name different hosts: 9112, 3.2.2 lets the first count, caches and filters may "
        "believe the second", 400,
        another_host=head(b"GET http://b/ HTTP/1.1", b"Host: a"),
        another_port=head(b"GET http://a:81/ HTTP/1.1", b"Host: a:80"),
        an_empty_host_beside=head(b"GET http://a/ HTTP/1.1", b"Host:"),
    ),
    *refused(
        "target", "none of the four forms (9112, 3.2)", 400,
        relative=target(b"a"),
        relative_with_a_dot=target(b"./a"),
        a_query_alone=target(b"?a"),
        an_asterisk_with_GET=target(b"*"),
        an_asterisk_and_more=head(b"OPTIONS *a HTTP/1.1", b"Host: a"),
        an_authority_with_GET=target(b"a:80"),
        another_scheme=target(b"ftp://a/"),
        a_file=target(b"file:///etc/passwd"),
        a_script=target(b"javascript:alert(1)"),
        a_scheme_without_slashes=target(b"http:a/"),
        a_scheme_with_one_slash=target(b"http:/a/"),
        a_scheme_without_a_host=target(b"http:///a"),
        a_port_without_a_host=head(b"GET http://:80/ HTTP/1.1", b"Host: :80"),
        a_user=head(b"GET http://u@a/ HTTP/1.1", b"Host: a"),
        a_user_and_password=head(b"GET http://u:p@a/ HTTP/1.1", b"Host: a"),
        a_backslash_behind_the_host=head(b"GET http://a\\b/ HTTP/1.1", b"Host: a"),
        a_port_of_letters=head(b"GET http://a:b/ HTTP/1.1", b"Host: a:b"),
        a_URI_in_angle_brackets=target(b"<http://a/>"),
    ),
    *refused(
        "target", "a character that no target has (9112, 3.2)", 400,
        a_fragment=target(b"/a#b"),
        a_NUL=target(b"/\0"),
        a_control_character=target(b"/\x01"),
        a_delete_character=target(b"/\x7f"),
        a_high_byte=target(b"/\xff"),
        UTF_8=target("/ä".encode()),
        a_bare_return=target(b"/\r"),
        a_vertical_tab=target(b"/\x0b"),
        a_high_byte_in_the_query=target(b"/?\x80"),
        a_no_break_space=target(b"/\xa0"),
    ),
    Case("target: longer than a head", b"GET /" + b"a" * LONG, 414, "9112, 3"),
    Case("target: longer than a head, with all that follows", target(b"/" + b"a" * LONG), 414, "the same"),
    Case("target: a bare line feed, then longer than a head", b"GET /\nHost: " + b"a" * LONG, 400,
         "the line feed comes first"),
]  # fmt: skip

LINE_ENDS = [
    *refused(
        "line ends", "9112, 2.2 lets a server take a line feed alone; those that do and those that do not read two "
        "messages", 400,
        line_feeds=b"GET / HTTP/1.1\nHost: a\n\n",
        a_line_feed_behind_the_request_line=b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        a_line_feed_behind_a_field=b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        a_line_feed_as_the_empty_line=b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        a_line_feed_then_return=b"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
        a_line_feed_in_a_value=get(b"X: a\nTransfer-Encoding: chunked"),
        a_line_feed_in_a_name=get(b"X\n: a"),
        two_line_feeds_within=b"POST / HTTP/1.1\r\nHost: a\r\nX: y\n\n" + SMUGGLED,
    ),
    *refused(
        "line ends", "a return alone is no end of a line, and nothing else either (9112, 2.2)", 400,
        returns=b"GET / HTTP/1.1\rHost: a\r\r\r\n\r\n",
        a_return_between_fields=get(b"X: a\rTransfer-Encoding: chunked"),
        a_return_last_in_a_value=get(b"X: a\r"),
        a_return_first_in_a_value=get(b"X:\ra"),
        a_return_before_the_colon=get(b"X\r: a"),
        a_return_first_in_a_name=get(b"\rX: a"),
        a_return_as_a_line=get(b"\r"),
        a_return_before_the_empty_line=b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n",
    ),
    Case("line ends: line feed and return swapped", b"GET / HTTP/1.1\n\rHost: a\n\r\n\r", 400, "line feeds alone"),
    Case("line ends: returns alone", b"GET / HTTP/1.1\rHost: a\r\r", 0, "its end could still come; then refused"),
]  # fmt: skip

FIELDS = [
    taken("field: no space behind the colon", get(b"X:y"), "9112, 5"),
    taken("field: spaces and tabs around the value", get(b"X: \t y \t "), "they are none of it (9112, 5.1)"),
    taken("field: an empty value", get(b"X:"), "9110, 5.5"),
    taken("field: a value of spaces", get(b"X:  \t"), "the same"),
    taken("field: colons in the value", get(b"X: a:b::c"), "the first one counts"),
    taken("field: high bytes in a value", get(b"X: \x80\xff"), "obs-text (9110, 5.5)"),
    taken("field: a name of all kinds of characters", get(b"!#$%&'*+-.^_`|~0aZ: y"), "a token (9110, 5.1)"),
    taken("field: a name twice", get(b"X: a", b"x: b"), "a list (9110, 5.3)"),
    taken("field: three hundred", get(*[b"a: b"] * 300), "within the limit"),
    *refused(
        "field", "a name is a token, and no space stands before the colon (9112, 5.1)", 400,
        a_space_before_the_colon=get(b"X : y"),
        a_tab_before_the_colon=get(b"X\t: y"),
        a_space_in_the_name=get(b"X Y: z"),
        no_colon=get(b"X"),
        no_colon_but_a_space=get(b"X y"),
        an_equals_sign=get(b"X=y"),
        no_name=get(b": y"),
        nothing_but_a_colon=get(b":"),
        no_name_and_another_colon=get(b":: y"),
        parentheses=get(b"X(y): z"),
        quotes=get(b'"X": y'),
        a_slash=get(b"X/Y: z"),
        a_comma=get(b"X,Y: z"),
        a_semicolon=get(b"X;Y: z"),
        an_at_sign=get(b"X@Y: z"),
        brackets=get(b"X[Y]: z"),
        braces=get(b"{X}: z"),
        a_backslash=get(b"X\\Y: z"),
        a_second_request_line=get(b"GET / HTTP/1.1"),
        a_name_of_HTTP_2=get(b":path: /"),
        a_NUL_in_the_name=get(b"X\0: y"),
        a_NUL_before_the_name=get(b"\0X: y"),
        a_control_character_in_the_name=get(b"X\x0b: y"),
        a_delete_character_in_the_name=get(b"X\x7f: y"),
        a_high_byte_in_the_name=get(b"X\xff: y"),
        a_high_byte_before_the_name=get(b"\xefX: y"),
        UTF_8_in_the_name=get("X\u00e4: y".encode()),
        an_escape_character_in_the_name=get(b"X\x1b: y"),
    ),
    *refused(
        "field", "NUL, line ends and other control characters stand in no value (9110, 5.5)", 400,
        a_NUL=get(b"X: a\0b"),
        a_NUL_first=get(b"X: \0"),
        a_NUL_last=get(b"X: a\0"),
        a_bell=get(b"X: a\x07"),
        a_backspace=get(b"X: a\x08"),
        a_vertical_tab=get(b"X: a\x0b"),
        a_form_feed=get(b"X: a\x0c"),
        an_escape_character=get(b"X: a\x1b[2J"),
        a_unit_separator=get(b"X: a\x1fb"),
        a_delete_character=get(b"X: a\x7f"),
        a_vertical_tab_around_the_value=get(b"X:\x0ba\x0b"),
    ),
    *refused(
        "folded", "a line that begins with a space continues the one before for some, and is a field or the end of "
        "the head for others (9112, 5.2 and 2.2)", 400,
        with_a_space=get(b"X: a", b" b"),
        with_a_tab=get(b"X: a", b"\tb"),
        an_empty_value=get(b"X:", b" b"),
        a_line_of_spaces=get(b"X: a", b"  "),
        a_field_of_its_own=get(b"X: a", b" Transfer-Encoding: chunked"),
        behind_the_request_line=head(b"GET / HTTP/1.1", b" Host: a"),
        the_host=head(b"GET / HTTP/1.1", b"Host:", b" a"),
        before_the_end=get(b" "),
        a_length=post(b"Content-Length:", b" 5", body=b"hello"),
        twice=get(b"X: a", b" b", b" c"),
    ),
    Case("field: a value longer than a head", get(b"X: " + b"a" * LONG), 431, "RFC 6585, 5"),
    Case("field: a value longer than a head, then a bare line feed", get(b"X: " + b"a" * LONG + b"\n"), 431,
         "the limit comes first"),
    Case("field: a name longer than a head", get(b"X" * LONG), 431, "the same"),
    Case("field: more than a head holds", get(*[b"a: " + b"b" * 95] * (LONG // 100)), 431, "the same"),
    Case("field: more than a head holds, and no end", get(*[b"a: " + b"b" * 95] * (LONG // 100))[:-2], 431, "the same"),
]  # fmt: skip


def host(*fields):
    return head(b"GET / HTTP/1.1", *fields)


HOSTS = [
    taken("host: empty", host(b"Host:"), "what a client sends whose URI has none (9110, 7.2)"),
    taken("host: a port", host(b"Host: a:80"), "9110, 7.2"),
    taken("host: an empty port", host(b"Host: a:"), "RFC 3986, 3.2.3"),
    taken("host: an IPv4 address", host(b"Host: 192.0.2.1:80"), "RFC 3986, 3.2.2"),
    taken("host: an IPv6 address", host(b"Host: [2001:db8::1]"), "RFC 3986, 3.2.2"),
    taken("host: an IPv6 address with a port", host(b"Host: [2001:db8::1]:80"), "RFC 3986, 3.2.2"),
    taken("host: an IPv6 address with a zone", host(b"Host: [fe80::1%eth0]:80"), "clients send it, no one misreads it"),
    taken("host: underscore and other marks", host(b"Host: a_b-c~!$&'()*+,;="), "RFC 3986, 3.2.2"),
    taken("host: the path of a Unix socket", host(b"Host: %2Frun%2Ftrigger%2fa.sock"), "encoded: RFC 3986, 3.2.2"),
    taken("host: another name of the field", host(b"host: a"), "names have no case (9110, 5.1)"),
    taken("host: none in HTTP/1.0", head(b"GET / HTTP/1.0", b"X: y"), "9112, 3.2"),
    *refused(
        "host", "HTTP/1.1 needs one Host, and one only (9112, 3.2)", 400,
        none=host(),
        none_but_another_field=host(b"X: y"),
        none_but_its_value_elsewhere=host(b"X-Forwarded-Host: a", b"X-Host: a"),
        twice_the_same=host(b"Host: a", b"Host: a"),
        twice=host(b"Host: a", b"Host: b"),
        twice_in_other_case=host(b"Host: a", b"HOST: b"),
        twice_with_an_empty_one=host(b"Host: a", b"Host:"),
        twice_in_HTTP_1_0=head(b"GET / HTTP/1.0", b"Host: a", b"Host: b"),
        a_space_before_the_colon=host(b"Host : a"),
        a_second_one_with_a_space=host(b"Host: a", b"Host : b"),
        indented=host(b" Host: a"),
    ),
    *refused(
        "host", "a server has to refuse a value that is none (9112, 3.2)", 400,
        a_slash=host(b"Host: a/b"),
        a_user=host(b"Host: u@a"),
        a_space=host(b"Host: a b"),
        a_list=host(b"Host: a, b"),
        a_URI=host(b"Host: http://a"),
        a_query=host(b"Host: a?b"),
        a_fragment=host(b"Host: a#b"),
        a_backslash=host(b"Host: a\\b"),
        quotes=host(b'Host: "a"'),
        angle_brackets=host(b"Host: <a>"),
        a_percent_sign=host(b"Host: %zz"),
        a_percent_sign_last=host(b"Host: a%2"),
        a_port_of_letters=host(b"Host: a:b"),
        a_port_with_a_sign=host(b"Host: a:-80"),
        two_ports=host(b"Host: a:80:80"),
        an_IPv6_address_without_brackets=host(b"Host: ::1"),
        a_bracket_that_is_not_closed=host(b"Host: [::1"),
        a_bracket_that_is_not_opened=host(b"Host: ::1]"),
        empty_brackets=host(b"Host: []"),
        something_behind_the_brackets=host(b"Host: [::1]a"),
        brackets_within_brackets=host(b"Host: [[::1]]"),
        a_high_byte=host(b"Host: \xe4"),
        a_NUL=host(b"Host: a\0"),
    ),
]  # fmt: skip


def length(value, body=b"hello"):
    return post(b"Content-Length:" + value, body=body)


LENGTHS = [
    taken("length: plain", length(b" 5"), "9110, 8.6", method=b"POST", body=b"hello"),
    taken("length: nought", length(b" 0", b""), "9110, 8.6", method=b"POST"),
    taken("length: nought, and something behind", length(b" 0", b""), "none of the message", method=b"POST",
          rest=SMUGGLED),
    taken("length: none", post(), "no body (9112, 6.3)", method=b"POST", rest=b"hello"),
    taken("length: shorter than what comes", length(b" 2", b"he"), "the rest is none of the message", method=b"POST",
          body=b"he", rest=b"llo" + SMUGGLED),
    taken("length: leading noughts", length(b" 0005"), "digits (9110, 8.6)", method=b"POST", body=b"hello"),
    taken("length: no octal", length(b" 011", b"hello world"), "decimal (9110, 8.6)", method=b"POST",
          body=b"hello world"),
    taken("length: spaces around", length(b" \t5\t "), "none of the value (9110, 5.5)", method=b"POST", body=b"hello"),
    taken("length: of GET", get(b"Content-Length: 5") + b"hello", "a body all the same (9110, 9.3.1)", body=b"hello"),
    taken("length: of HEAD", head(b"HEAD / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"hello",
          "a body all the same", method=b"HEAD", body=b"hello"),
    taken("length: of HTTP/1.0", head(b"POST / HTTP/1.0", b"Content-Length: 5") + b"hello", "9112, 6.3",
          method=b"POST", body=b"hello"),
    taken("length: other case", post(b"cOnTeNt-LeNgTh: 5", body=b"hello"), "9110, 5.1", method=b"POST", body=b"hello"),
    taken("length: bytes of all kinds", length(b" 6", b"\r\n\0\xff\n\r"), "a body is bytes", method=b"POST",
          body=b"\r\n\0\xff\n\r"),
    taken("length: a name with an underscore", post(b"Content_Length: 5"), "another field, so there is no body",
          method=b"POST", rest=b"hello"),
    taken("length: a name with something before", post(b"X-Content-Length: 5"), "the same", method=b"POST",
          rest=b"hello"),
    *refused(
        "length", "digits and nothing else (9110, 8.6); int() of a language takes more", 400,
        a_plus_sign=length(b" +5"),
        a_minus_sign=length(b" -5"),
        minus_nought=length(b" -0", b""),
        minus_one=length(b" -1"),
        hexadecimal=length(b" 0x5"),
        hexadecimal_without_a_mark=length(b" a"),
        octal_with_a_mark=length(b" 0o5"),
        a_fraction=length(b" 5.0"),
        an_exponent=length(b" 5e0"),
        an_underscore=length(b" 0_5"),
        an_apostrophe=length(b" 0'5"),
        a_space_within=length(b" 5 5"),
        a_tab_within=length(b" 5\t5"),
        empty=length(b""),
        spaces=length(b"   "),
        a_word=length(b" five"),
        quotes=length(b' "5"'),
        a_semicolon=length(b" 5;"),
        a_unit=length(b" 5B"),
        a_NUL=length(b" 5\0"),
        a_NUL_first=length(b" \x005"),
        a_vertical_tab=length(b" 5\x0b"),
        a_form_feed_first=length(b" \x0c5"),
        a_no_break_space=length(b" 5\xa0"),
        digits_of_another_script=length(" \u0665".encode()),
        a_superscript_of_Latin_1=length(b" \xb2"),
        full_width_digits=length(" \uff15".encode()),
        two_colons=length(b": 5"),
        a_space_before_the_colon=post(b"Content-Length : 5", body=b"hello"),
        a_tab_before_the_colon=post(b"Content-Length\t: 5", body=b"hello"),
        a_bare_return=length(b" 5\r"),
        a_return_and_a_second_one=length(b" 5\rContent-Length: 6"),
    ),
    *refused(
        "length", "several (9112, 6.3): a list of equal ones may be taken for one; not here", 400,
        a_list=length(b" 5, 5"),
        a_list_without_spaces=length(b" 5,5"),
        a_list_of_different_ones=length(b" 5, 6"),
        a_list_with_nothing_behind=length(b" 5,"),
        a_list_with_nothing_before=length(b" ,5"),
        twice_the_same=post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
        twice=post(b"Content-Length: 5", b"Content-Length: 0", body=b"hello"),
        twice_the_other_way=post(b"Content-Length: 0", b"Content-Length: 5", body=b"hello"),
        twice_in_other_case=post(b"Content-Length: 5", b"content-length: 6", body=b"hello!"),
        twice_with_an_empty_one=post(b"Content-Length: 5", b"Content-Length:", body=b"hello"),
        twice_with_noughts=post(b"Content-Length: 5", b"Content-Length: 05", body=b"hello"),
        apart=post(b"Content-Length: 5", b"X: y", b"Content-Length: 5", body=b"hello"),
        a_second_one_with_a_space=post(b"Content-Length: 0", b"Content-Length : 5", body=b"hello"),
    ),
    *refused(
        "length", "where other programs overflow (9110, 8.6)", 400,
        two_to_the_63=length(b" 9223372036854775808"),
        two_to_the_64_and_5=length(b" 18446744073709551621"),
        two_to_the_32_and_5_with_noughts=length(b" 0000000000004294967301"),
        a_hundred_nines=length(b" " + b"9" * 100),
        a_thousand_noughts=length(b" " + b"0" * 1000 + b"5"),
        five_thousand_digits=length(b" " + b"1" * 5000),  # int() of Python refuses more than 4300
    ),
    Case("length: too large", length(b" %d" % HUGE), 413, "said before the body comes (9110, 15.5.14)"),
    Case("length: eighteen nines", length(b" " + b"9" * 18), 413, "the same"),
    Case("length: longer than what comes", length(b" 10"), 0, "9112, 8"),
    Case("length: no body at all", length(b" 5", b""), 0, "9112, 8"),
]  # fmt: skip


def coding(*fields):
    """What one program reads as an empty chunked body with a request behind it."""
    return post(*fields, body=b"0\r\n\r\n" + SMUGGLED)


def chunked_read(name, *fields, why="the same"):
    return taken("coding: " + name, post(*fields, body=b"0\r\n\r\n"), why, method=b"POST", rest=SMUGGLED)


CODINGS = [
    chunked_read("plain", b"Transfer-Encoding: chunked", why="9112, 7.1"),
    chunked_read("other case", b"tRANSFER-eNCODING: cHuNkEd", why="neither name nor value has case (9112, 7)"),
    chunked_read("no space", b"Transfer-Encoding:chunked", why="9112, 5"),
    chunked_read("a tab", b"Transfer-Encoding:\tchunked", why="9112, 5.1"),
    chunked_read("spaces behind", b"Transfer-Encoding: chunked \t ", why="9112, 5.1"),
    taken("coding: of GET", get(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", "9110, 9.3.1"),
    taken("coding: another field that sounds alike", post(b"TE: chunked", b"X-Transfer-Encoding: chunked",
                                                          b"Transfer_Encoding: chunked", b"Transfer-Encodin: chunked"),
          "none of them says how long the body is", method=b"POST", rest=b"0\r\n\r\n"),
    taken("coding: another field, with a length", post(b"Transfer_Encoding: chunked", b"Content-Length: 5",
                                                       body=b"0\r\n\r\n"),
          "the length counts", method=b"POST", body=b"0\r\n\r\n"),
    *refused(
        "coding", "with a Content-Length: what smuggling is made of (9112, 6.1)", 400,
        CL_TE=post(b"Content-Length: 13", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nSMUGGLED"),
        TE_CL=post(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=b"8\r\nSMUGGLED\r\n0\r\n\r\n"),
        CL_0=post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
        CL_that_fits=post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        CL_malformed=post(b"Content-Length: x", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        CL_empty=post(b"Content-Length:", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        CL_and_identity=post(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"hello"),
        CL_and_an_empty_coding=post(b"Content-Length: 5", b"Transfer-Encoding:", body=b"hello"),
        CL_and_an_unknown_coding=post(b"Content-Length: 5", b"Transfer-Encoding: xchunked", body=b"hello"),
        CL_and_gzip=post(b"Content-Length: 5", b"Transfer-Encoding: gzip", body=b"hello"),
        CL_and_an_obscured_one=post(b"Content-Length: 5", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
        CL_of_HTTP_1_0=head(b"POST / HTTP/1.0", b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ),
    *refused(
        "coding", "chunked is not the last one, or comes twice: the length cannot be known (9112, 6.3)", 400,
        empty=coding(b"Transfer-Encoding:"),
        identity=coding(b"Transfer-Encoding: identity"),
        gzip=coding(b"Transfer-Encoding: gzip"),
        a_letter_before=coding(b"Transfer-Encoding: xchunked"),
        a_letter_behind=coding(b"Transfer-Encoding: chunkedx"),
        cut_short=coding(b"Transfer-Encoding: chunke"),
        quotes=coding(b'Transfer-Encoding: "chunked"'),
        single_quotes=coding(b"Transfer-Encoding: 'chunked'"),
        brackets=coding(b"Transfer-Encoding: [chunked]"),
        a_word_before=coding(b"Transfer-Encoding: x chunked"),
        a_word_behind=coding(b"Transfer-Encoding: chunked x"),
        a_parameter=coding(b"Transfer-Encoding: chunked;a=b"),
        a_semicolon=coding(b"Transfer-Encoding: chunked;"),
        a_colon=coding(b"Transfer-Encoding:: chunked"),
        an_equals_sign=coding(b"Transfer-Encoding: =chunked"),
        a_comma=coding(b"Transfer-Encoding: chunked,"),
        a_comma_first=coding(b"Transfer-Encoding: ,chunked"),
        a_comma_between=coding(b"Transfer-Encoding: gzip,,chunked"),
        a_comma_alone=coding(b"Transfer-Encoding: ,"),
        chunked_then_identity=coding(b"Transfer-Encoding: chunked, identity"),
        chunked_then_gzip=coding(b"Transfer-Encoding: chunked, gzip"),
        chunked_then_something=coding(b"Transfer-Encoding: chunked, cow"),
        chunked_twice=coding(b"Transfer-Encoding: chunked, chunked"),
        chunked_twice_and_gzip=coding(b"Transfer-Encoding: chunked, gzip, chunked"),
        letters_that_look_alike=coding("Transfer-Encoding: chun\u212aed".encode()),
        a_cyrillic_letter=coding("Transfer-Encoding: \u0441hunked".encode()),
        a_no_break_space=coding(b"Transfer-Encoding: \xa0chunked"),
        a_next_line_character=coding(b"Transfer-Encoding: \x85chunked"),
        a_high_byte_behind=coding(b"Transfer-Encoding: chunked\xff"),
        a_newline_that_is_written=coding(b"Transfer-Encoding: chunked\\r\\n"),
        a_percent_sign=coding(b"Transfer-Encoding: %63hunked"),
        a_B_encoded_word=coding(b"Transfer-Encoding: =?B?Y2h1bmtlZA==?="),
    ),
    *refused(
        "coding", "two lines (9110, 5.3): a program that looks at one of them sees another body", 400,
        twice_the_same=coding(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        identity_first=coding(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
        identity_last=coding(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        something_last=coding(b"Transfer-Encoding: chunked", b"Transfer-encoding: cow"),
        something_first=coding(b"Transfer-Encoding: x", b"Transfer-Encoding: chunked"),
        an_empty_one_last=coding(b"Transfer-Encoding: chunked", b"Transfer-Encoding:"),
        apart=coding(b"Transfer-Encoding: chunked", b"X: y", b"Transfer-Encoding: chunked"),
    ),
    *refused(
        "coding", "a name or a value that some programs repair (9112, 5)", 400,
        a_space_before_the_colon=coding(b"Transfer-Encoding : chunked"),
        a_tab_before_the_colon=coding(b"Transfer-Encoding\t: chunked"),
        a_space_before_the_name=coding(b" Transfer-Encoding: chunked"),
        a_tab_before_the_name=coding(b"\tTransfer-Encoding: chunked"),
        folded=coding(b"Transfer-Encoding:", b" chunked"),
        folded_with_a_tab=coding(b"Transfer-Encoding:", b"\tchunked"),
        folded_before_the_colon=coding(b"Transfer-Encoding", b" : chunked"),
        folded_before_the_name=coding(b"X: y", b" Transfer-Encoding: chunked"),
        a_space_in_the_name=coding(b"Transfer Encoding: chunked"),
        an_equals_sign_for_the_colon=coding(b"Transfer-Encoding= chunked"),
        no_colon=coding(b"Transfer-Encoding chunked"),
        a_NUL_in_the_name=coding(b"Transfer-Encoding\0: chunked"),
        a_NUL_before_the_name=coding(b"\0Transfer-Encoding: chunked"),
        a_control_character_in_the_name=coding(b"Transfer-\x01Encoding: chunked"),
        a_high_byte_before_the_name=coding(b"\xffTransfer-Encoding: chunked"),
        a_high_byte_in_the_name=coding(b"Transfer\xadEncoding: chunked"),
        a_vertical_tab_behind_the_name=coding(b"Transfer-Encoding\x0b: chunked"),
        a_vertical_tab=coding(b"Transfer-Encoding: \x0bchunked"),
        a_form_feed=coding(b"Transfer-Encoding: \x0cchunked"),
        a_NUL=coding(b"Transfer-Encoding: chunked\0"),
        a_NUL_first=coding(b"Transfer-Encoding: \0chunked"),
        a_backspace=coding(b"Transfer-Encoding: x\x08chunked"),
        a_delete_character=coding(b"Transfer-Encoding: chunked\x7f"),
        a_return=coding(b"Transfer-Encoding: chunked\r"),
        a_return_first=coding(b"Transfer-Encoding:\rchunked"),
        a_return_before=coding(b"X: y\rTransfer-Encoding: chunked"),
        a_line_feed_before=coding(b"X: y\nTransfer-Encoding: chunked"),
        a_line_feed_within=coding(b"Transfer-Encoding:\n chunked"),
        in_HTTP_1_0=head(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        in_HTTP_1_0_with_a_host=head(b"POST / HTTP/1.0", b"Host: a", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ),
    *refused(
        "coding", "chunked is the last one, but what is in it is not understood (9112, 6.1)", 501,
        gzip_chunked=coding(b"Transfer-Encoding: gzip, chunked"),
        identity_chunked=coding(b"Transfer-Encoding: identity, chunked"),
        something_chunked=coding(b"Transfer-Encoding: cow, chunked"),
        gzip_chunked_in_other_case=coding(b"Transfer-Encoding: GZip,\tCHUNKED"),
        three=coding(b"Transfer-Encoding: deflate, gzip, chunked"),
    ),
]  # fmt: skip


def chunked_body(name, message, why, body=b"abc", **keys):
    return taken("chunk: " + name, chunked(message), why, method=b"POST", body=body, **keys)


END = b"0\r\n\r\n"

CHUNKS = [
    chunked_body("one", b"3\r\nabc\r\n" + END, "9112, 7.1"),
    chunked_body("several", b"1\r\na\r\n2\r\nbc\r\n" + END, "9112, 7.1"),
    chunked_body("a hundred of one byte", b"1\r\na\r\n" * 100 + END, "9112, 7.1", body=b"a" * 100),
    chunked_body("leading noughts", b"003\r\nabc\r\n000\r\n\r\n", "hexadecimal digits (9112, 7.1)"),
    chunked_body("sixteen digits", b"0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n", "what 64 bits hold"),
    chunked_body("lower case", b"a\r\n0123456789\r\n" + END, "9112, 7.1", body=b"0123456789"),
    chunked_body("upper case", b"A\r\n0123456789\r\n" + END, "9112, 7.1", body=b"0123456789"),
    chunked_body("line ends as data", b"2\r\n\r\n\r\n" + END, "a chunk is bytes", body=b"\r\n"),
    chunked_body("a chunked body as data", b"5\r\n0\r\n\r\n\r\n" + END, "the same", body=END),
    chunked_body("a request behind", b"3\r\nabc\r\n" + END, "none of the message", rest=SMUGGLED),
    chunked_body("an extension", b"3;a=b\r\nabc\r\n" + END, "to be ignored (9112, 7.1.1)"),
    chunked_body("an extension without a value", b"3;a\r\nabc\r\n0;b\r\n\r\n", "9112, 7.1.1"),
    chunked_body("several extensions", b"3;a;b=c;d\r\nabc\r\n" + END, "9112, 7.1.1"),
    chunked_body("a quoted extension", b'3;a="b; =c\t\xff"\r\nabc\r\n' + END, "9112, 7.1.1"),
    chunked_body("an empty quoted extension", b'3;a=""\r\nabc\r\n' + END, "9112, 7.1.1"),
    chunked_body("a quoted extension and another", b'3;a="b";c\r\nabc\r\n' + END, "9112, 7.1.1"),
    chunked_body("a trailer", b"3\r\nabc\r\n0\r\nX: y\r\nZ:\r\n\r\n", "checked and dropped (9112, 7.1.2)"),
    chunked_body("a trailer and a request behind", b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", "the same", rest=SMUGGLED),
    *[
        case._replace(message=chunked(case.message))
        for case in [
            *refused(
                "chunk", "one to sixteen hexadecimal digits (9112, 7.1)", 400,
                no_size=b"\r\nabc\r\n" + END,
                no_size_but_an_extension=b";a=b\r\nabc\r\n" + END,
                a_prefix=b"0x3\r\nabc\r\n" + END,
                a_prefix_in_upper_case=b"0X3\r\nabc\r\n" + END,
                a_suffix=b"3h\r\nabc\r\n" + END,
                a_plus_sign=b"+3\r\nabc\r\n" + END,
                a_minus_sign=b"-3\r\nabc\r\n" + END,
                minus_nought=b"-0\r\n\r\n",
                an_underscore=b"1_0\r\n0123456789abcdef\r\n" + END,
                a_space_before=b" 3\r\nabc\r\n" + END,
                a_space_behind=b"3 \r\nabc\r\n" + END,
                a_tab_behind=b"3\t\r\nabc\r\n" + END,
                a_space_within=b"0 3\r\nabc\r\n" + END,
                a_point=b"3.0\r\nabc\r\n" + END,
                no_hexadecimal_digit=b"g\r\nabc\r\n" + END,
                a_NUL=b"3\0\r\nabc\r\n" + END,
                a_vertical_tab=b"3\x0b\r\nabc\r\n" + END,
                a_digit_of_another_script="\u0663\r\nabc\r\n".encode() + END,
                a_high_byte=b"\xff3\r\nabc\r\n" + END,
                quotes=b'"3"\r\nabc\r\n' + END,
                seventeen_digits=b"00000000000000003\r\nabc\r\n" + END,
                two_to_the_64_and_3=b"10000000000000003\r\nabc\r\n" + END,
                thirty_two_digits=b"F" * 32 + b"\r\nabc\r\n" + END,
                a_comma=b"3,3\r\nabc\r\n" + END,
            ),
            *refused(
                "chunk", "its data end where the size says, with a return and a line feed (9112, 7.1)", 400,
                longer_than_its_size=b"3\r\nabcd\r\n" + END,
                longer_than_its_size_so_far=b"3\r\nabcd",
                shorter_than_its_size=b"5\r\nabc\r\n" + END,
                no_line_end_behind=b"3\r\nabc" + END,
                a_line_feed_behind=b"3\r\nabc\n" + END,
                a_return_behind=b"3\r\nabc\r" + END,
                any_two_bytes_behind=b"3\r\nabcXX" + END,
                two_line_ends_behind=b"3\r\nabc\r\n\r\n" + END,
                a_space_behind_the_data=b"3\r\nabc \r\n" + END,
                returns_swapped=b"3\r\nabc\n\r" + END,
            ),
            *refused(
                "chunk", "a line feed alone, or a return alone, ends a line for some (RFC erratum 7633)", 400,
                a_line_feed_behind_the_size=b"3\nabc\r\n" + END,
                a_return_behind_the_size=b"3\rabc\r\n" + END,
                two_returns_behind_the_size=b"3\r\r\nabc\r\n" + END,
                a_line_feed_at_the_end=b"3\r\nabc\r\n0\n\n",
                a_line_feed_as_the_empty_line=b"3\r\nabc\r\n0\r\n\n",
                a_line_feed_behind_an_extension=b"3;a\nabc\r\n" + END,
                a_line_feed_in_an_extension=b"2;\nxx\r\n4c\r\n0\r\n\r\n" + SMUGGLED + END,
                a_return_in_an_extension=b"2;a\rb\r\nab\r\n" + END,
                a_return_behind_an_extension=b"2;a\r\r\nab\r\n" + END,
                a_line_feed_in_quotes=b'2;a="\n"\r\nab\r\n' + END,
                a_return_behind_the_last_size=b"0\r\r\n\r\n",
            ),
            *refused(
                "chunk", "no extension (9112, 7.1.1); spaces in it and escapes in quotes are read in two ways", 400,
                an_empty_extension=b"3;\r\nabc\r\n" + END,
                two_semicolons=b"3;;a\r\nabc\r\n" + END,
                a_semicolon_last=b"3;a;\r\nabc\r\n" + END,
                an_extension_without_a_name=b"3;=b\r\nabc\r\n" + END,
                an_extension_with_an_empty_value=b"3;a=\r\nabc\r\n" + END,
                a_space_before_the_semicolon=b"3 ;a\r\nabc\r\n" + END,
                a_space_behind_the_semicolon=b"3; a\r\nabc\r\n" + END,
                a_tab_behind_the_semicolon=b"3;\ta\r\nabc\r\n" + END,
                a_space_in_an_extension=b"3;a b\r\nabc\r\n" + END,
                a_space_around_the_equals_sign=b"3;a = b\r\nabc\r\n" + END,
                a_space_last=b"3;a \r\nabc\r\n" + END,
                two_equals_signs=b"3;a=b=c\r\nabc\r\n" + END,
                a_NUL_in_an_extension=b"3;a\0\r\nabc\r\n" + END,
                a_control_character_in_an_extension=b"3;a=\x01\r\nabc\r\n" + END,
                a_high_byte_in_an_extension=b"3;a=\xff\r\nabc\r\n" + END,
                quotes_that_do_not_close=b'3;a="b\r\nabc\r\n' + END,
                quotes_that_do_not_open=b'3;a=b"\r\nabc\r\n' + END,
                quotes_around_a_name=b'3;"a"=b\r\nabc\r\n' + END,
                something_behind_the_quotes=b'3;a="b"c\r\nabc\r\n' + END,
                something_before_the_quotes=b'3;a=b"c"\r\nabc\r\n' + END,
                two_pairs_of_quotes=b'3;a="b""c"\r\nabc\r\n' + END,
                an_escape_in_quotes=b'3;a="\\""\r\nabc\r\n' + END,
                an_escape_at_the_end=b'3;a="\\\r\nabc\r\n' + END,
                a_NUL_in_quotes=b'3;a="\0"\r\nabc\r\n' + END,
                a_long_extension=b"3;" + b"a" * 300 + b"\r\nabc\r\n" + END,
                an_extension_without_end=b"3;" + b"a" * 300,
                a_size_without_end=b"0" * 300,
            ),
            *refused(
                "trailer", "fields as those of a head (9112, 7.1.2)", 400,
                a_space_before_the_colon=b"0\r\nX : y\r\n\r\n",
                no_colon=b"0\r\nX\r\n\r\n",
                no_name=b"0\r\n: y\r\n\r\n",
                folded=b"0\r\nX: y\r\n z\r\n\r\n",
                a_space_first=b"0\r\n \r\n\r\n",
                a_NUL=b"0\r\nX: \0\r\n\r\n",
                a_high_byte_in_a_name=b"0\r\nX\xff: y\r\n\r\n",
                a_line_feed=b"0\r\nX: y\n\r\n",
                a_return=b"0\r\nX: y\rZ: z\r\n\r\n",
                a_return_last=b"0\r\nX: y\r\r\n\r\n",
                a_request=b"0\r\n" + SMUGGLED,
                a_chunk=b"0\r\n3\r\nabc\r\n" + END,
                something_in_the_empty_line=b"0\r\nXX\r\n" + SMUGGLED,
                too_long=b"0\r\nX: " + b"y" * LONG + b"\r\n\r\n",
                too_many=b"0\r\n" + (b"X: " + b"y" * 95 + b"\r\n") * (LONG // 100) + b"\r\n",
                without_end=b"0\r\nX: " + b"y" * LONG,
            ),
            *refused(
                "trailer", "what says where a message goes and ends belongs to the head (9110, 6.5.1)", 400,
                a_length=b"0\r\nContent-Length: 5\r\n\r\nhello",
                a_coding=b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
                a_host=b"0\r\nHost: b\r\n\r\n",
                an_expectation=b"0\r\nExpect: 100-continue\r\n\r\n",
                a_type=b"0\r\ncontent-TYPE: text/plain\r\n\r\n",
            ),
            *refused(
                "chunk", "the body is too large, and that is known before it comes (9110, 15.5.14)", 413,
                too_large=b"%x\r\n" % HUGE,
                the_largest=b"FFFFFFFFFFFFFFFF\r\nabc\r\n" + END,
                minus_one_in_63_bits=b"7fffffffffffffff\r\nabc\r\n" + END,
                minus_one_in_64_bits=b"ffffffffffffffff\r\nabc\r\n" + END,
                too_large_together=b"3\r\nabc\r\nfffffffffffffffd\r\nabc\r\n" + END,
            ),
        ]
    ],
    Case("chunk: nothing", chunked(b""), 0, "9112, 8"),
    Case("chunk: a size and no more", chunked(b"3"), 0, "9112, 8"),
    Case("chunk: no data", chunked(b"3\r\n"), 0, "9112, 8"),
    Case("chunk: half of it", chunked(b"3\r\nab"), 0, "9112, 8"),
    Case("chunk: no last one", chunked(b"3\r\nabc\r\n"), 0, "9112, 8"),
    Case("chunk: half the line end", chunked(b"3\r\nabc\r"), 0, "9112, 8"),
    Case("chunk: no empty line", chunked(b"3\r\nabc\r\n0\r\n"), 0, "9112, 8"),
    Case("chunk: half the empty line", chunked(b"0\r\n\r"), 0, "9112, 8"),
    Case("trailer: no empty line", chunked(b"0\r\nX: y\r\n"), 0, "9112, 8"),
]  # fmt: skip

EXPECTATIONS = [
    taken("expect: 100-continue", post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"),
          "a client that does not wait (9110, 10.1.1)", method=b"POST", body=b"hello"),
    taken("expect: other case", post(b"eXPECT: 100-CONTINUE", b"Content-Length: 5", body=b"hello"),
          "it has no case (9110, 10.1.1)", method=b"POST", body=b"hello"),
    taken("expect: without a body", get(b"Expect: 100-continue"), "nothing to wait for (9110, 10.1.1)"),
    taken("expect: chunked", post(b"Expect: 100-continue", b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n" + END),
          "9110, 10.1.1", method=b"POST", body=b"abc"),
    taken("expect: in HTTP/1.0", head(b"POST / HTTP/1.0", b"Expect: 100-continue", b"Content-Length: 5") + b"hello",
          "to be ignored (9110, 10.1.1)", method=b"POST", body=b"hello"),
    *refused(
        "expect", "nothing but 100-continue can be met (9110, 10.1.1)", 417,
        something=post(b"Expect: 200-ok", b"Content-Length: 5", body=b"hello"),
        a_member_more=post(b"Expect: 100-continue, x", b"Content-Length: 5", body=b"hello"),
        a_member_twice=post(b"Expect: 100-continue, 100-continue", b"Content-Length: 5", body=b"hello"),
        a_parameter=post(b"Expect: 100-continue;a=b", b"Content-Length: 5", body=b"hello"),
        a_letter_more=post(b"Expect: 100-continuex", b"Content-Length: 5", body=b"hello"),
        a_letter_before=post(b"Expect: y 100-continue", b"Content-Length: 5", body=b"hello"),
        a_letter_less=post(b"Expect: 100-continu", b"Content-Length: 5", body=b"hello"),
        a_space_for_the_dash=post(b"Expect: 100 continue", b"Content-Length: 5", body=b"hello"),
        empty=post(b"Expect:", b"Content-Length: 5", body=b"hello"),
        a_high_byte=post(b"Expect: 100-continue\xff", b"Content-Length: 5", body=b"hello"),
    ),
    *refused(
        "expect", "twice, or malformed as any field can be", 400,
        twice=post(b"Expect: 100-continue", b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"),
        a_space_before_the_colon=post(b"Expect : 100-continue", b"Content-Length: 5", body=b"hello"),
        folded=post(b"Expect:", b" 100-continue", b"Content-Length: 5", body=b"hello"),
        a_NUL=post(b"Expect: 100-continue\0", b"Content-Length: 5", body=b"hello"),
    ),
    Case("expect: too large a body", post(b"Expect: 100-continue", b"Content-Length: %d" % HUGE), 413,
         "instead of 100 (9110, 10.1.1)"),
]  # fmt: skip

CONNECTIONS = [
    taken("connection: close", get(b"Connection: close"), "every connection ends with its answer"),
    taken("connection: keep-alive", get(b"Connection: keep-alive", b"Keep-Alive: timeout=5"), "the same"),
    taken("connection: a second request behind", get(), "never read: the connection ends with the first answer",
          rest=SMUGGLED),
    taken("connection: ten requests behind", get(), "the same", rest=SMUGGLED * 10),
    taken("connection: a body without a length behind GET", get(b"X: y"), "the same", rest=b"hello"),
    taken("connection: nonsense behind", get(), "the same", rest=b"\0\xff\r\n\r\n\n"),
    taken("connection: fields named in Connection", post(b"Connection: content-length, host, transfer-encoding",
                                                         b"Content-Length: 5", body=b"hello"),
          "they count all the same: nothing is forwarded", method=b"POST", body=b"hello"),
    taken("upgrade: h2c", get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
          "to be ignored by who does not speak it (9110, 7.8)"),
    taken("upgrade: h2c with a body", post(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 5",
                                           body=b"hello"), "the same", method=b"POST", body=b"hello"),
    taken("upgrade: h2c with chunks", post(b"Connection: Upgrade", b"Upgrade: h2c", b"Transfer-Encoding: chunked",
                                           body=b"3\r\nabc\r\n" + END), "the same", method=b"POST", body=b"abc"),
    taken("upgrade: websocket", get(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
                                    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), "the same"),
    taken("upgrade: and a request behind", get(b"Connection: Upgrade", b"Upgrade: websocket"),
          "nothing is tunnelled", rest=SMUGGLED),
    taken("method: overridden", post(b"X-HTTP-Method-Override: DELETE"), "that field means nothing here",
          method=b"POST"),
    taken("target: overridden", get(b"X-Original-URL: /admin", b"X-Rewrite-URL: /admin"),
          "those fields mean nothing here"),
    taken("body: a type twice in one field", post(b"Content-Type: text/plain, text/html"), "no type that is known",
          method=b"POST"),
    taken("body: gzip as content", post(b"Content-Encoding: gzip", b"Content-Length: 5", body=b"hello"),
          "left as it is", method=b"POST", body=b"hello"),
    Case("body: two types", post(b"Content-Type: text/plain", b"Content-Type: application/json"), 400,
         "who checks one and reads the other is deceived"),
    Case("head: half a method", b"GE", 0, "9112, 8"),
    Case("head: a request line", b"GET / HTTP/1.1", 0, "9112, 8"),
    Case("head: half the empty line", get()[:-1], 0, "9112, 8"),
    Case("head: no empty line", get()[:-2], 0, "9112, 8"),
    Case("head: no line end", get()[:-3], 0, "9112, 8"),
]  # fmt: skip

CASES = (
    REQUEST_LINES + VERSIONS + TARGETS + LINE_ENDS + FIELDS + HOSTS + LENGTHS + CODINGS + CHUNKS + EXPECTATIONS
    + CONNECTIONS
)  # fmt: skip
