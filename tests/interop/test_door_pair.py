"""The two sides of the door in their two languages: Python receivers at a C sender's door."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from framewire.door import Kind, Packet, Visit
from framewire.leased import Place
from framewire.shm import Region, Releases

ROOT = Path(__file__).resolve().parents[2]
TOKEN = b"a token of 16 by"
PACKAGE = ROOT / "python"

# A receiver in a process of its own: says what came, and stays.
STRANGER = """
import os, select, sys
from framewire.door import Visit
visit = Visit(sys.argv[1], sys.argv[2], sys.argv[3].encode())
while True:
    select.select([visit], [], [])
    packet = visit.receive()
    print(packet.kind.name, packet.parts[0].decode() if packet.kind.name == "REFUSED" else "", flush=True)
"""


class Tool:
    """door_tool, in a folder; `before` may put it into namespaces of its own."""

    def __init__(self, folder: Path, before: Sequence[str] = ()) -> None:
        folders = [ROOT / "build" / name for name in ("test", "c", ".")]
        if built := os.environ.get("FRAMEWIRE_BUILD"):
            folders.insert(0, Path(built))
        found = [path for each in folders if (path := each / "tests" / "interop" / "door_tool").exists()]
        assert found, "no door_tool: build it, or set FRAMEWIRE_BUILD"
        self.folder = str(folder)
        self.process = subprocess.Popen(
            [*before, found[0], self.folder, TOKEN.decode()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.name = self.line()

    def line(self) -> str:
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], 20)[0], "nothing was said"
        return self.process.stdout.readline().decode().rstrip()  # unbuffered: select() must see what is left

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    tool = Tool(tmp_path / "doors")
    yield tool
    tool.close()


def receive(visit: Visit) -> Packet:
    assert select.select([visit], [], [], 20)[0]
    got = visit.receive()
    assert got is not None
    return got if isinstance(got, Packet) else Packet(Kind.MESSAGE, got, -1)


@pytest.fixture
def stranger() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A receiver in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(tool: Tool, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [*before, sys.executable, "-c", STRANGER, tool.folder, tool.name, TOKEN.decode()],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_memory_and_messages_pass(tool: Tool) -> None:
    visit = Visit(tool.folder, tool.name, TOKEN)
    assert receive(visit).kind is Kind.ACCEPTED
    memory = receive(visit)
    number, size = memory.memory()
    assert (number, size) == (7, 1 << 20)
    releases = Releases()
    view = Region(number, memory.fd, size, releases).view(Place(number, 0, 1, 65536, 1000))
    assert bytes(view) == bytes((i * 31 >> 4) & 255 for i in range(65536, 66536))
    large = os.urandom(1 << 20)
    for parts in ([b"cam0", b"header"], [], [b"", b"h", large, b"between", large[1:]], [b""] * 67):
        assert visit.send(parts)
        assert receive(visit) == Packet(Kind.MESSAGE, parts, -1)
    assert tool.line() == "in"
    visit.close()
    assert tool.line() == "left"
    del view
    assert releases.take() == ((7, 0, 1),)
    releases.close()


def test_many_messages_keep_their_order(tool: Tool) -> None:
    visit = Visit(tool.folder, tool.name, TOKEN)
    assert receive(visit).kind is Kind.ACCEPTED
    os.close(receive(visit).fd)
    back = 0
    for sent in range(3000):
        assert visit.send([b"", b"%d" % sent])
        while sent - back >= 20:
            assert receive(visit).parts[1] == b"%d" % back
            back += 1
    visit.close()


def test_a_wrong_token_is_refused_with_a_sentence(tool: Tool) -> None:
    visit = Visit(tool.folder, tool.name, b"another token....")
    assert receive(visit) == Packet(Kind.REFUSED, [b"a knock is a token of 16 bytes"], -1)
    visit.close()
    visit = Visit(tool.folder, tool.name, b"another token...")
    assert receive(visit) == Packet(Kind.REFUSED, [b"no such token"], -1)
    assert tool.line() == "refused"
    visit.close()


def test_a_death_is_seen(tool: Tool, stranger: Callable[..., subprocess.Popen[str]]) -> None:
    process = stranger(tool)
    assert tool.line() == "in"
    process.kill()
    assert tool.line() == "left"
    assert tool.line() == "died"


def may_unshare() -> bool:
    tool = shutil.which("unshare")
    return tool is not None and subprocess.run([tool, "-p", "-f", "true"], capture_output=True).returncode == 0


@pytest.mark.parametrize("sibling", [False, True], ids=["parent", "sibling"])
@pytest.mark.skipif(not may_unshare(), reason="only root may make a pid namespace, and not in every container")
def test_a_death_in_another_pid_namespace_is_seen(
    tmp_path: Path, stranger: Callable[..., subprocess.Popen[str]], sibling: bool
) -> None:
    """As between containers: in a sibling's namespace the visitor's pid reads 0 for the sender."""
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tool = Tool(tmp_path / "doors", apart if sibling else [])
    process = stranger(tool, apart)
    assert tool.line() == "in"
    process.kill()  # --kill-child: and what it forked
    assert tool.line() == "left"
    assert tool.line() == "died"
    tool.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_another_user_gets_nothing(tool: Tool) -> None:
    """Whatever the permissions of the folder are, the sender looks for itself."""
    for path in (Path(tool.folder), Path(tool.folder) / tool.name):
        path.chmod(0o777)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(tool.folder)  # the other user may be shut out of any folder above it
            os.setresuid(1, 1, 1)
            visit = Visit(".", tool.name, TOKEN)
            answer = receive(visit)
            code = 0 if answer.kind is Kind.REFUSED and b"runs as another" in answer.parts[0] else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
