# SPDX-License-Identifier: Apache-2.0
"""The one-slot mailbox, and the worker that empties it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from bifuse_core.streams.mailbox import Mailbox, MailboxClosedError
from bifuse_core.streams.worker import Worker

PATIENCE = 20.0
"""Seconds after which a thread that should have answered counts as stuck."""


def in_thread(call: Callable[[], Any]) -> Callable[[], Any]:
    """Start a call; the returned function waits for it and gives its result or its exception."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> Any:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "stuck"
        return outcome[0]

    return result


def test_the_newest_item_wins_and_the_displaced_are_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        mailbox.put(item)
    assert mailbox.take(0) == 3
    assert mailbox.displaced == 2
    mailbox.put(4)
    assert mailbox.take(0) == 4
    assert mailbox.displaced == 2


def test_putting_returns_what_is_displaced() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert [mailbox.put(item) for item in (1, 2, 3)] == [None, 1, 2]
    mailbox.take(0)
    assert mailbox.put(4) is None
    mailbox.close()
    assert mailbox.put(5) is None


def test_falsy_items_are_items() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(0)
    mailbox.put(0)
    assert mailbox.take(0) == 0
    assert mailbox.displaced == 1


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_taking_from_an_empty_mailbox_times_out(timeout: float) -> None:
    mailbox: Mailbox[int] = Mailbox()
    with pytest.raises(TimeoutError, match=str(timeout)):
        mailbox.take(timeout)
    mailbox.put(1)
    mailbox.take(timeout)
    with pytest.raises(TimeoutError):
        mailbox.take(timeout)


def test_a_waiting_taker_gets_what_is_put_later() -> None:
    mailbox: Mailbox[str] = Mailbox()
    result = in_thread(mailbox.take)
    mailbox.put("item")
    assert result() == "item"


def test_closing_wakes_every_taker() -> None:
    mailbox: Mailbox[str] = Mailbox()
    results = [in_thread(mailbox.take) for _ in range(3)]
    mailbox.close()
    assert [type(result()) for result in results] == [MailboxClosedError] * 3


def test_a_closed_mailbox_hands_out_nothing_and_accepts_nothing() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.close()
    mailbox.put(2)
    with pytest.raises(MailboxClosedError):
        mailbox.take()
    assert mailbox.displaced == 0


def test_nothing_is_lost_or_doubled_between_threads() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int] = []

    def take_all() -> None:
        while True:
            taken.append(mailbox.take())
            if taken[-1] == 999:
                return

    result = in_thread(take_all)
    for item in range(1000):
        mailbox.put(item)
    assert result() is None
    assert taken == sorted(set(taken))
    assert len(taken) + mailbox.displaced == 1000


def test_a_worker_works_on_the_newest_item_only() -> None:
    working, go_on, finished = threading.Event(), threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        working.set()
        assert go_on.wait(PATIENCE)
        done.append(item)
        if item == 3:
            finished.set()

    worker: Worker[int] = Worker("test", work, pytest.fail)
    worker.mailbox.put(0)
    assert working.wait(PATIENCE)
    for item in (1, 2, 3):
        worker.mailbox.put(item)
    go_on.set()
    assert finished.wait(PATIENCE)
    worker.stop()
    assert done == [0, 3]
    assert worker.mailbox.displaced == 2


def test_a_failing_item_is_reported_and_the_worker_goes_on() -> None:
    failures: list[Exception] = []
    failed, finished = threading.Event(), threading.Event()

    def work(item: int) -> None:
        if item == 0:
            raise ValueError("item 0 is bad")
        finished.set()

    def report(error: Exception) -> None:
        failures.append(error)
        failed.set()

    worker = Worker("test", work, report)
    worker.mailbox.put(0)
    assert failed.wait(PATIENCE)
    worker.mailbox.put(1)
    assert finished.wait(PATIENCE)
    worker.stop()
    assert [str(error) for error in failures] == ["item 0 is bad"]


def test_stop_finishes_the_item_in_hand_and_drops_the_one_that_waits() -> None:
    working, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        working.set()
        assert go_on.wait(PATIENCE)
        done.append(item)

    worker: Worker[int] = Worker("test", work, pytest.fail)
    worker.mailbox.put(1)
    assert working.wait(PATIENCE)
    worker.mailbox.put(2)
    stopped = in_thread(worker.stop)
    # Only once the mailbox is closed may the item in hand go on.
    with pytest.raises(MailboxClosedError):
        while True:
            worker.mailbox.put(2)
            worker.mailbox.take(PATIENCE)
    go_on.set()
    assert stopped() is None
    assert done == [1]
    assert all(thread.name != "test" for thread in threading.enumerate())


def test_an_idle_worker_stops() -> None:
    worker: Worker[int] = Worker("test", pytest.fail, pytest.fail)
    assert in_thread(worker.stop)() is None
