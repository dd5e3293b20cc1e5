# SPDX-License-Identifier: Apache-2.0
"""Read pairs ahead of time, so that whoever plays them is never held up by a file."""

from __future__ import annotations

from collections.abc import Iterable
from queue import Empty, Full, Queue
from threading import Event, Thread

from bifuse_core.data.pairs import ImagePair


class ReadAhead:
    """Read a source in a thread of its own and keep the next pairs ready.

    Args:
        source: pairs, again from the start at each iteration.
        loop: start over at the end.
        capacity: pairs kept ready.
    """

    def __init__(self, source: Iterable[ImagePair], *, loop: bool, capacity: int = 32) -> None:
        self._source, self._loop = source, loop
        self._ready: Queue[ImagePair | Exception | None] = Queue(capacity)
        self._stopped = Event()
        self._ended = False
        self._thread = Thread(target=self._read, name="read_ahead", daemon=True)
        self._thread.start()

    def next(self) -> ImagePair | None:
        """Return the next pair, waiting for it if need be; None at the end, or once stopped.

        Raises:
            PairError: the source met a file that it cannot read.
        """
        while not (self._ended or self._stopped.is_set()):
            try:
                item = self._ready.get(timeout=0.1)
            except Empty:
                continue
            self._ended = not isinstance(item, ImagePair)
            if isinstance(item, Exception):
                raise item
            return item
        return None

    def stop(self) -> None:
        """End the thread, or leave it behind where a file blocks it."""
        self._stopped.set()
        self._thread.join(2.0)

    def _read(self) -> None:
        try:
            while True:
                pair = None
                for pair in self._source:
                    if not self._keep(pair):
                        return
                # A source that yields nothing has no start to go back to.
                if not self._loop or pair is None:
                    break
            self._keep(None)
        except Exception as error:
            self._keep(error)

    def _keep(self, item: ImagePair | Exception | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False
