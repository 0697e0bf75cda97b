"""Inputs that once broke what fuzz/targets.py asks for: (target, input, what it showed). test_fuzz.py replays them."""

FINDINGS = [
    (
        "spool",
        b"f9\nbo\0#D$\ns%cret\n-000003d trigger entry\n\n--\nfn-\n(1\n--\nd2\nx\n--\np4\n-\ns4\n--\nt6",
        "a sign in the end mark of an entry kept claim from taking any",
    ),
    (
        "entry",
        b"body" + b"TRIGGER_REQUEST_ID=01a208b6\0QUERY_STRING=a=b\x0000_0002d trigger entry\n",
        "an underscore in the end mark of an entry was taken for nothing",
    ),
    (
        "spool",
        b"d" + "\U0001f514".encode() * 63 + b"\nx",
        "a name of 63 characters and 252 bytes could not be set aside and kept claim from taking any",
    ),
]
