"""Man pages, completion and lists are made from the tables that parsing uses: they render, and hold every option."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from helpers.command import Command

PAGES = ["framewire", "send", "receive", "sources", "keygen", "work"]


def options_in_help(framewire: Command, verb: str) -> set[str]:
    arguments = [] if verb == "framewire" else [verb]
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", framewire(*arguments, "--help").stdout, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_a_man_page_renders_without_complaint_and_names_every_option(
    framewire: Command, page: str, tmp_path: Path
) -> None:
    source = framewire("--man", page)
    assert source.returncode == 0
    file = tmp_path / f"{page}.1"
    file.write_text(source.stdout)
    shown = subprocess.run(
        ["man", "--warnings", "-l", file],
        capture_output=True,
        text=True,
        env={"MANWIDTH": "100", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "MAN_KEEP_FORMATTING": ""},
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    text = re.sub(r".\x08", "", shown.stdout)
    assert f"framewire-{page}(1)" in text or page == "framewire"
    for option in options_in_help(framewire, page):
        assert option in text
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"):
        assert section in text


def complete(framewire: Command, *words: str, cwd: Path, path: str = "/usr/bin:/bin") -> list[str]:
    """What bash offers for the last word."""
    script = """
        source <("$0" --completion bash)
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _framewire
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-uc", script, framewire.path, *words], capture_output=True, text=True, cwd=cwd, env={"PATH": path}
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_completion_works_in_bash(framewire: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "page.png").touch()
    for words, offered in [
        (["framewire", "s"], ["send", "sources"]),
        (["framewire", "k"], ["keygen"]),
        (["framewire", "--c"], ["--completion"]),
        (["framewire", "--completion", ""], ["bash"]),
        (["framewire", "--man", "fr"], ["framewire"]),
        (["framewire", "send", "p"], ["photos", "page.png"]),
        (["framewire", "send", "te"], ["test:"]),
        (["framewire", "send", "--quiet", "te"], ["test:"]),
        (["framewire", "send", "photos", "--when-full", "drop"], ["drop-oldest", "drop-newest"]),
        (["framewire", "send", "photos", "--when-full", "=", "drop"], ["drop-oldest", "drop-newest"]),
        (["framewire", "send", "photos", "--encoding", "="], ["raw", "keep", "jpeg", "jpeg:90"]),
        (["framewire", "send", "photos", "--to", "pu"], ["push+tcp://", "push+ipc://", "pub+tcp://", "pub+ipc://"]),
        (["framewire", "send", "photos", "--rate", ""], []),
        (["framewire", "send", "photos", "--result-arrays", ""], ["photos"]),
        (["framewire", "send", "photos", "--list", "pa"], ["page.png"]),
        (["framewire", "sources", ""], ["files", "test"]),
        (["framewire", "keygen", "p"], ["photos"]),
    ]:
        assert set(offered) == set(complete(framewire, *words, cwd=tmp_path)), words


def test_completion_offers_every_option_of_the_help(framewire: Command, tmp_path: Path) -> None:
    for verb in PAGES[1:]:
        offered = complete(framewire, "framewire", verb, "--", cwd=tmp_path, path=os.environ["PATH"])
        assert set(offered) == options_in_help(framewire, verb)


def test_completion_knows_verbs_that_are_programs(framewire: Command, tmp_path: Path) -> None:
    program = tmp_path / "framewire-blink"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert complete(framewire, "framewire", "bl", cwd=tmp_path, path=f"{tmp_path}:/usr/bin:/bin") == ["blink"]


def test_sources_lists_each_kind_with_its_parameters(framewire: Command) -> None:
    everything = framewire("sources")
    assert (everything.returncode, everything.stderr) == (0, "")
    one = framewire("sources", "test")
    assert one.stdout in everything.stdout
    assert one.stdout.startswith("test:")
    for parameter in ("size=WxH", "format=FORMAT", "count=N"):
        assert parameter in one.stdout
    assert framewire("sources", "test:bars").stdout == one.stdout


def test_keygen_makes_a_pair_that_only_its_owner_reads(framewire: Command, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    done = framewire("keygen", folder)
    assert done.returncode == 0
    public = done.stdout.rstrip("\n")
    assert len(public) == 40
    assert public in (folder / "framewire.key").read_text()
    assert stat.S_IMODE((folder / "framewire.key_secret").stat().st_mode) == 0o600
    assert "secret" in done.stderr

    again = framewire("keygen", folder)
    assert (again.returncode, again.stdout) == (1, "")
    assert public in (folder / "framewire.key").read_text()


def test_keygen_says_why_it_cannot(framewire: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = framewire("keygen", tmp_path / "file" / "keys")
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
