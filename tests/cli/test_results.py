"""--collect and --results: lines, resuming, lost results, and disks that are full."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers import pictures
from helpers.command import Command, Running
from helpers.plain import Message, Receiver, Results

Start = Callable[..., Running]
BACK = ("--to", "push+tcp://127.0.0.1:*", "--collect", "tcp://127.0.0.1:*")


def worker(sending: Running, answer: Callable[[Results, Message], None]) -> list[Message]:
    """Take all frames, answer each; the frames."""
    urls = sending.urls
    results = Results(urls[-1])
    with Receiver(urls[0]) as receiver:
        frames = []
        for frame in receiver:
            answer(results, frame)
            frames.append(frame)
    results.close()
    return frames


def mean(results: Results, frame: Message) -> None:
    results.reply(frame, {"mean": float(frame.array.mean())})


def lines(text: str) -> list[dict[str, Any]]:
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_results_are_lines_on_stdout(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 5)
    sending = start("send", photos, *BACK, "--results", "-")
    worker(sending, mean)
    assert sending.wait() == 0
    got = lines(sending.stdout)
    assert {line["item"]: line["value"]["mean"] for line in got} == {f"{n}.ppm": float(n) for n in range(5)}
    line = got[0]
    assert (line["stream"], line["status"], line["attempts"], line["worker"]) == ("photos", "done", 1, "test/1")
    assert (line["shape"], line["dtype"], line["format"]) == ([3, 4, 3], "|u1", "rgb8")
    assert line["meta"]["file"].endswith(line["item"])
    assert "5 results" in sending.stderr


def test_results_go_to_a_file_and_the_summary_to_stdout(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 3)
    sending = start("send", photos, *BACK, "--results", tmp_path / "r.jsonl", "--summary", "-")
    worker(sending, mean)
    assert sending.wait() == 0
    assert len(lines((tmp_path / "r.jsonl").read_text())) == 3
    (account,) = lines(sending.stdout)
    assert (account["sent"], account["results"], account["lost"]) == (3, 3, 0)


def test_results_that_do_not_come_back_are_lost_and_exit_3(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 4)
    sending = start("send", photos, *BACK, "--results", tmp_path / "r.jsonl", "--summary", "-", "--deadline", "2500ms")
    worker(sending, lambda results, frame: mean(results, frame) if frame.seq % 2 else None)
    assert sending.wait() == 3
    (account,) = lines(sending.stdout)
    assert (account["sent"], account["results"], account["lost"]) == (4, 2, 2)
    waiting = f"waiting for 2 results at {sending.urls[1]}; lost when none has come for 2.5 s (--deadline)"
    assert waiting in sending.stderr and "2 lost" in sending.stderr
    assert len(lines((tmp_path / "r.jsonl").read_text())) == 2


def test_a_failing_handler_is_a_result_and_no_failure_of_the_run(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 2)
    sending = start("send", photos, *BACK, "--results", "-", "--summary", tmp_path / "account")
    worker(sending, lambda results, frame: results.reply(frame, error="ValueError: no"))
    assert sending.wait() == 0
    assert [(line["status"], line["error"]) for line in lines(sending.stdout)] == [("error", "ValueError: no")] * 2
    assert json.loads((tmp_path / "account").read_text())["errors"] == 2


def test_arrays_in_results_are_kept_as_npy(start: Start, tmp_path: Path) -> None:
    mask = np.arange(6, dtype="<f4").reshape(2, 3)
    arrays = tmp_path / "arrays"
    sending = start("send", "test:bars?size=16x16&count=1", *BACK, "--results", "-", "--result-arrays", arrays)
    worker(sending, lambda results, frame: results.reply(frame, 1, arrays={"../mask": mask}))
    assert sending.wait() == 0
    (line,) = lines(sending.stdout)
    (file,) = arrays.iterdir()
    assert line["arrays"] == {"../mask": str(file)}
    assert (np.load(file) == mask).all()


def test_arrays_that_are_not_kept_are_said_and_counted(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=2", *BACK, "--results", "-")
    worker(sending, lambda results, frame: results.reply(frame, 1, arrays={"mask": np.zeros(3)}))
    assert sending.wait() == 0
    assert [line["value"] for line in lines(sending.stdout)] == [1, 1]
    assert "say --result-arrays DIR to keep them" in sending.stderr
    assert "2 arrays not kept" in sending.stderr


def test_a_results_file_that_is_not_empty_is_refused(framewire: Command, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text('{"item":"a","status":"done"}\n')
    done = framewire("send", "test:bars?count=1", *BACK, "--results", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}: is not empty; say --resume to go on with it, or choose another file" in done.stderr
    assert file.read_text() == '{"item":"a","status":"done"}\n'


def test_resume_skips_what_is_done_and_cuts_a_torn_line(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 4)
    file = tmp_path / "r.jsonl"
    known = '{"item":"0.ppm","status":"done"}\n{"item":"2.ppm","status":"error"}\n'
    file.write_text(known + '{"item":"3.ppm","sta')
    sending = start("send", photos, *BACK, "--results", file, "--resume", "--summary", "-")
    assert [frame.header["item"] for frame in worker(sending, mean)] == ["1.ppm", "3.ppm"]
    assert sending.wait() == 0
    assert file.read_text().startswith(known)
    assert [line["item"] for line in lines(file.read_text())] == ["0.ppm", "2.ppm", "1.ppm", "3.ppm"]
    assert json.loads(sending.stdout)["skipped"] == 2
    assert "torn" in sending.stderr and "2 skipped" in sending.stderr

    again = start("send", photos, *BACK, "--results", file, "--resume", "--retry-errors")
    assert [frame.header["item"] for frame in worker(again, mean)] == ["2.ppm"]
    assert again.wait() == 0
    assert [line["item"] for line in lines(file.read_text())] == ["0.ppm", "2.ppm", "1.ppm", "3.ppm", "2.ppm"]


def test_a_file_that_changed_since_its_result_is_said_and_skipped(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 3)
    file = tmp_path / "r.jsonl"
    first = start("send", photos, *BACK, "--results", file)
    worker(first, mean)
    assert first.wait() == 0
    lines_before = file.read_text()
    os.utime(photos / "0.ppm", ns=(1, 1))
    with (photos / "2.ppm").open("ab") as grown:
        grown.write(b"more")
    stat = (photos / "1.ppm").stat()
    os.utime(photos / "1.ppm", ns=(1, stat.st_mtime_ns))  # read, not changed
    again = start("send", photos, *BACK, "--results", file, "--resume")
    assert again.wait() == 0
    said = [line for line in again.stderr.splitlines() if "skipped, but the file changed since its result" in line]
    assert [line.split(":")[1].strip() for line in said] == ["0.ppm", "2.ppm"]
    assert file.read_text() == lines_before


def test_two_senders_cannot_write_one_file(start: Start, framewire: Command, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    assert start("send", "test:bars?size=16x16", *BACK, "--results", file).urls
    done = framewire("send", "test:bars?count=1", *BACK, "--results", file)
    assert done.returncode == 1
    assert "another sender writes its results there" in done.stderr


def work_until_it_ends(sending: Running, value: object) -> int:
    """Answer frames until the sender is gone; its exit code."""
    urls = sending.urls

    def work() -> None:
        results = Results(urls[1])
        with Receiver(urls[0]) as receiver:
            while sending.process.poll() is None:
                if receiver.socket.poll(50) and (frame := receiver.receive()).kind == "frame":
                    results.reply(frame, value)
        results.close()

    working = threading.Thread(target=work)
    working.start()
    try:
        return sending.wait()
    finally:
        sending.kill()
        working.join()


def test_a_full_disk_is_said_and_exit_1(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=1000", *BACK, "--results", "/dev/full", "--drain", "200ms")
    assert work_until_it_ends(sending, 1) == 1
    assert "framewire: /dev/full: a result could not be written: No space left on device\n" in sending.stderr
    assert "bad input" not in sending.stderr


def test_a_line_that_could_not_be_written_whole_leaves_the_earlier_ones_undamaged(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    sending = start(
        *("send", "test:bars?size=16x16&count=1000", *BACK),
        *("--results", file, "--drain", "200ms", "--summary", "-"),
    )
    assert sending.urls  # the frame memory is a file, too, and there by now
    resource.prlimit(sending.process.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    assert work_until_it_ends(sending, {"text": "x" * 999}) == 1
    assert f"{file}: a result could not be written: File too large" in sending.stderr
    got = lines(file.read_text())
    assert 10 < len(got) < 50
    assert json.loads(sending.stdout)["results"] == len(got)
    assert {line["value"]["text"] for line in got} == {"x" * 999}


def test_a_stdout_that_is_closed_is_said_and_no_file_takes_its_place(framewire_path: Path, tmp_path: Path) -> None:
    script = '"$0" send "test:bars?size=16x16&count=1" --to push+tcp://127.0.0.1:0 --timeout 50ms --summary - >&-'
    done = subprocess.run(["bash", "-c", script, framewire_path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "--summary -: Bad file descriptor" in done.stderr


def test_a_reader_of_stdout_that_went_away_is_exit_1(start: Start) -> None:
    sending = start(
        "send", "test:bars?size=16x16&count=50", *BACK, "--results", "-", "--drain", "200ms", stdout=subprocess.PIPE
    )
    assert sending.process.stdout is not None
    sending.process.stdout.close()
    urls = sending.urls
    results = Results(urls[1])
    with Receiver(urls[0]) as receiver:
        results.reply(receiver.receive(), 1)
        assert sending.wait() == 1
    results.close()
    assert "stdout: a result could not be written: Broken pipe" in sending.stderr
