# SPDX-License-Identifier: Apache-2.0
"""Read pairs ahead of time, so that whoever plays them is never held up by a file."""

from __future__ import annotations

from queue import Full, Queue
from threading import Event, Thread

from bifuse_core.data.pairs import ImagePair, PairSource


class ReadAhead:
    """Read a source in a thread of its own and keep the next pairs ready.

    Args:
        source: where the pairs come from.
        loop: start over at the end.
        capacity: pairs kept ready.
    """

    def __init__(self, source: PairSource, *, loop: bool, capacity: int = 32) -> None:
        self._source, self._loop = source, loop
        self._ready: Queue[ImagePair | Exception | None] = Queue(capacity)
        self._stopped = Event()
        self._thread = Thread(target=self._read, name="read_ahead", daemon=True)
        self._thread.start()

    def next(self) -> ImagePair | None:
        """Return the next pair, waiting for it if need be; None at the end of the source.

        Raises:
            PairError: the source met a file that it cannot read.
        """
        item = self._ready.get()
        if isinstance(item, Exception):
            raise item
        return item

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _read(self) -> None:
        try:
            while True:
                for pair in self._source:
                    if not self._keep(pair):
                        return
                if not self._loop:
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

    def ready(self) -> bool:
        """Tell whether a pair, or the end, can be had without waiting."""
        return not self._ready.empty()
