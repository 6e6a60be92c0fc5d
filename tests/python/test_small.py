"""URLs, times, the mailbox and text for terminals."""

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framewire
from framewire import log
from framewire.mailbox import Mailbox
from framewire.units import parse_time
from framewire.url import parse


@pytest.mark.parametrize(
    ("text", "pattern", "endpoint", "bind"),
    [
        ("tcp://127.0.0.1:5555", "", "tcp://127.0.0.1:5555", False),
        ("push+tcp://cam-host:5555", "push", "tcp://cam-host:5555", False),
        ("pub+tcp://[::1]:5555?connect", "pub", "tcp://[::1]:5555", False),
        ("push+tcp://*:*?bind", "push", "tcp://*:0", True),
        ("push+tcp://0.0.0.0:0?bind", "push", "tcp://0.0.0.0:0", True),
        ("pub+ipc:///run/cam.sock", "pub", "ipc:///run/cam.sock", False),
    ],
)
def test_urls_are_taken_apart(text: str, pattern: str, endpoint: str, bind: bool) -> None:
    url = parse(text)
    assert (url.pattern, url.endpoint, url.bind) == (pattern, endpoint, bind)
    assert url.transport == endpoint[:3]


@pytest.mark.parametrize(
    ("host", "is_open"),
    [
        *(("*", True), ("0.0.0.0", True), ("10.1.2.3", True), ("[::]", True), ("eth0", True)),
        *(("127.0.0.1", False), ("127.9.9.9", False), ("[::1]", False), ("localhost", False), ("lo", False)),
    ],
)
def test_what_lets_other_machines_in_is_known(host: str, is_open: bool) -> None:
    assert parse(f"push+tcp://{host}:5555?bind").is_open == is_open
    assert not parse("push+ipc:///run/s?bind").is_open


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cam:5555", "a URL starts with tcp://"),
        ("http://cam:5555", "a URL starts with tcp://"),
        ("pull+tcp://cam:5555", "both sides say push+ (the receiver pulls): push+tcp://cam:5555"),
        ("sub+tcp://cam:5555", "both sides say pub+ (the receiver subscribes): pub+tcp://cam:5555"),
        ("tcp://cam", "a port is missing"),
        ("tcp://cam:", "a port is a number from 0 to 65535"),
        ("tcp://cam:70000", "a port is a number from 0 to 65535"),
        ("tcp://cam:http", "a port is a number from 0 to 65535"),
        ("tcp://cam:0", "one cannot connect to port 0"),
        ("tcp://:5555", "a host is missing"),
        ("tcp://*:5555", "one cannot connect to *"),
        ("tcp://::1:5555", "an IPv6 address stands in brackets"),
        ("tcp://[::1:5555", "an IPv6 address stands in brackets"),
        ("tcp://a b:5555", "is not the name or address of a host"),
        ("tcp://eth0;cam:5555", "is not the name or address of a host"),
        ("tcp://cam:5555?listen", "only ?bind or ?connect may stand"),
        ("ipc://", "the path of a socket is missing"),
        ("ipc:///run/", "the path of a socket is missing"),
        ("ipc://@abstract", "a socket needs a path"),
        ("ipc:///" + "x" * 107, "has at most 107 bytes; this one has 108"),
    ],
)
def test_urls_that_make_no_sense_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(framewire.Error) as refused:
        parse(text)
    assert str(refused.value).startswith(f"{text}: ")
    assert sentence in str(refused.value)


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str) -> None:
    for start in ("", "tcp://", "push+ipc://"):
        try:
            parse(start + text)
        except framewire.Error:
            continue


def test_times_have_units() -> None:
    good = {"30s": 30, "500ms": 0.5, "2min": 120, "1.5h": 5400, "0": 0, "10us": 1e-5, "5S": 5}
    assert {text: pytest.approx(parse_time(text)) for text in good} == good
    for bad in ("", "30", "s", "-1s", "1 s", "1e3s", "30fps", "١s"):
        with pytest.raises(framewire.Error, match="a time is a number and"):
            parse_time(bad)


def test_the_mailbox_keeps_the_newest_and_all_that_may_not_be_dropped() -> None:
    box: Mailbox[str] = Mailbox(2)
    assert box.take() is None
    assert [box.put("a"), box.put("end", droppable=False), box.put("b"), box.put("c"), box.put("d")] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert [box.take(), box.take(), box.take(), box.take()] == ["end", "c", "d", None]
    box.close()


def test_the_mailbox_wakes_who_polls_it() -> None:
    import select

    box: Mailbox[int] = Mailbox(1)
    taken: list[int] = []

    def take() -> None:
        while sum(taken) < 100:
            if select.select([box], [], [], 10)[0]:
                item = box.take()
                if item is not None:
                    taken.append(item)

    thread = threading.Thread(target=take)
    thread.start()
    dropped = sum(box.put(1, droppable=False) for _ in range(100))
    thread.join(10)
    assert (sum(taken), dropped) == (100, 0)
    assert select.select([box], [], [], 0)[0] == []
    box.close()


def test_text_from_outside_cannot_steer_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    text = "stream \x1b[31m\x9b\x07\n\udcff é"
    assert log.printable(text) == "stream \\x1b[31m\\x9b\\x07\\n\\udcff é"
    handlers, propagate = log.logger.handlers[:], log.logger.propagate
    log.logger.handlers[:], log.logger.propagate = [], False
    try:
        log.say(text)
    finally:
        log.logger.handlers[:], log.logger.propagate = handlers, propagate
    assert capfd.readouterr().err == "framewire: stream \\x1b[31m\\x9b\\x07\\n\\udcff é\n"


def test_messages_go_to_the_logger_of_a_program_that_has_set_it_up(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "framewire"):
        log.say("hello")
    assert caplog.record_tuples == [("framewire", logging.WARNING, "hello")]
