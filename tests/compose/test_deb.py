"""The Debian package in a container that has nothing else: it installs, and sends to its own worker."""

from __future__ import annotations

from pathlib import Path

from helpers.docker import BASE, ROOT, need_base_image, need_daemon, run

INSIDE = """
set -e
apt-get update -qq
apt-get install -y -qq --no-install-recommends /dist/framewire_*.deb >/dev/null
echo 'def handle(frame): return int(frame.array.max())' >/tmp/worker.py
framewire send 'test:bars?size=64x48&count=5' --to tcp://127.0.0.1:5555 \
    --results /tmp/results.jsonl &
framewire work /tmp/worker.py --from tcp://127.0.0.1:5555
wait $!
cat /tmp/results.jsonl
"""


def test_the_debian_package_brings_sender_and_worker(tmp_path: Path) -> None:
    need_daemon()
    need_base_image(tmp_path)
    package = Path(run("./dev", "deb").stdout.split()[-1])
    assert package.parent == ROOT / "build" / "dist"
    done = run("docker", "run", "--rm", "-v", f"{package.parent}:/dist:ro", BASE, "bash", "-c", INSIDE)
    assert done.stdout.count('"status":"done"') == 5, done.stdout + done.stderr
