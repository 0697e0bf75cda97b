#!/usr/bin/python3 -I
"""Tries whatever its place might let it do, and tells what it could, as JSON: the name of each attack, and a sorted
list of what was within reach.

It stands in the place of an acceptor, a page, a job or a person, and only looks how far it would get: what it
opens it does not read or write, a file that it makes is empty, and no call changes anything even where it is allowed.
What is worth an attempt is told in plan.json, see whole_plan() of attackers.py.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import stat
import subprocess

with open("/usr/local/lib/hostile/plan.json", encoding="utf-8") as plan:
    PLAN = json.load(plan)
MARK = PLAN["mark"]  # the name of what it makes
LIBC = ctypes.CDLL(None, use_errno=True)
X86_64 = os.uname().machine == "x86_64"
FILES = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def call(function, *arguments):
    """Whether the C library's function succeeds."""
    return getattr(LIBC, function)(*arguments) != -1


def refused_by_rights(function, *arguments):
    """Whether a call that is wrong in other ways, too, is refused for a lack of rights already."""
    ctypes.set_errno(0)
    getattr(LIBC, function)(*arguments)
    return ctypes.get_errno() in (errno.EPERM, errno.EACCES, errno.ENOSYS)


def works(function, *arguments, **options):
    """Whether a call of Python's raises no OSError. What it returns is let go."""
    try:
        result = function(*arguments, **options)
    except OSError:
        return False
    if isinstance(result, int) and function is os.open:
        os.close(result)
    return True


def in_child(function):
    """Whether function says so, in a process of its own: it may change what it is."""
    child = os.fork()
    if not child:
        try:
            os._exit(0 if function() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


def everything():
    """The file system as it looks from here, and what the plan names beside it: dict of path to what lstat() says.
    Other processes have an attack of their own."""
    found = {}
    for path in PLAN["paths"]:
        if works(os.lstat, path):
            found[path] = os.lstat(path)
    waiting = ["/"]
    while waiting:
        folder = waiting.pop()
        found[folder] = os.lstat(folder)
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            if folder == "/proc" and name.isdigit():
                continue
            try:
                found[path] = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISDIR(found[path].st_mode):
                waiting.append(path)
    return found


def places_to_write(found):
    """Directories in which something can be made."""
    for path, status in found.items():
        if stat.S_ISDIR(status.st_mode):
            mark = os.path.join(path, MARK)
            if works(os.open, mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY | FILES) or works(os.mkdir, mark):
                yield path


def files_to_change(found):
    """Files that can be opened for writing, but for the one by which systemd lets a service watch its own memory."""
    for path, status in found.items():
        if path == os.environ.get("MEMORY_PRESSURE_WATCH"):
            continue
        plain = stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)
        if plain and works(os.open, path, os.O_WRONLY | FILES):
            yield path


def files_to_read(found):
    """Of what the plan names, what can be read or listed."""
    for path in PLAN["paths"]:
        status = found.get(path)
        if status is None:
            continue
        if stat.S_ISDIR(status.st_mode) and works(os.listdir, path):
            yield path + "/"
        if stat.S_ISREG(status.st_mode) and works(os.open, path, os.O_RDONLY | FILES):
            yield path


def files_to_take(found):
    """Of what the plan names, what can be given a name in a place of one's own, removed, or given away."""
    for path in PLAN["paths"]:
        if path in found and works(os.chmod, path, stat.S_IMODE(found[path].st_mode)):
            yield "chmod " + path
        for folder in filter(os.path.isdir, PLAN["own"]):
            target = os.path.join(folder, MARK + ".taken")
            if os.path.dirname(path) == folder:
                continue
            if works(os.link, path, target, follow_symlinks=False):
                os.unlink(target)
                yield "link " + path
            if works(os.rename, path, target):
                os.rename(target, path)
                yield "rename " + path


def devices(found):
    for path, status in found.items():
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            for word, flags in (("read", os.O_RDONLY), ("write", os.O_WRONLY)):
                if works(os.open, path, flags | FILES):
                    yield word + " " + path


def connects(kind, address, family=socket.AF_UNIX):
    try:
        with socket.socket(family, kind) as client:
            client.settimeout(5)
            return works(client.connect, address)
    except OSError:
        return False


def sockets(found):
    """Who can be spoken to."""
    for path, status in found.items():
        if stat.S_ISSOCK(status.st_mode):
            kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)
            if any(connects(kind, path) for kind in kinds):
                yield path
    if connects(socket.SOCK_STREAM, "\0" + PLAN["abstract"]):
        yield "abstract"
    if connects(socket.SOCK_STREAM, ("127.0.0.1", PLAN["port"]), socket.AF_INET):
        yield "loopback, IPv4"
    if connects(socket.SOCK_STREAM, ("::1", PLAN["port"]), socket.AF_INET6):
        yield "loopback, IPv6"


def makes_socket(family, kind):
    try:
        socket.socket(family, kind).close()
    except OSError:
        return False
    return True


