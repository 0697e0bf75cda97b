"""What was typed, and which exit status it ends with."""

from __future__ import annotations

import argparse
import os
import sys

from trigger import VERSION, timespan
from trigger.ctl import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_EXIT_STATUS = """\
exit status:
  0  done; for fire --wait: the run succeeded
  1  not done, or the answer is no: the run did not succeed, doctor found something wrong
  2  wrong usage
  3  no such endpoint or request
  4  not root
  5  refused, as a client would have been: parameters, a full queue or disk, a run under way
  6  not in time: --wait TIME is over, the run goes on
  130  interrupted; runs go on
"""
_ID = "request id as `runs` lists it, a part by which it alone begins or ends, or `last`"


def main(arguments: list[str]) -> int:
    """Run triggerctl. arguments: what was typed behind the command's name. Returns the exit status."""
    os.umask(0o022)  # a person's may hide what others have to find, such as /run/trigger
    try:
        _see_to_streams()
        return _run(arguments)
    except errors.Failure as error:
        _complain(error)
        return error.status
    except OSError as error:
        _complain(errors.told(error) + "; `triggerctl doctor` looks for the reason")
        return errors.FAILED
    except KeyboardInterrupt:
        return errors.INTERRUPTED


def _see_to_streams():
    """Take the places of streams that are closed, before a file of ours gets their number."""
    is_closed = sys.stdout is None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
    if is_closed:
        raise errors.Failure("standard output is closed")
    streams: list[Any] = [sys.stdout, sys.stderr]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")


def _run(arguments):
    from trigger.ctl.terminal import Screen, drop

    try:
        options = _parse(arguments)
    except SystemExit as end:
        try:
            sys.stdout.flush()  # of --help
        except OSError as error:
            drop(sys.stdout)
            raise errors.Failure("the output is cut short: %s" % error.strerror) from None
        return end.code
    if os.geteuid() != 0:
        raise errors.Failure("requests and records are for root alone; call it with sudo", errors.NOT_ALLOWED)
    module, function = options.run
    command = getattr(__import__("trigger.ctl." + module, fromlist=[function]), function)
    screen = Screen(options.json)
    if "names" not in options:
        return command(options, screen)
    from trigger.ctl import status

    for name in options.names:  # all of them first: nothing is done where one is misspelt
        status.check_name(name)
    return max(command(argparse.Namespace(name=name, **vars(options)), screen) for name in options.names)


def _parse(arguments):
    options, surplus = _parser().parse_known_args(arguments)
    if surplus and arguments[0].startswith("-"):  # or the command would be taken for a name below
        options.parser.error("unrecognized arguments: " + " ".join(surplus))
    # Of several names, argparse takes none behind an option in their midst. What takes them knows no commands, so it
    # gets what stands behind the command's own name.
    return options.parser.parse_intermixed_args(arguments[1:]) if surplus else options


def _complain(error):
    from trigger.ctl.terminal import complain

    complain("triggerctl: %s" % error)


def _parser():
    parser = argparse.ArgumentParser(
        prog="triggerctl",
        description="See, start and stop the runs of this host's triggers. triggerctl(8) tells more.",
        epilog=_EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version="%(prog)s " + VERSION)
    parser.set_defaults(json=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name, run, text, takes="one"):
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.set_defaults(run=run, parser=command)
        command.add_argument("--json", action="store_true", help="print JSON for scripts")
        if takes == "one":
            command.add_argument("name", metavar="NAME", help="the endpoint")
        elif takes == "several":
            command.add_argument("names", metavar="NAME", nargs="+", help="the endpoint, or several")
        return command

    add("list", ("show", "list_endpoints"), "list the endpoints and their state", takes=None)
    add("show", ("show", "show"), "show everything about an endpoint", takes="several")
    _add_runs(add)
    _add_logs(add)
    _add_fire(add)
    cancel = add("cancel", ("cancel", "cancel"), "take a waiting request back, or stop its run")
    cancel.add_argument("id", metavar="ID", help=_ID)
    text = "stop listening, and wait until all that was accepted has run"
    add("drain", ("pause", "drain"), text, takes="several")
    text = "begin no run until resume or the next boot; requests are accepted and wait"
    add("pause", ("pause", "pause"), text, takes="several")
    add("resume", ("pause", "resume"), "undo pause and drain", takes="several")
    doctor = add("doctor", ("doctor", "doctor"), "look for what is wrong, and say how to fix it", takes=None)
    doctor.add_argument("name", metavar="NAME", nargs="?", help="this endpoint alone")
    return parser


def _add_runs(add):
    runs = add("runs", ("show", "runs"), "list the latest requests and what became of them")
    runs.add_argument("--limit", metavar="N", type=_positive, default=20, help="show at most N (default %(default)s)")


def _add_logs(add):
    logs = add("logs", ("logs", "logs"), "print what a run printed, or the journal of all runs")
    logs.add_argument("id", metavar="ID", nargs="?", help=_ID + "; without it the latest run")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    of_all = logs.add_mutually_exclusive_group()
    of_all.add_argument("-n", "--lines", metavar="N", type=_positive, help="the last lines of the journal of all runs")
    of_all.add_argument("--all", action="store_true", help="the whole journal of all runs")


def _add_fire(add):
    fire = add("fire", ("fire", "fire"), "start a run, as a request would")
    fire.add_argument(
        "-p", "--param", metavar="NAME=VALUE", type=_pair, action="append", default=[], help="a parameter's value"
    )
    text = "file to give to the job as its standard input; - reads triggerctl's own"
    fire.add_argument("--body", metavar="FILE", help=text)
    fire.add_argument("--content-type", metavar="TYPE", help="media type of the body; guessed if omitted")
    text = "print what the job prints, until it ends"
    fire.add_argument("--wait", metavar="TIME", nargs="?", type=_span, const=float("inf"), help=text)


def _pair(text):
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("%r is not of the form NAME=VALUE" % text)
    return name, value


def _span(text):
    try:
        return timespan.parse_span(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text):
    number = int(text) if text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= 100000:
        raise argparse.ArgumentTypeError("must be a number from 1 to 100000")
    return number
