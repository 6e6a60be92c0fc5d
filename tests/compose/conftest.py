"""A Docker daemon, the base image, and the example's images; without a daemon these tests are skipped."""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = "debian:bookworm-slim"


def run(*command: str, timeout: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT)
    if check and done.returncode:
        pytest.fail(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done


def compose_command() -> list[str]:
    if run("docker", "compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("neither `docker compose` nor docker-compose is installed")


@pytest.fixture(scope="session")
def docker() -> None:
    if not shutil.which("docker") or run("docker", "info", check=False, timeout=30).returncode:
        pytest.skip("no Docker daemon runs here")


@pytest.fixture(scope="session")
def base_image(docker: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The base of the example's images: pulled where there is a registry, else made from Debian's packages."""
    if run("docker", "image", "inspect", BASE, check=False).returncode == 0:
        return BASE
    if run("docker", "pull", BASE, check=False).returncode == 0:
        return BASE
    if not shutil.which("debootstrap"):
        pytest.skip(f"{BASE} cannot be pulled, and debootstrap is not installed to make it")
    tree = tmp_path_factory.mktemp("base") / "root"
    run("debootstrap", "--variant=minbase", "bookworm", str(tree))
    run("sh", "-c", f"tar -C {tree} -c . | docker import - {BASE}")
    shutil.rmtree(tree)
    return BASE


class Project:
    """The example under a name of its own, so that several runs do not meet."""

    def __init__(self) -> None:
        self.name = f"framewire-{uuid.uuid4().hex[:8]}"
        self._command = [*compose_command(), "-p", self.name, "-f", "examples/compose/docker-compose.yml"]

    def compose(self, *arguments: str, check: bool = True) -> str:
        return run(*self._command, *arguments, check=check).stdout

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service).split()[0]

    def inspect(self, container: str, template: str) -> str:
        return run("docker", "inspect", "-f", template, container).stdout.strip()

    def wait(self, container: str) -> int:
        return int(run("docker", "wait", container, timeout=120).stdout)

    def wait_healthy(self, container: str) -> None:
        deadline = time.monotonic() + 60
        while (health := self.inspect(container, "{{.State.Health.Status}}")) != "healthy":
            if time.monotonic() > deadline:
                pytest.fail(f"{container} is {health}: {self.compose('logs')}")
            time.sleep(0.2)

    def read(self, name: str) -> str:
        return run("docker", "run", "--rm", "-v", f"{self.name}_results:/results:ro", BASE, "cat", f"/results/{name}").stdout

    def close(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5", check=False)


@pytest.fixture
def project(base_image: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Project]]:
    opened: list[Project] = []

    def make(**environment: str) -> Project:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        opened.append(Project())
        opened[-1].compose("build")
        return opened[-1]

    yield make
    for one in opened:
        one.close()