def kinds_of_socket(_):
    """Sockets that can be made at all."""
    families = ["INET", "INET6", "PACKET", "NETLINK", "VSOCK", "ALG", "BLUETOOTH", "CAN", "TIPC", "QIPCRTR"]
    for family in families:
        for kind in ("STREAM", "DGRAM", "RAW", "SEQPACKET"):
            if makes_socket(getattr(socket, "AF_" + family), getattr(socket, "SOCK_" + kind)):
                yield family + " " + kind


def seize(pid):
    """ptrace(2), PTRACE_SEIZE: the process goes on, and is let go with this one's end."""
    return in_child(lambda: call("ptrace", 0x4206, pid, None, None))


def peek(pid):
    """process_vm_readv(2), of a byte where there is none."""
    byte = (ctypes.c_ulong * 2)(4096, 1)
    return not refused_by_rights("process_vm_readv", pid, byte, 1, byte, 1, 0)


def reach(pid):
    """What can be learned of a process, and done to it."""
    proc = "/proc/%d/" % pid
    attempts = {
        "see": lambda: os.path.exists(proc),
        "arguments": lambda: works(os.open, proc + "cmdline", os.O_RDONLY),
        "environment": lambda: works(os.open, proc + "environ", os.O_RDONLY),
        "memory": lambda: works(os.open, proc + "mem", os.O_RDWR) or works(os.open, proc + "maps", os.O_RDONLY),
        "descriptors": lambda: works(os.listdir, proc + "fd"),
        "root": lambda: works(os.listdir, proc + "root/"),
        "signal": lambda: works(os.kill, pid, 0),
        "trace": lambda: seize(pid),
        "peek": lambda: peek(pid),
        "priority": lambda: works(os.setpriority, os.PRIO_PROCESS, pid, 0),
        "limits": lambda: works(resource.prlimit, pid, resource.RLIMIT_CORE),
    }
    return [word for word, attempt in attempts.items() if attempt()]


def processes(_):
    """How far those that the plan names are within reach, and whether there are others to be seen."""
    for name, pid in PLAN["processes"].items():
        yield from ("%s: %s" % (name, word) for word in reach(pid))
    if works(os.stat, "/proc/1"):
        yield "others are seen"


def unshared(flag):
    return in_child(lambda: call("unshare", flag))


NUMBERS = {  # of system calls that the C library has no function for
    "add_key": (248, 217),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "init_module": (175, 105),
    "open_by_handle_at": (304, 265),
    "pivot_root": (155, 41),
}


def by_number(name, *arguments):
    result = LIBC.syscall(NUMBERS[name][0 if X86_64 else 1], *arguments)
    if result > 2 and name in ("bpf", "io_uring_setup", "perf_event_open", "userfaultfd"):
        os.close(result)
    return result != -1


def refused_by_number(name, *arguments):
    return refused_by_rights("syscall", NUMBERS[name][0 if X86_64 else 1], *arguments)


def executable_memory():
    """Bytes of one's own, run as code: nothing but an instruction to return."""
    return works(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_WRITE | mmap.PROT_EXEC)


def memory_made_executable():
    LIBC.mmap.restype = ctypes.c_void_p
    page = LIBC.mmap(None, ctypes.c_size_t(4096), 3, 0x22, -1, 0)
    return call("mprotect", ctypes.c_void_p(page), ctypes.c_size_t(4096), mmap.PROT_READ | mmap.PROT_EXEC)


def set_user_bit():
    """A program that would run as its owner, for others to start."""
    for folder in PLAN["own"]:
        path = os.path.join(folder, MARK + ".set-user")
        if works(os.open, path, os.O_CREAT | os.O_WRONLY, 0o600):
            done = works(os.chmod, path, 0o4755)
            os.unlink(path)
            if done:
                return True
    return False


def real_time():
    return in_child(lambda: works(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)))


