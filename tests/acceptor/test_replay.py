"""The memory of deliveries, and the spool that writes it: on real files, as a crash leaves them."""

import itertools
import os
import re
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse

from trigger import entry, http
from trigger.acceptor import replay
from trigger.acceptor.replay import Deliveries
from trigger.spool import MEMORY_LIMIT, Spool

NOW = 1700000000
WINDOW = 600


def made_ids(count):
    ids = entry.Ids()
    return [ids.next() for _ in range(count)]


ID, OTHER, *MORE = made_ids(40)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / ".deliveries")


def memory(path, limit=replay.LIMIT, window=WINDOW):
    """A new acceptor's."""
    return Deliveries(path, window, limit)


def content(path):
    with open(path, encoding="ascii") as file:
        return file.read()


# What a delivery goes by


def keys(fields=(), *digests, name=b"a", is_token=True, ids=(), body=b"", **options):
    """Of a request that an entry of `auth` has let in."""
    attempt = SimpleNamespace(
        admitted=SimpleNamespace(name=name, is_token=is_token),
        signed_ids=[(name, *pair) for pair in ids],
        digests=list(digests),
    )
    return replay.keys(parse(message(fields, body, **options))[0], attempt, lambda: body)


ID_FIELDS = ["webhook-id", "X-GitHub-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "Idempotency-Key"]


@pytest.mark.parametrize("field", ID_FIELDS)
def test_a_delivery_goes_by_the_id_of_its_sender(field):
    (key,) = keys({field: "1"})
    assert keys({field.upper(): "1", "X-Other": "2"}) == [key]
    assert keys({field: "2"}) != [key]
    assert keys({field: "1"}, name=b"b") != [key]
    assert re.fullmatch("[0-9a-f]{64}", replay.bare(key))
    assert (":" in key) == (field == "Idempotency-Key")


@pytest.mark.parametrize("field", ID_FIELDS)
def test_of_a_signature_only_what_is_signed_names_it(field):
    assert keys({field: "1"}, is_token=False) == []
    name = field.lower().encode()
    assert keys({field: "1"}, is_token=False, ids=[(name, b"1")]) == keys({field: "1"})
    assert keys({field: "1"}, is_token=False, ids=[(b"x-other", b"1")]) == keys(
        {}, is_token=False, ids=[(b"x-other", b"1")]
    )


def test_a_delivery_goes_by_what_is_signed_too():
    both = keys({"webhook-id": "1"}, b"digest")
    assert len(both) == 2
    assert set(both) == {*keys({"webhook-id": "1"}), *keys((), b"digest")}
    assert keys((), b"other") != keys((), b"digest")
    assert keys((), b"other", b"digest") == keys((), b"other") + keys((), b"digest")
    assert keys((), b"digest", name=b"b") == keys((), b"digest")  # it stands for the secret


def test_without_both_nothing_is_remembered():
    assert keys({"X-Request-Id": "1", "X-GitHub-Event": "push"}) == []


def test_an_id_in_one_field_is_not_the_same_in_another():
    found = {replay.bare(*keys({field: "1"})) for field in ID_FIELDS}
    assert len(found) == len(ID_FIELDS)


def test_no_id_can_be_taken_for_what_is_signed():
    assert not set(keys({"webhook-id": "signed\xff"})) & set(keys((), b"\xff"))


def test_the_fingerprint_is_of_all_that_is_asked():
    field = {"Idempotency-Key": "1"}
    found = {
        *keys(field), *keys(field, body=b"x"), *keys(field, method="PUT"), *keys(field, target="/?x"),
        *keys(field, target="/?", body=b"x?"), *keys(field, target="/?x", body=b"x"),
    }  # fmt: skip
    assert len(found) == 6
    assert len(set(map(replay.bare, found))) == 1
    for one, other in itertools.combinations(found, 2):
        with pytest.raises(http.Refusal) as caught:
            replay.check_same(one, other)
        assert caught.value.status == 422
    for one in found:
        replay.check_same(one, one)
        replay.check_same(one, replay.bare(one))


@given(st.binary(min_size=1, max_size=20))
def test_any_idempotency_key_is_read(value):
    value = value.replace(b"\r", b"r").replace(b"\n", b"n").replace(b"\0", b"0")
    request = parse(message())[0]
    request.fields[b"idempotency-key"] = value
    quoted = b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    attempt = SimpleNamespace(admitted=SimpleNamespace(name=b"", is_token=True), digests=[])
    bare = replay.keys(request, attempt, bytes)
    request.fields[b"idempotency-key"] = quoted
    assert value[:1] == b'"' or replay.keys(request, attempt, bytes) == bare


# The memory


def test_a_delivery_is_found_by_each_of_its_keys(path):
    known = memory(path)
    known.add([(ID, ["a", "b"]), (OTHER, ["c"])], NOW)
    assert [known.find([key], NOW) for key in "abcd"] == [ID, ID, OTHER, None]
    assert known.find(["d", "b"], NOW) == ID
    assert known.find([], NOW) is None
    assert known.has(ID, NOW)
    assert not known.has(MORE[0], NOW)


def test_an_idempotency_key_is_known_with_the_request_that_it_stands_for(path):
    """Also after the memory was written anew, and with a line of release 0.2, which has no fingerprint."""
    memory(path).add([(request_id, ["old"]) for request_id in MORE[:3]], NOW - WINDOW)
    memory(path).add([(ID, ["a:1", "b"]), (OTHER, ["c"])], NOW)
    for limit in (replay.LIMIT, 2):  # for which it is written anew
        known = memory(path, limit)
        assert [known.find([key], NOW) for key in ("a:1", "a", "b:1", "c:2")] == [ID, ID, ID, OTHER]
        with pytest.raises(http.Refusal):
            known.find(["a:2"], NOW)
        assert known.find(["a:2"], NOW + WINDOW) is None
    assert content(path).count("\n") == 2


def test_it_outlives_the_acceptor(path):
    memory(path).add([(ID, ["a", "b"])], NOW)
    memory(path).add([(OTHER, ["c"])], NOW + 1)
    assert [memory(path).find([key], NOW + 2) for key in "abcd"] == [ID, ID, OTHER, None]


def test_nobody_else_can_read_it(path):
    memory(path).add([(ID, ["a"])], NOW)
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("reopened", [False, True])
def test_a_delivery_is_forgotten_when_the_window_ends(path, reopened):
    known = memory(path)
    known.add([(ID, ["a"])], NOW)

    def found(now):
        return (memory(path) if reopened else known).find(["a"], now)

    assert found(NOW + WINDOW - 1) == ID
    assert found(NOW + WINDOW) is None


def test_an_acceptor_that_begins_later_does_not_know_it_at_all(path):
    memory(path).add([(ID, ["a"])], NOW)
    assert memory(path).has(ID, NOW + WINDOW - 1)
    assert not memory(path).has(ID, NOW + WINDOW)


@pytest.mark.parametrize("reopened", [False, True])
def test_a_clock_that_was_set_back_forgets_nothing(path, reopened):
    known = memory(path)
    known.add([(ID, ["a"])], NOW)
    known = memory(path) if reopened else known
    assert known.find(["a"], NOW - 10 * WINDOW) == ID
    known.add([(OTHER, ["b"])], NOW - 10 * WINDOW)
    assert known.find(["a"], NOW - 10 * WINDOW) == ID
    assert known.find(["b"], NOW - 10 * WINDOW) == OTHER


@pytest.mark.parametrize("torn", ["1", f"{NOW}", f"{NOW} ", f"{NOW} {OTHER}", f"{NOW} {OTHER} ", f"{NOW} {OTHER} b"])
def test_a_line_that_was_cut_short_counts_for_nothing(path, torn):
    """The power went before it was flushed, so nobody was told of it."""
    memory(path).add([(ID, ["a"])], NOW)
    before = content(path)
    with open(path, "a", encoding="ascii") as file:
        file.write(torn)
    known = memory(path)
    assert known.find(["a"], NOW) == ID
    assert known.find(["b"], NOW) is None
    assert content(path) == before
    known.add([(MORE[0], ["c"])], NOW)
    assert [memory(path).find([key], NOW) for key in "abc"] == [ID, None, MORE[0]]


def test_what_could_not_be_read_to_its_end_is_read_again(path, monkeypatch):
    """Or the next line would go behind a half one, and count for nothing either."""
    memory(path).add([(ID, ["a"])], NOW)
    with open(path, "a", encoding="ascii") as file:
        file.write("x")
    known = memory(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", lambda *_: os.listdir("/proc/0"))
        with pytest.raises(FileNotFoundError):
            known.find(["a"], NOW)
    known.add([(OTHER, ["b"])], NOW)
    assert [memory(path).find([key], NOW) for key in "ab"] == [ID, OTHER]


@pytest.mark.parametrize(
    "line",
    ["", " ", "x", "\0\0\0\0\0\0", "\xff\xfe", "x y z", f"{NOW}", f"{NOW} z", f"{NOW} y z", f"{NOW} ../{OTHER} z",
     f"x {OTHER} z", f" {OTHER} z", f"-{NOW} {OTHER} z", f"1e9 {OTHER} z", f"{NOW}. {OTHER} z", f"\xb2 {OTHER} z",
     f"{'9' * 5000} {OTHER} z", f"{NOW}\t{OTHER}\tz"],
    ids=range(18),
)  # fmt: skip
def test_a_damaged_line_harms_no_other(path, line):
    memory(path).add([(ID, ["a"])], NOW)
    with open(path, "ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    memory(path).add([(OTHER, ["c"])], NOW)
    assert [memory(path).find([key], NOW) for key in ("a", "c", "z", "")] == [ID, OTHER, None, None]


@given(st.binary(max_size=200))
def test_no_content_of_the_file_stops_the_acceptor(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("memory") / ".deliveries"
    path.write_bytes(content)
    known = memory(str(path))
    known.add([(ID, ["a"])], NOW)
    assert known.find(["a"], NOW) == ID
    assert memory(str(path)).find(["a"], NOW) == ID


@pytest.mark.parametrize("reopened", [False, True])
def test_the_file_is_written_anew_past_a_quarter_more_than_the_limit(path, reopened):
    known = memory(path, limit=8)
    for second, request_id in enumerate(MORE[:11]):
        known.add([(request_id, [f"key{second}", f"also{second}"])], NOW + second)
    assert content(path).count("\n") == 11
    if reopened:
        known = memory(path, limit=8)
        assert known.find(["key10"], NOW + 11) == MORE[10]
    else:
        known.add([(MORE[11], ["key11"])], NOW + 11)
    assert content(path).count("\n") == 8 + (not reopened)
    assert [known.find([f"also{n}"], NOW + 11) for n in range(2, 11)] == [None, *MORE[3:11]]
    assert memory(path, limit=8).find(["key10"], NOW + 11) == MORE[10]
    assert os.listdir(os.path.dirname(path)) == [".deliveries"]


def test_the_rewritten_file_leaves_out_what_is_past_the_window(path):
    known = memory(path, limit=4)
    for request_id in MORE[:6]:
        known.add([(request_id, [f"old {request_id}"])], NOW)
    known.add([(ID, ["a"])], NOW + WINDOW)
    assert content(path).count("\n") == 1


def test_the_oldest_are_forgotten_first(path):
    """Also where one of them bears the id of one that was forgotten, as when a sender tries again for hours."""
    known = memory(path, limit=2)
    known.add([(ID, ["again"])], NOW)
    for second, request_id in enumerate(MORE[:3]):
        known.add([(request_id, [f"key{second}"])], NOW + WINDOW + second)
    known.add([(OTHER, ["again"])], NOW + WINDOW + 3)
    known.add([(MORE[4], ["newest"])], NOW + WINDOW + 4)
    assert content(path).count("\n") == 3  # it was written anew
    assert known.find(["again"], NOW + WINDOW + 5) == OTHER
    assert known.find(["key0"], NOW + WINDOW + 5) is None


def test_a_rewrite_that_was_cut_short_harms_nothing(path):
    memory(path).add([(ID, ["a"])], NOW)
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(f"{NOW} {OTHER} b and more that is longer than what the next one writes there\n" * 9)
    known = memory(path, limit=1)
    for request_id in MORE[:4]:
        known.add([(request_id, [request_id])], NOW)
    assert known.find(["b"], NOW) is None
    assert known.find([MORE[3]], NOW) == MORE[3]


def test_the_last_addition_can_be_taken_back(path):
    known = memory(path)
    known.add([(ID, ["a"])], NOW)
    before = content(path)
    known.add([(OTHER, ["b"]), (MORE[0], ["c"])], NOW)
    known.take_back()
    assert content(path) == before
    for each in (known, memory(path)):
        assert [each.find([key], NOW) for key in "abc"] == [ID, None, None]
    known.add([(OTHER, ["b"])], NOW)
    assert memory(path).find(["b"], NOW) == OTHER


def test_it_follows_no_link(path, tmp_path):
    (tmp_path / "elsewhere").write_text("")
    os.symlink("elsewhere", path)
    with pytest.raises(OSError, match="symbolic link"):
        memory(path).find(["a"], NOW)


# The spool


@pytest.fixture(autouse=True)
def gone(tmp_path):
    """What a process has open is closed when it goes; here many of them go in one."""
    yield
    for fd in os.listdir("/proc/self/fd"):
        if os.path.exists(f"/proc/self/fd/{fd}") and os.readlink(f"/proc/self/fd/{fd}").startswith(
            f"{tmp_path.parent}/"
        ):
            os.close(int(fd))


class Acceptor:
    """A spool with its memory, over directories that stay when it goes."""

    def __init__(self, tmp_path, remembers=True):
        self.path = tmp_path / "spool"
        for name in ("spool", "claimed", "runs"):
            (tmp_path / name).mkdir(exist_ok=True)
        self.memory = Deliveries(str(self.path / ".deliveries"), WINDOW) if remembers else None
        self.spool = Spool(str(self.path), str(tmp_path / "claimed"), self.memory, self.has_record)

    def has_record(self, request_id):
        return (self.path.parent / "runs" / request_id).exists()

    def draft(self, body=b"", request_id=None):
        """A complete draft that is not flushed yet: (id, Draft)."""
        draft = self.spool.draft()
        request_id = request_id or self.spool.next_id()
        draft.write(body)
        draft.close_body([(b"TRIGGER_REQUEST_ID", request_id.encode())])
        return request_id, draft

    def names(self):
        return sorted(name for name in os.listdir(self.path) if name != ".deliveries")

    def body(self, request_id):
        whole = (self.path / request_id).read_bytes()
        with open(self.path / request_id, "rb") as file:
            variables, length = entry.read_variables(file.fileno(), len(whole))
        assert variables == {b"TRIGGER_REQUEST_ID": request_id.encode()}
        return whole[:length]


def left_behind(tmp_path, body=b"body", whole=True, remembered=True, keys=("a",), accepted=True):
    """The state in which a crash leaves a request that was accepted, or a draft. Returns its request's id."""
    before = Acceptor(tmp_path)
    request_id, draft = before.draft(body)
    if accepted:
        draft.accept(request_id)
    assert draft.flush() is None
    if not whole:
        with open(draft.path, "r+b") as file:
            file.truncate(os.path.getsize(draft.path) - 1)
    if remembered:
        before.memory.add([(request_id, list(keys))], time.time())
    return request_id


def test_what_is_committed_is_an_entry_and_is_remembered(tmp_path):
    acceptor = Acceptor(tmp_path)
    one, other = acceptor.draft(b"one"), acceptor.draft(b"other" * MEMORY_LIMIT)
    assert acceptor.spool.commit([(*one, ["a"]), (*other, [])]) == [None, None]
    assert acceptor.names() == sorted([one[0], other[0]])
    assert acceptor.body(one[0]) == b"one"
    assert acceptor.body(other[0]) == b"other" * MEMORY_LIMIT
    for each in (acceptor, Acceptor(tmp_path)):
        assert each.spool.delivered(["a"]) == one[0]
        assert each.spool.delivered([]) is None
        assert not each.memory.has(other[0], time.time())


def test_what_was_accepted_and_is_remembered_becomes_an_entry(tmp_path):
    """The power went between the two. The sender would be told that it was accepted, so it has to run."""
    request_id = left_behind(tmp_path, b"body" * MEMORY_LIMIT)
    after = Acceptor(tmp_path)
    after.spool.draft()
    assert after.names() == [request_id]
    assert after.body(request_id) == b"body" * MEMORY_LIMIT
    assert after.spool.delivered(["a"]) == request_id
    assert after.spool.load() == (1, False)


def test_the_next_id_follows_that_of_a_request_that_became_an_entry(tmp_path):
    ahead = entry.Ids(after=MORE[-1].replace(MORE[-1][:5], f"{int(MORE[-1][:5], 16) + 1:05x}", 1)).next()  # 4.6 hours
    before = Acceptor(tmp_path)
    _, draft = before.draft(request_id=ahead)
    draft.accept(ahead)
    draft.flush()
    before.memory.add([(ahead, ["a"])], time.time())
    after = Acceptor(tmp_path)
    after.spool.draft()
    assert after.names() == [ahead]
    assert after.spool.next_id() > ahead


@pytest.mark.parametrize("accepted", [False, True])
def test_what_nothing_remembers_is_removed(tmp_path, accepted):
    left_behind(tmp_path, remembered=False, accepted=accepted)
    after = Acceptor(tmp_path)
    after.spool.draft()
    assert after.names() == []


@pytest.mark.parametrize("accepted", [False, True])
def test_it_is_removed_where_nothing_is_remembered_at_all(tmp_path, accepted):
    left_behind(tmp_path, accepted=accepted)
    after = Acceptor(tmp_path, remembers=False)
    after.spool.draft()
    assert after.names() == []
    assert after.spool.delivered([]) is None


@pytest.mark.parametrize("where", ["spool", "claimed", "runs"])
@pytest.mark.parametrize("accepted", [False, True])
def test_what_was_an_entry_before_does_not_become_one_again(tmp_path, where, accepted):
    """It waits, is being run, or was: that goes on undisturbed, and its delivery stays known."""
    request_id = left_behind(tmp_path, b"not the genuine one", accepted=accepted)
    (tmp_path / where / request_id).write_text("genuine")
    after = Acceptor(tmp_path)
    after.spool.draft()
    assert after.names() == ([request_id] if where == "spool" else [])
    assert (tmp_path / where / request_id).read_text() == "genuine"
    assert after.spool.delivered(["a"]) == request_id


@pytest.mark.parametrize("whole", [True, False])
def test_a_draft_never_becomes_an_entry(tmp_path, whole):
    """Though it ends like one, with an id that is remembered: a stranger may have written it. For the same reason that
    delivery stays known, or whoever has overheard it could have it run again."""
    request_id = left_behind(tmp_path, whole=whole, accepted=False)
    after = Acceptor(tmp_path)
    after.spool.draft()
    assert after.names() == []
    for each in (after, Acceptor(tmp_path)):
        assert each.spool.delivered(["a"]) == request_id


def look_alike(request_id):
    """A body that ends like an entry."""
    return b"evil" * MEMORY_LIMIT + entry.encode([(b"TRIGGER_REQUEST_ID", request_id.encode())])


class Killed:
    """Ends the process before the n-th call that changes a file."""

    CALLS = ("open", "write", "fsync", "rename", "unlink", "ftruncate")

    def __init__(self, monkeypatch, nth):
        self.left = nth
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, call):
        def wrapper(*arguments, **options):
            self.left -= 1
            if not self.left:
                os._exit(9)
            return call(*arguments, **options)

        return wrapper


def dies(monkeypatch, nth, work):
    """Do work in a process that dies before its n-th step. Returns whether it did."""
    process = os.fork()
    if not process:
        Killed(monkeypatch, nth)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9


@pytest.mark.parametrize("size", [4, 3 * MEMORY_LIMIT])
@pytest.mark.parametrize("known", ["waiting", "recorded", "pruned"])
def test_whatever_is_killed_when_no_strangers_body_runs_and_no_delivery_is_lost(tmp_path, monkeypatch, size, known):
    """A stranger's body lies there that ends like the entry of a request whose delivery is remembered, and another of
    the next id. Meanwhile a delivery is accepted, and the acceptor is killed before each of its steps; so is the next
    one, before each of the steps of its recovery."""
    step = 0
    genuine = b"x" * size
    died = True
    while died:
        step += 1
        here = tmp_path / str(step)
        here.mkdir()
        before = Acceptor(here)
        first = before.draft(b"first")
        before.spool.commit([(*first, ["first"])])
        if known != "waiting":
            os.unlink(before.path / first[0])
        if known == "recorded":
            (here / "runs" / first[0]).write_text("genuine")

        def accept(acceptor=before, taken=first[0]):
            strangers = [acceptor.spool.draft(), acceptor.spool.draft()]
            request_id, draft = acceptor.draft(genuine)
            for stranger, claimed_id in zip(strangers, (taken, request_id)):
                stranger.write(look_alike(claimed_id))
            acceptor.spool.commit([(request_id, draft, ["second"])])

        died = dies(monkeypatch, step, accept)
        for again in range(1, 40):
            if not dies(monkeypatch, again, lambda here=here: Acceptor(here).spool.draft()):
                break
        after = Acceptor(here)
        after.spool.draft()
        entries = [name for name in after.names() if entry.is_id(name)]
        assert after.names() == entries  # nothing else is left
        bodies = {name: after.body(name) for name in entries}
        if known == "waiting":
            assert bodies.pop(first[0]) == b"first"
        assert after.spool.delivered(["first"]) == first[0]
        second = after.spool.delivered(["second"])
        assert list(bodies.values()) in ([genuine], [])
        # Known and gone would be lost; there and not known, it runs again when its sender, who was told nothing, comes
        # again: so it is neither.
        assert list(bodies) == ([second] if second else [])
        assert second or died
    assert step > 6


def test_all_that_was_left_behind_is_looked_at(tmp_path):
    spool = Acceptor(tmp_path)
    drafts = [spool.draft(b"%d" % number) for number in range(6)]
    for request_id, draft in drafts:
        draft.accept(request_id)
        draft.flush()
    kept = [request_id for request_id, _ in drafts[::2]]
    spool.memory.add([(request_id, [request_id]) for request_id in kept], time.time())
    after = Acceptor(tmp_path)
    after.spool.draft()
    assert after.names() == sorted(kept)


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"00000000 trigger entry\n", b"ffffffff trigger entry\n"])
@pytest.mark.parametrize("name", [".draft-1", ".accepted-", ".accepted-1", f".accepted-{OTHER}"])
def test_a_draft_of_anything_is_removed(tmp_path, name, content):
    before = Acceptor(tmp_path)
    (before.path / name).write_bytes(content)
    before.memory.add([(ID, ["a"])], time.time())
    before.spool.draft()
    assert before.names() == []


@pytest.mark.parametrize("chosen", ["../elsewhere", ".deliveries", ".."])
def test_a_draft_cannot_choose_the_name_of_a_file(tmp_path, chosen):
    before = Acceptor(tmp_path)
    before.memory.add([(chosen, ["a"])], time.time())
    left_behind(tmp_path, look_alike(chosen), accepted=False, remembered=False)
    after = Acceptor(tmp_path)
    after.spool.draft()
    assert after.names() == []
    assert sorted(os.listdir(tmp_path)) == ["claimed", "runs", "spool"]


def test_a_draft_that_is_a_link_is_removed(tmp_path):
    request_id = left_behind(tmp_path, accepted=False)
    before = Acceptor(tmp_path)
    (name,) = before.names()
    os.rename(before.path / name, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", before.path / name)
    before.spool.draft()
    assert before.names() == []
    assert (tmp_path / "elsewhere").exists()
    assert request_id not in os.listdir(before.path)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_name_that_cannot_be_given_harms_no_other(tmp_path, failing):
    """A directory in the place of an entry is what no permission of root's can get over."""
    acceptor = Acceptor(tmp_path)
    accepted = acceptor.draft(b"before")
    acceptor.spool.commit([(*accepted, ["before"])])
    drafts = [(*acceptor.draft(b"%d" % number), [f"key{number}"]) for number in range(3)]
    in_the_way = acceptor.path / drafts[failing][0]
    (in_the_way / "file").mkdir(parents=True)
    errors = acceptor.spool.commit(drafts)
    assert [isinstance(error, IsADirectoryError) for error in errors] == [number == failing for number in range(3)]
    ids = [request_id for request_id, _, _ in drafts]
    assert acceptor.names() == sorted([accepted[0], *ids])
    for each in (acceptor, Acceptor(tmp_path)):
        found = [each.spool.delivered([f"key{number}"]) for number in range(3)]
        assert found == [None if number == failing else ids[number] for number in range(3)]
        assert each.spool.delivered(["before"]) == accepted[0]
    # A sender tries again, and then nothing is in the way.
    again = acceptor.draft(b"again")
    acceptor.spool.commit([(*again, [f"key{failing}"])])
    assert Acceptor(tmp_path).spool.delivered([f"key{failing}"]) == again[0]


def test_a_commit_whose_memory_cannot_be_written_leaves_nothing_behind(tmp_path):
    acceptor = Acceptor(tmp_path)
    draft = acceptor.draft(b"body")
    (acceptor.path / ".deliveries").mkdir()
    (error,) = acceptor.spool.commit([(*draft, ["a"])])
    assert isinstance(error, IsADirectoryError)
    assert acceptor.names() == []


def test_a_draft_that_cannot_be_written_harms_no_other(tmp_path):
    acceptor = Acceptor(tmp_path)
    good, bad = acceptor.draft(b"good"), acceptor.draft(b"bad")
    os.mkdir(acceptor.path / f".accepted-{bad[0]}")
    errors = acceptor.spool.commit([(*bad, ["bad"]), (*good, ["good"])])
    assert isinstance(errors[0], OSError)
    assert errors[1] is None
    assert good[0] in acceptor.names()
    assert bad[0] not in acceptor.names()
    assert [acceptor.spool.delivered([key]) for key in ("good", "bad")] == [good[0], None]


@pytest.mark.parametrize("size", [0, 10, MEMORY_LIMIT, MEMORY_LIMIT + 1, 3 * MEMORY_LIMIT + 7])
def test_a_body_can_be_read_while_it_is_a_draft(tmp_path, size):
    draft = Acceptor(tmp_path).spool.draft()
    body = os.urandom(size)
    for start in range(0, size, 10000):
        draft.write(body[start : start + 10000])
        assert draft.read_body() == body[: start + 10000]
    assert draft.read_body() == body
    assert draft.length == size


@pytest.mark.parametrize("size", [10, 3 * MEMORY_LIMIT])
def test_a_body_can_be_let_go(tmp_path, size):
    acceptor = Acceptor(tmp_path)
    draft = acceptor.spool.draft()
    draft.write(b"x" * size)
    draft.drop_body()
    assert (draft.length, draft.read_body()) == (0, b"")
    request_id = acceptor.spool.next_id()
    draft.close_body([(b"TRIGGER_REQUEST_ID", request_id.encode())])
    acceptor.spool.commit([(request_id, draft, [])])
    assert acceptor.body(request_id) == b""


@pytest.mark.parametrize("size", [10, 3 * MEMORY_LIMIT])
def test_a_draft_that_is_discarded_leaves_nothing(tmp_path, size):
    acceptor = Acceptor(tmp_path)
    draft = acceptor.spool.draft()
    draft.write(b"x" * size)
    draft.discard()
    draft.discard()
    assert acceptor.names() == []
