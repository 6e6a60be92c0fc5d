"""The golden messages of proto/vectors: each means what its JSON says, or is refused for the reason that it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from framewire import BadMessage
from framewire.header import Header
from framewire.message import check_message
from helpers.wire import VECTORS, describe, split

GOOD = sorted(VECTORS.glob("good/*.bin"))
BAD = sorted(VECTORS.glob("bad/*.bin"))


def told(path: Path) -> dict[str, object]:
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def test_there_are_enough() -> None:
    assert len(GOOD) >= 25
    assert len(BAD) >= 40


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_message_means_what_it_says(path: Path) -> None:
    assert describe(split(path.read_bytes())) == told(path)["means"]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_message_is_refused_for_its_reason(path: Path) -> None:
    with pytest.raises(BadMessage) as refused:
        check_message(split(path.read_bytes()))
    assert refused.value.reason == told(path)["reason"]


@pytest.mark.parametrize("path", [p for p in GOOD if not p.stem.startswith("unknown")], ids=lambda path: path.stem)
def test_a_header_reads_back_as_it_was_packed(path: Path) -> None:
    header = check_message(split(path.read_bytes()))[1]
    assert Header.unpack(header.pack()) == header


def test_the_script_makes_them_as_they_are(tmp_path: Path) -> None:
    script = VECTORS.parent / "make_vectors.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    kept = {path.relative_to(VECTORS): path.read_bytes() for path in VECTORS.rglob("*.*")}
    assert made == kept
