# SPDX-License-Identifier: Apache-2.0
"""A one-slot mailbox between two threads: the newest item wins."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxClosedError(Exception):
    """The mailbox is closed and will hand out nothing more."""


class Mailbox(Generic[T]):
    """Hand over the newest item; an older one that nobody has taken is displaced and counted.

    A slow taker therefore never works through a queue of stale items, and memory stays bounded.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: T | None = None
        self._closed = False
        self.displaced = 0
        """Items that were replaced before anybody took them."""

    def put(self, item: T) -> T | None:
        """Place an item; ignored once closed.

        Returns:
            The item it displaced, which still waited; None where none did.
        """
        with self._changed:
            if self._closed:
                return None
            displaced, self._item = self._item, item
            if displaced is not None:
                self.displaced += 1
            self._changed.notify()
            return displaced

    def take(self, timeout: float | None = None) -> T:
        """Wait for an item and take it.

        Args:
            timeout: seconds to wait; None waits until there is an item or the mailbox closes.

        Raises:
            TimeoutError: no item came in time.
            MailboxClosedError: the mailbox was closed.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._item is not None, timeout):
                raise TimeoutError(f"no item within {timeout} s")
            if self._closed:
                raise MailboxClosedError
            item, self._item = self._item, None
            assert item is not None
            return item

    def close(self) -> None:
        """Wake all takers with `MailboxClosedError`; a waiting item is dropped."""
        with self._changed:
            self._closed = True
            self._item = None
            self._changed.notify_all()
