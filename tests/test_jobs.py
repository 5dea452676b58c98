"""Jobs: generators on other threads, with everything delivered in this one."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from lennonnet_gui.jobs import Jobs, Lane


class Listener(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[object] = []
        self.failures: list[tuple[BaseException, str]] = []
        self.ends = 0
        self.threads: set[int] = set()

    def on_event(self, event: object) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())

    def on_failed(self, error: BaseException, trace: str) -> None:
        self.failures.append((error, trace))

    def on_ended(self) -> None:
        self.ends += 1


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


@pytest.fixture
def listener() -> Listener:
    return Listener()


def test_events_come_in_order_in_this_thread_then_the_end(
    qtbot: QtBot, jobs: Jobs, listener: Listener
) -> None:
    def work() -> Generator[int, None, None]:
        assert threading.current_thread() is not threading.main_thread()
        yield from range(1000)

    job = jobs.start(
        work, on_event=listener.on_event, on_failed=listener.on_failed, on_ended=listener.on_ended
    )
    qtbot.waitUntil(lambda: listener.ends == 1)
    assert listener.events == list(range(1000))
    assert listener.threads == {threading.get_ident()}
    assert not listener.failures and not job.running


def test_an_error_is_delivered_with_its_trace(qtbot: QtBot, jobs: Jobs, listener: Listener) -> None:
    def work() -> Generator[int, None, None]:
        yield 1
        raise ValueError("a bug")

    jobs.start(work, on_event=listener.on_event, on_failed=listener.on_failed, on_ended=listener.on_ended)
    qtbot.waitUntil(lambda: listener.ends == 1)
    ((error, trace),) = listener.failures
    assert isinstance(error, ValueError) and "a bug" in trace and listener.events == [1]


def test_cancel_closes_the_generator_and_silences_it(qtbot: QtBot, jobs: Jobs, listener: Listener) -> None:
    closed, go_on = threading.Event(), threading.Event()

    def work() -> Generator[int, None, None]:
        try:
            yield 1
            assert go_on.wait(20)
            yield 2
            yield 3
        finally:
            closed.set()

    job = jobs.start(
        work, on_event=listener.on_event, on_failed=listener.on_failed, on_ended=listener.on_ended
    )
    qtbot.waitUntil(lambda: listener.events == [1])
    job.cancel()
    go_on.set()
    qtbot.waitUntil(lambda: listener.ends == 1)
    assert closed.is_set() and listener.events == [1] and not listener.failures


def test_what_was_yielded_before_a_cancel_but_not_delivered_falls_away(
    qtbot: QtBot, jobs: Jobs, listener: Listener
) -> None:
    yielded = threading.Event()

    def work() -> Generator[int, None, None]:
        yield 1
        yielded.set()

    job = jobs.start(work, on_event=listener.on_event, on_ended=listener.on_ended)
    assert yielded.wait(20)  # the event loop has not run since
    job.cancel()
    qtbot.waitUntil(lambda: listener.ends == 1)
    assert listener.events == []


def test_network_jobs_run_one_after_the_other_on_one_thread(
    qtbot: QtBot, jobs: Jobs, listener: Listener
) -> None:
    def work() -> Generator[tuple[str, int], None, None]:
        yield "in", threading.get_ident()
        yield "out", threading.get_ident()

    for _ in range(20):
        jobs.start(work, on_event=listener.on_event, on_ended=listener.on_ended, lane=Lane.NETWORK)
    qtbot.waitUntil(lambda: listener.ends == 20)
    assert [event[0] for event in listener.events] == ["in", "out"] * 20  # type: ignore[index]
    assert len({event[1] for event in listener.events}) == 1  # type: ignore[index]


def test_stopping_ends_what_runs_and_what_waits(qtbot: QtBot, listener: Listener) -> None:
    jobs = Jobs()
    started, over = threading.Event(), threading.Event()

    def endless() -> Generator[None, None, None]:
        started.set()
        try:
            while True:
                yield
        finally:
            over.set()

    for _ in range(3):
        jobs.start(endless, on_ended=listener.on_ended, lane=Lane.NETWORK)
    assert started.wait(20)
    jobs.stop()
    assert over.is_set()
