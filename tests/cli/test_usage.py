"""What the command says when it is asked for help, or for what makes no sense: text and exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.command import Command

SEND = ("send", "test:bars?count=1", "--to", "push+tcp://127.0.0.1:0")


def test_no_arguments_is_help_on_stderr_and_a_usage_error(framewire: Command) -> None:
    done = framewire()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: framewire VERB")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["send", "--help"], ["sources", "-h"], ["keygen", "--help"]])
def test_help_goes_to_stdout_and_is_success(framewire: Command, arguments: list[str]) -> None:
    done = framewire(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: framewire ")


def test_help_of_send_shows_groups_units_and_defaults(framewire: Command) -> None:
    text = framewire("send", "--help").stdout
    for part in (
        "Where to:",
        "Results:",
        "--memory SIZE",
        "[1GiB]",
        "--rate RATE",
        "like 30fps",
        "--drain TIME",
        "[5s]",
    ):
        assert part in text
    assert max(map(len, text.split("Examples:")[0].splitlines())) <= 80


def test_help_wins_over_what_follows_it(framewire: Command) -> None:
    assert framewire("send", "--help", "--nonsense").returncode == 0


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_names_the_libraries_in_use(framewire: Command, option: str) -> None:
    done = framewire(option)
    assert done.returncode == 0
    assert done.stdout.startswith("framewire 0.")
    for library in ("libzmq 4.", "CZMQ 4.", "libjpeg-turbo", "libtiff", "msgpack"):
        assert library.lower() in done.stdout.lower()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sned"], "no verb sned; did you mean send? (framewire --help lists all)"),
        (
            ["send", "test:bars", "--to", "tcp://127.0.0.1:5555?connect"],
            "tcp://127.0.0.1:5555?connect: a sender of a leased stream listens, and its receivers connect; leave"
            " ?connect out",
        ),
        (["keygn"], "no verb keygn; did you mean keygen? (framewire --help lists all)"),
        (["wrok"], "no verb wrok; did you mean work? (framewire --help lists all)"),
        (["xyzzy"], "no verb xyzzy, and no program framewire-xyzzy on PATH; framewire --help lists all verbs"),
        (["../send"], "no verb ../send, and no program framewire-../send on PATH; framewire --help lists all verbs"),
        ([""], "no verb , and no program framewire- on PATH; framewire --help lists all verbs"),
        (["--verison"], "unknown option --verison; did you mean --version?"),
        (["--rate"], "unknown option --rate; options of a verb stand after it: framewire VERB --rate"),
        (["--completion"], "--completion: bash is the shell it is made for"),
        (["--completion", "fish"], "--completion fish: bash is the shell it is made for"),
        (["--man", "sned"], "no verb sned; did you mean send? (framewire --help lists all)"),
        (
            ["send"],
            "send needs a SOURCE: image files, a folder, or a kind that framewire sources lists, like test:bars",
        ),
        (
            ["send", "x", "--sream", "y"],
            "unknown option --sream; did you mean --stream? (framewire send --help lists all)",
        ),
        (["send", "x", "--zzzzzz"], "unknown option --zzzzzz; framewire send --help lists all"),
        (["send", "x", "--zzzzzz=1"], "unknown option --zzzzzz; framewire send --help lists all"),
        (["send", "x", "-Z"], "unknown option -Z; framewire send --help lists all"),
        (["send", "x", "--que=4", "--quiet=4"], "--quiet takes no value"),
        (["send", "x", "--quiet=yes"], "--quiet takes no value"),
        (["send", "x", "--re"], "--re could be --ready-file, --results, --result-arrays, --resume, --retry-errors"),
        (["send", "x", "--rate"], "--rate needs a value: RATE"),
        (["send", "x", "--results="], "--results needs a value: FILE|-"),
        (["sources", "tset"], "no source tset; did you mean test? (framewire sources lists all)"),
        (["sources", "files", "test"], "sources takes one kind of source at most, or none for all"),
        (["keygen"], "keygen needs one folder to put the keys in, like framewire keygen keys"),
        (["keygen", "a", "b"], "keygen needs one folder to put the keys in, like framewire keygen keys"),
    ],
)
def test_a_usage_error_is_one_sentence_and_exit_2(framewire: Command, arguments: list[str], sentence: str) -> None:
    done = framewire(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"framewire: {sentence}\n"


@pytest.mark.parametrize(
    ("option", "value", "good"),
    [
        ("--rate", "fast", "a rate is a number and fps or Hz, like 30fps"),
        ("--rate", "-1fps", "a rate is a number"),
        ("--rate", "0fps", "a rate is"),
        ("--loop", "twice", "a count is"),
        ("--loop", "-1", "a count is"),
        ("--count", "0", "must be at least 1"),
        ("--count", "99999999999999999999999", "a count is"),
        ("--count", "5x", "a count is"),
        ("--memory", "lots", "like 64MiB"),
        ("--memory", "5", "must be from 1MiB to 64TiB"),
        ("--memory", "1e30GiB", ""),
        ("--threads", "0", "must be from 1 to 64"),
        ("--threads", "257", "must be from 1 to 64"),
        ("--wait-workers", "1000000", "must be from 0 to 10000"),
        ("--timeout", "soon", "like 30s"),
        ("--timeout", "0", "must be from 1ms to 8760h"),
        ("--drain", "9h", "must be from 0 to 1h"),
        ("--drain", "-5s", "like 30s"),
        ("--encoding", "png", "must be raw, keep (JPEG files as they are) or jpeg:QUALITY"),
        ("--encoding", "jpeg:101", "with 1 to 100"),
        ("--encoding", "jpeg:0", "with 1 to 100"),
        ("--encoding", "jpegs", "with 1 to 100"),
        ("--when-full", "drop", "must be one of wait|drop-oldest|drop-newest"),
        ("--when-full", "drop-oldst", "did you mean drop-oldest?"),
        ("--door-group", "no-such-group", "there is no group of this name"),
        ("--door-group", "65534", "user namespace"),
        ("--queue", "0", "must be a number of frames from 1 to 1000000, or a time, like 100ms"),
        ("--queue", "many", "must be a number of frames from 1 to 1000000, or a time, like 100ms"),
    ],
)
def test_an_impossible_value_is_named_with_what_would_work(
    framewire: Command, option: str, value: str, good: str
) -> None:
    done = framewire(*SEND, option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"framewire: {option} {value}: ")
    assert good in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sync", "1s", "--collect", "tcp://127.0.0.1:0"], "--sync needs --results as well: "),
        (["--resume"], "--resume needs --results as well: "),
        (["--keys", "k"], "--keys needs --allow as well: "),
        (["--allow", "k"], "--allow needs --keys as well: "),
        (["--queue", "100ms"], "--queue: a time is for --when-full drop-oldest; "),
        (
            ["--collect", "tcp://127.0.0.1:0", "--results", "r", "--resume", "--loop", "2"],
            "--resume knows items by their names",
        ),
        (["--collect", "tcp://127.0.0.1:0", "--results", "-", "--resume"], "--resume needs "),
    ],
)
def test_options_that_make_no_sense_together_are_refused(
    framewire: Command, arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    done = framewire(*SEND, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_the_user_typed_does_not_steer_the_terminal(framewire: Command) -> None:
    done = framewire("send", "x", "--when-full", "\x1b]0;owned\x07\u009b31m\r\n")
    assert "--when-full \\x1b]0;owned\\x07\\xc2\\x9b31m\\x0d\\x0a: must be one of" in done.stderr
    done = framewire(b"caf\xe9 caf\xc3\xa9")
    assert "no verb caf\\xe9 café" in done.stderr


def test_help_that_cannot_be_written_is_no_success(framewire_path: Path) -> None:
    import subprocess

    with open("/dev/full", "w") as full:
        done = subprocess.run([framewire_path, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "framewire: standard output: No space left on device\n"


def test_a_verb_is_found_as_a_program_on_path(framewire: Command, tmp_path: Path) -> None:
    program = tmp_path / "framewire-echo"
    program.write_text('#!/bin/sh\nprintf "%s|" "$0" "$@"\nexit 7\n')
    program.chmod(0o755)
    done = framewire("echo", "--help", "a b", env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.returncode == 7
    assert done.stdout == f"{program}|--help|a b|"


def test_a_program_that_does_not_start_is_said(framewire: Command, tmp_path: Path) -> None:
    program = tmp_path / "framewire-broken"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o644)
    done = framewire("broken", env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == "framewire: framewire-broken is on PATH, but does not start: Permission denied\n"


def test_a_verb_of_the_python_package_says_how_to_get_it(framewire: Command, tmp_path: Path) -> None:
    done = framewire("work", "x.py", env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "framewire work is part of the Python package" in done.stderr
    assert "no framewire-work is on PATH" in done.stderr
