"""What `meson install` leaves: a program outside the tree is built with pkg-config alone, and runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: object, **env: str) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env={**os.environ, **env})
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(framewire_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed tree, below another root than it was configured for."""
    tree = tmp_path_factory.mktemp("installed")
    run("meson", "install", "-C", framewire_path.parents[2], "--no-rebuild", "--quiet", DESTDIR=str(tree))
    return tree / "usr/local"


@pytest.fixture(scope="module")
def library_path(prefix: Path) -> Path:
    return next(prefix.rglob("libframewire.so")).parent


def test_a_c_program_is_built_with_pkg_config(prefix: Path, library_path: Path, tmp_path: Path) -> None:
    found = {"PKG_CONFIG_PATH": str(library_path / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(prefix.parents[1])}
    flags = run("pkg-config", "--cflags", "--libs", "framewire", **found).split()
    source = tmp_path / "embed.c"
    shutil.copy(ROOT / "examples/embed.c", source)
    for compiler in ("gcc", "clang"):
        run(compiler, "-Wall", "-Wextra", "-Werror", source, *flags, "-o", tmp_path / compiler)
        usage = subprocess.run(
            [tmp_path / compiler], capture_output=True, text=True, env={"LD_LIBRARY_PATH": str(library_path)}
        )
        assert (usage.returncode, usage.stderr) == (2, "usage: embed URL COUNT\n")


def test_the_installed_command_runs_and_brings_its_man_pages(prefix: Path, library_path: Path) -> None:
    version = run(prefix / "bin/framewire", "--version", LD_LIBRARY_PATH=str(library_path))
    assert version.startswith("framewire 0.")
    assert {page.name for page in (prefix / "share/man/man1").iterdir()} >= {"framewire.1", "framewire-send.1"}
    assert (prefix / "share/bash-completion/completions/framewire.bash").exists()


def test_only_the_public_api_is_visible(library_path: Path) -> None:
    symbols = run("nm", "-D", "--defined-only", "--format=posix", library_path / "libframewire.so").splitlines()
    names = {line.split()[0] for line in symbols}
    declared = "\n".join(header.read_text() for header in (ROOT / "src/include/framewire").glob("*.h"))
    assert names
    assert [name for name in names if name.startswith("fw_") and name not in declared] == []
    assert [name for name in names if not name.startswith(("fw_", "_", "__", "mangle_path"))] == []
