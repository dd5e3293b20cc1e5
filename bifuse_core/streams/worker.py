# SPDX-License-Identifier: Apache-2.0
"""A thread that works on the newest item of a mailbox."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from bifuse_core.streams.mailbox import Mailbox, MailboxClosedError

T = TypeVar("T")


class Worker(Generic[T]):
    """Take items from its mailbox and work on each; a failing item does not end it.

    Args:
        name: name of the thread.
        work: what to do with an item.
        failed: called with the exception that `work` raised; must not raise.
        prepare: called once in the thread, before all work.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[T], None],
        failed: Callable[[Exception], None],
        *,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.mailbox: Mailbox[T] = Mailbox()
        self._work, self._failed, self._prepare = work, failed, prepare
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the item in hand, drop one that waits, and end the thread."""
        self.mailbox.close()
        self._thread.join()

    def _run(self) -> None:
        self._prepare()
        while True:
            try:
                item = self.mailbox.take()
            except MailboxClosedError:
                return
            try:
                self._work(item)
            except Exception as error:
                self._failed(error)
