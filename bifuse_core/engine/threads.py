# SPDX-License-Identifier: Apache-2.0
"""How much of the machine a thread may use."""

from __future__ import annotations

import os
import sys
from threading import Lock, get_native_id

import torch

DETECTION_NICENESS, SEGMENTATION_NICENESS = 10, 12
"""Of the threads of detector and segmenter. Where processors are short, fusion, which has none,
comes first, and boxes get half as much again as masks: what moves is the older news."""

_LOCK = Lock()


def limit_thread(count: int, niceness: int = 0) -> None:
    """Let the calling thread compute with so many threads, whatever other threads are allowed.

    Args:
        count: at least 1.
        niceness: added to that of the thread, and of those it starts: how far it lets others go
            first. Only Linux knows it of threads.
    """
    if niceness and sys.platform == "linux":
        thread = get_native_id()
        present = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, present + niceness)
    with _LOCK:
        torch.set_num_threads(count)
        # PyTorch keeps the number by thread, but a thread that has not computed yet takes over what
        # any other has set last. Asking settles it.
        torch.get_num_threads()