def succeeds(command):
    """Return what a command that is there and succeeds has said, subprocess.CompletedProcess, or None."""
    # Otherwise systemctl notices the root directory, and says that it has done what it has not.
    environment = dict(os.environ, SYSTEMD_IGNORE_CHROOT="1")
    try:
        return subprocess.run(command, env=environment, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None


def as_root(command):
    """Whether a program that belongs to root and has the set-user bit runs as root."""
    done = succeeds(command)
    return done is not None and done.stdout.strip() == b"0"


def message_queue():
    """A place for messages to others, for which no file system is needed."""
    name = MARK.encode()
    made = LIBC.syscall(NUMBERS["mq_open"][0 if X86_64 else 1], name, os.O_CREAT | os.O_RDWR, 0o600, None)
    if made == -1:
        return False
    os.close(made)
    LIBC.syscall(NUMBERS["mq_unlink"][0 if X86_64 else 1], name)
    return True


def shared_memory():
    """A segment of memory for others, likewise."""
    made = LIBC.shmget(0, 4096, 0o600)
    return made != -1 and LIBC.shmctl(made, 0, None) == 0


def calls(_):
    """System calls that change what a process is or what the host is. Each is harmless where it is allowed: the
    clock is set to what it shows, a module is no module."""
    now = (ctypes.c_long * 2)()
    LIBC.clock_gettime(0, now)
    name = os.uname().nodename.encode()
    attributes = (ctypes.c_uint32 * 30)(1, 120, *[0] * 8, 0x60)
    bpf_map = (ctypes.c_uint32 * 30)(2, 4, 4, 1)
    attempts = {
        "set the clock": lambda: call("clock_settime", 0, now),
        "set the host's name": lambda: call("sethostname", name, len(name)),
        "reboot": lambda: not refused_by_rights("syscall", 169 if X86_64 else 142, 0, 0, 0, None),
        "load a module": lambda: not refused_by_number("init_module", None, 0, None),
        "load a kernel": lambda: not refused_by_number("kexec_load", 0, 17, None, 0),
        "swap": lambda: not refused_by_rights("swapon", b"/usr/local/lib/hostile/none", 0),
        "mount": lambda: in_child(lambda: call("mount", b"none", b"/usr/local/lib/hostile", b"tmpfs", 0, None)),
        "bind": lambda: in_child(lambda: call("mount", b"/srv", b"/usr/local/lib/hostile", None, 4096, None)),
        "unmount": lambda: not refused_by_rights("umount2", b"/usr/local/lib/hostile", 0),
        "change root": lambda: in_child(lambda: works(os.chroot, "/usr/local/lib/hostile")),
        "pivot root": lambda: not refused_by_number("pivot_root", b"/srv", b"/usr/local/lib/hostile"),
        "become root": lambda: in_child(lambda: works(os.setuid, 0) or works(os.setresuid, 0, 0, 0)),
        "leave groups": lambda: in_child(lambda: works(os.setgroups, [0])),
        "run as root": lambda: as_root(["/usr/local/lib/hostile/set-user", "-u"]),
        "make a set-user program": set_user_bit,
        "make a device": lambda: any(
            works(os.mknod, os.path.join(folder, MARK + ".device"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
            for folder in PLAN["own"]
        ),
        "new users' namespace": lambda: unshared(0x10000000),
        "new mount namespace": lambda: unshared(0x00020000),
        "new network namespace": lambda: unshared(0x40000000),
        "new process namespace": lambda: unshared(0x20000000),
        "new host name namespace": lambda: unshared(0x04000000),
        "new cgroup namespace": lambda: unshared(0x02000000),
        "users' and all namespaces": lambda: unshared(0x10000000 | 0x00020000 | 0x40000000 | 0x20000000),
        "real time": real_time,
        "higher priority": lambda: in_child(lambda: works(os.nice, -1)),
        "more files": lambda: in_child(lambda: works(resource.setrlimit, resource.RLIMIT_NOFILE, (10**6, 10**6 + 1))),
        "lock memory": lambda: call("mlockall", 4) and LIBC.munlockall() == 0,
        "executable memory": executable_memory,
        "memory made executable": memory_made_executable,
        "other personality": lambda: in_child(lambda: call("personality", 0x0040000)),
        "kernel's log": lambda: call("klogctl", 10, None, 0),
        "keys of the user": lambda: by_number("add_key", b"user", b"hostile", b"x", 1, -4),
        "message queue": message_queue,
        "shared memory": shared_memory,
        "bpf": lambda: by_number("bpf", 0, bpf_map, 72),
        "watch performance": lambda: by_number("perf_event_open", attributes, 0, -1, -1, 0),
        "io_uring": lambda: by_number("io_uring_setup", 1, (ctypes.c_uint32 * 30)()),
        "user faults": lambda: by_number("userfaultfd", 1),
        "open by handle": lambda: not refused_by_number("open_by_handle_at", -100, (ctypes.c_uint32 * 8)(8), 0),
        "accounting": lambda: not refused_by_rights("acct", b"/usr/local/lib/hostile/none"),
        "ports": lambda: X86_64 and not refused_by_rights("iopl", 3),
    }
    for word, attempt in attempts.items():
        if attempt():
            yield word


def orders(_):
    """Commands of the plan that succeed."""
    for command in PLAN["orders"]:
        if succeeds(command):
            yield " ".join(command)


def descriptors(_):
    """What it has been handed open, beside the first three."""
    for fd in range(3, 64):
        if works(os.fstat, fd):
            yield "%d %s" % (fd, "socket" if stat.S_ISSOCK(os.fstat(fd).st_mode) else "file")


def crowd(_):
    """How many processes it can have at once, of the few that it tries."""
    children = []
    try:
        while len(children) < PLAN["crowd"]:
            child = os.fork()
            if not child:
                signal.pause()
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    yield "%d" % len(children)


ATTACKS = (
    places_to_write,
    files_to_change,
    files_to_read,
    files_to_take,
    devices,
    sockets,
    kinds_of_socket,
    processes,
    calls,
    orders,
    descriptors,
    crowd,
)


def main():
    found = everything()
    report = json.dumps({attack.__name__: sorted(attack(found)) for attack in ATTACKS}).encode()
    if os.environ.get("LISTEN_FDS"):  # in an acceptor's place: whoever connects is told
        client, _ = socket.socket(fileno=3).accept()
        with client:
            client.sendall(report)
    else:
        os.write(1, report)


main()
