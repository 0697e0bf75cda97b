"""What fuzzing begins with, by target, and words that are worth a try. What the bytes mean, targets.py says."""

from http_corpus import CASES, SMUGGLED

from trigger import entry

IDS = ["01a208b6-4822-7c0%x-87e7-cc541deca7e0" % number for number in range(10)]
SEPARATOR = b"\n--\n"

GOOD = b"TRIGGER_REQUEST_ID=ID TRIGGER_PARAM_P=1 QUERY_STRING=a"

SEEDS = {
    "http": [case.message for case in CASES if len(case.message) < 1000],
    "values": [
        b"",
        b"w=a-b&text=%C3%A4+b&count=-1&sure=yes\n\n0.5",
        b"text=\nf\nx\nw=abc&choice=one&share=1e-3",
        b'\nj\n1\n{"w": [{"x": "a"}], "a/b": {"~": 1.5}, "text": "\\u00e4", "sure": true, "count": 12}',
        b'\nf\n\npayload={"w":"1","n":-0.5e%2B3}',
        b"n=1E9&w\nj\n\n" + b"[" * 65 + b"]" * 65,
        b"w=%zz\napplication/vnd.a+json; b=c\n\n[1, -0, NaN, null]",
    ],
    "signatures": [
        b"",
        b"x-a: i=1 t=1700000000 s=" + b"0" * 64 + b"\n\n{}",
        b"stripe-signature: t=1700000000,v1=" + b"0" * 64 + b",v0=0\n\n{}",
        b"x-slack-signature: v0=" + b"0" * 64 + b"\nx-slack-request-timestamp: 1700000000\n\na=b",
        b"svix-id: 1\nsvix-timestamp: 1700000000\nsvix-signature: v1,AAAA v1,BBBB\nwebhook-signature: v1,\n\n{}",
        b"content-type: application/x-www-form-urlencoded\nx-gogs-signature: 0\n\npayload=%7B%7D",
        b"authorization: Basic YTpi\nx-hub-signature-256: sha256=\nx-shopify-hmac-sha256: AAAA=\n\n",
        b"query: hub.mode=subscribe&hub.challenge=1&hub.verify_token=a\n\n",
        b'\n\n{"type": "url_verification", "challenge": "a"}',
        b'\n\n{"event": "endpoint.url_validation", "payload": {"plainToken": "a"}}',
    ],
    "entry": [
        b"",
        entry.encode([]),
        b"body" + entry.encode([(b"TRIGGER_REQUEST_ID", IDS[0].encode()), (b"QUERY_STRING", b"a=b")]),
        b"A=b\x000000000a trigger entry\n",
    ],
    "spool": [
        b"",
        b"e0\nbody\n" + GOOD,
        SEPARATOR.join([b"e0\n\n" + GOOD, b"e1\nx\n" + GOOD, b"e2\n\n" + GOOD + b" HTTP_X=y LD_PRELOAD=z"]),
        SEPARATOR.join([b"e3\n\n" + GOOD, b"l0\nsecret", b"n1", b"d2\nx", b"p4", b"s5", b"t6", b"l7\nspool"]),
        SEPARATOR.join([b"f0\nTRIGGER_REQUEST_ID=ID\0TRIGGER_PARAM_P=1\x000000003d trigger entry\n", b"fname\n"]),
        SEPARATOR.join([b"f.draft-1\nx", b"e1\n\nTRIGGER_REQUEST_ID=ID", b"e2\n\n" + GOOD.replace(b"P=1", b"P=x")]),
        b"f9\nbody\n00000000 trigger entry\n",
        SEPARATOR.join([b"f" + b"\xff" * 255, b"d" + "\U0001f514".encode() * 63 + b"\nx", b"fa\nb"]),
    ],
}

WORDS = {
    "http": [
        *b"\r\n \r \n \0 \xff ; = , : * 0x - +".split(b" "),
        *b"Content-Length: Transfer-Encoding: chunked Host: Upgrade: Expect: 100-continue HTTP/1.0 http://".split(),
        *(b"\t", b'"', b"0\r\n\r\n", SMUGGLED),
    ],
    "values": [
        *b"%00 %0a %c3 %2B & = {} [] null true yes NaN -Infinity -0 1e999 -1E+9 0x1".split(),
        *(b"\\ud800", b"\\udc00", b"\\u0000", b"\xef\xbb\xbf", b"\xd9\xa3", b"\xc2\xb2"),
    ],
    "signatures": [
        *b"t= i= s= v0= v1= v1, sha256= , 1700000000 hub.mode subscribe hub.challenge url_verification".split(b" "),
        *(b'"challenge"', b'"plainToken"', b"svix-id: ", b"webhook-id: ", b"x-zm-signature: ", b"\n\n"),
    ],
    "entry": [b"-", b"+", b"_", b"0x", b"\0", b"=", b"00000001", b"ffffffff", b"\xb2"],
    "spool": [
        *(SEPARATOR, b"-", b"_", b"0x", "\U0001f514".encode() * 8, b"\xff" * 32, b"..", b".draft-1", b"ID", b"P=1"),
        *(b"=", b"\0"),
    ],
}
