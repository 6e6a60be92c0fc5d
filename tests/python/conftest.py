from collections.abc import Iterator

import pytest

from helpers.sender import Collector, Sender


@pytest.fixture
def sender() -> Iterator[Sender]:
    with Sender("push") as sender:
        yield sender


@pytest.fixture
def publisher() -> Iterator[Sender]:
    with Sender("pub") as sender:
        yield sender


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()
