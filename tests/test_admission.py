"""What is decided of a head: addresses, paths, methods, browsers."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse
from role import endpoint

from trigger import admission, http

# Addresses


def is_welcome(settings, peer, **request):
    try:
        admission.check_peer(settings, peer)
        admission.check_head(settings, parse(message(**request))[0])
    except http.Refusal as refusal:
        if (refusal.status, refusal.reason) != (403, "this address may not call"):
            raise
        return False
    return True


FROM = [
    ("192.0.2.0/24", b"192.0.2.0", True),
    ("192.0.2.0/24", b"192.0.2.255", True),
    ("192.0.2.0/24", b"192.0.3.0", False),
    ("192.0.2.0/24", b"192.0.1.255", False),
    ("192.0.2.128/25", b"192.0.2.127", False),
    ("192.0.2.128/25", b"192.0.2.128", True),
    ("192.0.2.7", b"192.0.2.7", True),
    ("192.0.2.7/32", b"192.0.2.7", True),
    ("192.0.2.7/32", b"192.0.2.6", False),
    ("0.0.0.0/0", b"203.0.113.9", True),
    ("0.0.0.0/0", b"255.255.255.255", True),
    ("0.0.0.0/0", b"2001:db8::1", False),
    ("2001:db8::/32", b"2001:db8::1", True),
    ("2001:db8::/32", b"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", True),
    ("2001:db8::/32", b"2001:db9::", False),
    ("2001:db8::/127", b"2001:db8::2", False),
    ("2001:db8::1", b"2001:db8::1", True),
    ("2001:db8::1/128", b"2001:db8::1", True),
    ("2001:db8::1/128", b"2001:db8::", False),
    ("2001:DB8:0::1/128", b"2001:db8::1", True),
    ("::/0", b"2001:db8::1", True),
    ("::/0", b"::1", True),
    ("::/0", b"192.0.2.1", False),
    ("fe80::/10", b"fe80::1%eth0", True),
    ("fe80::/10", b"fec0::1%eth0", False),
    ("c000:200::/24", b"192.0.2.1", False),
]


@pytest.mark.parametrize(("network", "peer", "welcome"), FROM)
def test_who_calls_from_a_network_of_the_list(network, peer, welcome):
    assert is_welcome(endpoint(allow_from=[network]), peer) == welcome
    others = ["198.51.100.0/24", network, "2001:db8:1::/64"]
    assert is_welcome(endpoint(allow_from=others), peer) == welcome


def test_without_a_list_every_address_may_call():
    for peer in (b"192.0.2.1", b"2001:db8::1", b""):
        assert is_welcome(endpoint(), peer)


def test_a_client_on_a_unix_socket_has_no_address():
    assert is_welcome(endpoint(allow_from=["192.0.2.0/24"]), b"")


def test_an_address_is_looked_at_before_anything_else():
    """Who may not call learns nothing of paths and methods."""
    settings = endpoint(allow_from=["192.0.2.0/24"], path="/hook", methods=["POST"])
    assert not is_welcome(settings, b"198.51.100.1", target="/other", method="DELETE")


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 128))
def test_networks_are_what_ipaddress_says(peer, base, bits):
    network = ipaddress.ip_network((base, bits % (base.max_prefixlen + 1)), strict=False)
    if getattr(network.network_address, "ipv4_mapped", None) is None:  # the role refuses these
        assert is_welcome(endpoint(allow_from=[str(network)]), str(peer).encode()) == (peer in network)


# Path and method


def status_of(settings, **request):
    try:
        admission.check_head(settings, parse(message(**request))[0])
    except http.Refusal as refusal:
        return refusal.status
    return None


def test_path_and_method():
    settings = endpoint(path="/hook", methods=["GET", "PUT"])
    assert status_of(settings, target="/hook", method="GET") is None
    assert status_of(settings, target="/hook?a=/other", method="PUT") is None
    assert status_of(settings, target="/hook", method="HEAD") is None
    for target in ("/", "/hook/", "/Hook", "/hook%20", "/%68ook", "//hook", "/hook/../hook"):
        assert status_of(settings, target=target, method="GET") == 404
    for method in ("POST", "DELETE", "OPTIONS", "get", "TRACE"):
        assert status_of(settings, target="/hook", method=method) == 405


def test_without_get_there_is_no_head():
    assert status_of(endpoint(methods=["POST"]), method="HEAD") == 405
    with pytest.raises(http.Refusal) as caught:
        admission.check_head(endpoint(methods=["GET", "POST"]), parse(message(method="PUT"))[0])
    assert caught.value.headers == [("Allow", "GET, POST, HEAD")]


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("Sec-Purpose", "prefetch", 403),
        ("Sec-Purpose", "prefetch;prerender", 403),
        ("Sec-Purpose", "Prefetch;anonymous-client-ip", 403),
        ("Purpose", "prefetch", 403),
        ("X-Moz", "prefetch", 403),
        ("X-Purpose", "preview", 403),
        ("Purpose", "backup", None),
        ("Sec-Fetch-Mode", "navigate", None),
    ],
)
def test_what_a_browser_fetches_ahead_starts_nothing(field, value, status):
    for method in ("GET", "POST"):
        request = parse(message({field: value}, method=method))[0]
        try:
            admission.check_head(endpoint(methods=["GET", "POST"]), request)
            got = None
        except http.Refusal as refusal:
            got = refusal.status
        assert got == status


# Browsers

OWN = "http://hooks.example:3000"

BROWSERS = {
    "no browser": ({}, True),
    "a page of ours": ({"Sec-Fetch-Site": "same-origin", "Origin": OWN}, True),
    "an address typed in": ({"Sec-Fetch-Site": "none"}, True),
    "a link on another site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "a page of the same site": ({"Sec-Fetch-Site": "same-site"}, False),
    "another site": ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
    "a value of later days": ({"Sec-Fetch-Site": "other"}, False),
    "an empty value": ({"Sec-Fetch-Site": ""}, False),
    "two values": ({"Sec-Fetch-Site": "none, cross-site"}, False),
    "upper case": ({"Sec-Fetch-Site": "NONE"}, False),
    "only an origin of ours": ({"Origin": OWN}, True),
    "in upper case": ({"Origin": "HTTP://Hooks.EXAMPLE:3000"}, True),
    "behind a proxy that speaks TLS": ({"Origin": "https://hooks.example:3000"}, True),
    "only another origin": ({"Origin": "https://evil.example"}, False),
    "another port": ({"Origin": "http://hooks.example:3001"}, False),
    "no port": ({"Origin": "http://hooks.example"}, False),
    "a longer host": ({"Origin": "http://hooks.example:3000.evil.example"}, False),
    "a host in front": ({"Origin": "http://evil.example/hooks.example:3000"}, False),
    "a subdomain": ({"Origin": "http://a.hooks.example:3000"}, False),
    "null": ({"Origin": "null"}, False),
    "empty": ({"Origin": ""}, False),
    "two origins": ({"Origin": f"{OWN}, https://evil.example"}, False),
    "ours, but another site": ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
    "another, but ours": ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
}


def lets_in(settings, host, fields, peer=b""):
    whole = message(fields).replace(b"Host: hooks.example\r\n", b"Host: " + host.encode() + b"\r\n")
    try:
        admission.check_peer(settings, peer)
        admission.check_head(settings, parse(whole)[0])
    except http.Refusal as refusal:
        if (refusal.status, refusal.reason) != (403, "a page of another site may not call"):
            raise
        return False
    return True


@pytest.mark.parametrize(("fields", "welcome"), BROWSERS.values(), ids=BROWSERS)
def test_what_a_browser_says_of_a_page(fields, welcome):
    assert lets_in(endpoint(), "hooks.example:3000", fields) == welcome
    assert lets_in(endpoint(), "HOOKS.example:3000", fields) == welcome


@pytest.mark.parametrize(
    ("origin", "host", "welcome"),
    [
        ("http://a.example", "a.example", True),
        ("http://a.example", "a.example:80", True),
        ("http://a.example:80", "a.example", True),
        ("https://a.example", "a.example", True),
        ("https://a.example", "a.example:443", True),
        ("https://a.example:443", "a.example", True),
        ("http://a.example:8080", "a.example", False),
        ("https://a.example", "a.example:8443", False),
        # The default port of the other scheme: no page of ours is there.
        ("http://a.example:443", "a.example", False),
        ("https://a.example:80", "a.example", False),
        ("http://[::1]:3000", "[::1]:3000", True),
        ("http://[::1]", "[::1]:80", True),
        ("http://[::1]:3001", "[::1]:3000", False),
        ("http://[::2]:3000", "[::1]:3000", False),
        ("http://[2001:DB8::1]", "[2001:db8::1]", True),
        ("http://127.0.0.1:3000", "127.0.0.1:3000", True),
        ("http://127.0.0.1:3000", "localhost:3000", False),
        ("http://localhost:8080", "localhost:3000", False),
    ],
)
def test_an_origin_is_ours_when_its_host_and_port_are(origin, host, welcome):
    assert lets_in(endpoint(), host, {"Origin": origin}) == welcome


@pytest.mark.parametrize("origin", ["http://", "http://:80", "https://", "://", "null", "", "http://hooks.example"])
def test_where_no_host_is_named_no_origin_is_ours(origin):
    """HTTP/1.0 can do without. No browser speaks it, but a proxy in front may."""
    request, _ = parse(message({"Origin": origin}, version="1.0").replace(b"Host: hooks.example\r\n", b""))
    with pytest.raises(http.Refusal) as caught:
        admission.check_head(endpoint(), request)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("allowed", "origin", "welcome"),
    [
        ("https://intranet.example", "https://intranet.example", True),
        ("https://intranet.example", "HTTPS://Intranet.example", True),
        ("https://intranet.example", "http://intranet.example", False),
        ("https://intranet.example", "https://intranet.example:8443", False),
        ("https://intranet.example:8443", "https://intranet.example:8443", True),
        ("https://intranet.example", "https://intranet.example.evil", False),
        ("https://intranet.example", "https://sub.intranet.example", False),
        ("https://intranet.example", "null", False),
        ("null", "null", True),
        ("moz-extension://a-b", "moz-extension://a-b", True),
    ],
)
def test_other_sites_can_be_allowed(allowed, origin, welcome):
    settings = endpoint(allow_origins=["https://first.example", allowed])
    fields = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert lets_in(settings, "hooks.example:3000", fields) == welcome


def test_an_allowed_site_has_to_say_who_it_is():
    """A link or an image comes without Origin, so any page could have sent it."""
    settings = endpoint(allow_origins=["https://intranet.example"])
    assert not lets_in(settings, "hooks.example", {"Sec-Fetch-Site": "cross-site"})


def test_what_a_browser_says_counts_over_a_unix_socket_too():
    """A proxy in front of it may serve browsers."""
    assert not lets_in(endpoint(), "hooks.example", {"Origin": "https://evil.example"}, peer=b"")
    assert not lets_in(endpoint(), "hooks.example", {"Origin": "https://evil.example"}, peer=b"192.0.2.1")


@given(st.binary(max_size=30), st.binary(max_size=12), st.sampled_from([[], ["null"], ["https://intranet.example"]]))
def test_no_field_of_a_browser_raises_anything_but_a_refusal(origin, site, allowed):
    request, _ = parse(message())
    request.fields.update({b"origin": origin, b"sec-fetch-site": site})
    try:
        admission.check_head(endpoint(allow_origins=allowed), request)
    except http.Refusal:
        pass


# Load


@pytest.mark.parametrize(
    ("when_busy", "waiting", "running", "status"),
    [
        ("coalesce", 0, False, None),
        ("coalesce", 2, True, None),
        ("coalesce", 3, False, 503),
        ("queue", 2, True, None),
        ("queue", 3, True, 503),
        ("reject", 0, False, None),
        ("reject", 1, False, 409),
        ("reject", 0, True, 409),
    ],
)
def test_how_much_may_wait(when_busy, waiting, running, status):
    settings = endpoint(when_busy=when_busy, queue_limit=3)
    if status is None:
        admission.check_load(settings, waiting, running)
        return
    with pytest.raises(http.Refusal) as caught:
        admission.check_load(settings, waiting, running)
    assert caught.value.status == status
    assert [name for name, _ in caught.value.headers] == ["Retry-After"] * (status == 503)
