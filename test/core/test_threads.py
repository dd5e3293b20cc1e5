# SPDX-License-Identifier: Apache-2.0
"""What a thread may use is its own matter."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from threading import Barrier, Thread, get_native_id

import pytest
import torch

from bifuse_core.engine.threads import limit_thread
from bifuse_core.streams.worker import Worker


def run(*works: Callable[[], None]) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)


def test_each_thread_keeps_its_own_limit() -> None:
    before, found = torch.get_num_threads(), {}
    both = Barrier(2, timeout=10)

    def limited(count: int) -> Callable[[], None]:
        def work() -> None:
            limit_thread(count)
            both.wait()
            torch.ones(100_000).exp()
            found[count] = torch.get_num_threads()

        return work

    run(limited(1), limited(3))
    assert found == {1: 1, 3: 3}
    assert torch.get_num_threads() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness for threads")
def test_niceness_is_added_to_that_of_the_thread_alone() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, get_native_id())

    before, found = niceness(), []

    def work() -> None:
        limit_thread(1, 3)
        found.append(niceness())
        run(lambda: found.append(niceness()))

    run(work)
    assert found == [before + 3, before + 3]
    assert niceness() == before


def test_a_worker_prepares_once_and_in_its_thread() -> None:
    seen: list[tuple[str, int]] = []
    both = Barrier(2, timeout=10)

    def work(item: str) -> None:
        seen.append((item, get_native_id()))
        both.wait()

    worker: Worker[str] = Worker(
        "test", work, lambda error: None, prepare=lambda: seen.append(("prepared", get_native_id()))
    )
    for item in ("first", "second"):
        worker.mailbox.put(item)
        both.wait()
    worker.stop()
    assert [name for name, _ in seen] == ["prepared", "first", "second"]
    assert len({thread for _, thread in seen}) == 1
    assert seen[0][1] != get_native_id()
