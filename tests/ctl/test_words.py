"""In which order words may be typed, for triggerctl itself and for the completion in bash."""

import subprocess
from pathlib import Path

import pytest

from trigger.ctl import main

COMPLETION = Path(main.__file__).parents[2] / "triggerctl.bash"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("logs a -f last", {"name": "a", "id": "last", "follow": True}),
        ("logs a --json last -f", {"name": "a", "id": "last", "follow": True, "json": True}),
        ("logs -f a", {"name": "a", "id": None, "follow": True}),
        ("logs a -n 5", {"name": "a", "id": None, "lines": 5}),
        ("pause a --json b", {"names": ["a", "b"], "json": True}),
        ("show a b --json c d", {"names": ["a", "b", "c", "d"], "json": True}),
        ("cancel a --json last", {"name": "a", "id": "last", "json": True}),
        ("doctor a --json", {"name": "a", "json": True}),
        ("doctor --json", {"name": None, "json": True}),
        ("runs --limit 5 a", {"name": "a", "limit": 5, "json": False}),
        ("fire -p x=1 a -p y=2", {"name": "a", "param": [("x", "1"), ("y", "2")]}),
    ],
)
def test_options_may_stand_between_names(typed, meant):
    found = vars(main._parse(typed.split()))
    assert {key: found[key] for key in meant} == meant


@pytest.mark.parametrize("typed", ["logs a -f b c", "pause a --bogus b", "doctor a --json b", "list a", "logs -f"])
def test_what_is_too_much_is_told_with_the_usage_of_the_command(typed, capsys):
    with pytest.raises(SystemExit) as caught:
        main._parse(typed.split())
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(f"usage: triggerctl {typed.split()[0]} [-h] [--json]")


@pytest.mark.parametrize("typed", ["--json drain web", "--dry-run resume web", "--json doctor", "-x logs web"])
def test_no_command_is_taken_for_a_name_behind_an_option(typed, capsys):
    with pytest.raises(SystemExit) as caught:
        main._parse(typed.split())
    assert caught.value.code == 2
    assert f"unrecognized arguments: {typed.split()[0]}" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "100001", "-1", "x", "", "\N{SUPERSCRIPT TWO}", "9" * 5000])
@pytest.mark.parametrize("option", ["runs a --limit", "logs a --lines"])
def test_a_number_that_is_none_or_out_of_range(option, number, capsys):
    with pytest.raises(SystemExit):
        main._parse([*option.split()[:-1], f"{option.split()[-1]}={number}"])
    assert capsys.readouterr().err.endswith(": must be a number from 1 to 100000\n")


def test_a_number_within_the_range():
    assert [main._parse(["runs", "a", "--limit", number]).limit for number in ("1", "100000")] == [1, 100000]


NAMES = "backup release"


def complete(*words):
    """What bash offers for the last word. words: as bash cuts them, the `=` for itself."""
    script = f"""
    . {COMPLETION}
    _triggerctl_names() {{ printf '%s\\n' {NAMES}; }}
    _triggerctl_requests() {{ echo "requests-of-$1"; }}
    _triggerctl_parameters() {{ echo "parameters-of-$1"; }}
    COMP_WORDS=(triggerctl "$@"); COMP_CWORD=$#; _triggerctl; echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("show re", "release"),
        ("runs --limit 5 re", "release"),
        ("runs --limit = 5 re", "release"),
        ("logs --json -n 5 re", "release"),
        ("logs --lines 5 --follow re", "release"),
        ("fire --body file re", "release"),
        ("fire --wait 5min --content-type text/plain re", "release"),
        ("fire -p version = 1 re", "release"),
        ("fire --param url = http : //x re", "release"),
        ("fire --wait 5min release -p p", "parameters-of-release"),
        ("logs --lines 5 release r", "requests-of-release"),
        ("pause --json backup re", "release"),
        ("runs --limit b", ""),
        ("list re", ""),
    ],
)
def test_bash_completes_names_behind_options(words, offered):
    assert complete(*words.split()) == offered
