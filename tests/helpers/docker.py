"""Docker from the tests: the base image, and a compose project that leaves nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from .command import wait_until

ROOT = Path(__file__).parents[2]
BASE = "debian:bookworm-slim"


def run(*command: str, timeout: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT)
    if check and done.returncode:
        pytest.fail(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done


def need_daemon() -> None:
    if not shutil.which("docker") or run("docker", "info", check=False, timeout=30).returncode:
        pytest.skip("no Docker daemon runs here")


def need_base_image(scratch: Path) -> None:
    """The base of the example's images: pulled where there is a registry, else made from Debian's packages."""
    if run("docker", "image", "inspect", BASE, check=False).returncode == 0:
        return
    if run("docker", "pull", BASE, check=False).returncode == 0:
        return
    if not shutil.which("debootstrap"):
        pytest.skip(f"{BASE} cannot be pulled, and debootstrap is not installed to make it")
    tree = scratch / "root"
    run("debootstrap", "--variant=minbase", "bookworm", str(tree))
    run("sh", "-c", f"tar -C {tree} -c . | docker import - {BASE}")
    shutil.rmtree(tree)


def compose_command() -> list[str]:
    if run("docker", "compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("neither `docker compose` nor docker-compose is installed")


class Project:
    """A compose file under a name of its own, so that several runs do not meet."""

    def __init__(self, file: str) -> None:
        self.name = f"framewire-{uuid.uuid4().hex[:8]}"
        self._command = [*compose_command(), "-p", self.name, "-f", file]

    def compose(self, *arguments: str, check: bool = True) -> str:
        return run(*self._command, *arguments, check=check).stdout

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "-q", service).split()

    def inspect(self, container: str, template: str) -> str:
        return run("docker", "inspect", "-f", template, container).stdout.strip()

    def wait(self, container: str) -> int:
        """The container's exit code."""
        return int(run("docker", "wait", container, timeout=120).stdout)

    def wait_healthy(self, container: str) -> None:
        wait_until(lambda: self.inspect(container, "{{.State.Health.Status}}") == "healthy", f"health of {container}")

    def read(self, volume: str, name: str) -> str:
        return run("docker", "run", "--rm", "-v", f"{self.name}_{volume}:/v:ro", BASE, "cat", f"/v/{name}").stdout

    def close(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5", check=False)
