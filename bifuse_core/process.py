# SPDX-License-Identifier: Apache-2.0
"""A process whose arrays are as large as pictures, and come as often."""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt, from glibc's malloc.h."""

_KEPT = 2**28
"""Bytes of free memory that each arena of the heap keeps; there are a few for each processor."""

_LARGEST = 2**25
"""Bytes of the largest array that comes from the heap; no version of glibc takes more."""


_OPENCV_THREADS = "OPENCV_FOR_THREADS_NUM"
"""Environment variable that OpenCV reads when it first divides some work."""


def prepare_process() -> None:
    """Call it at the start of a program, before anything large is made."""
    keep_freed_memory()
    # After a picture's tenths of a millisecond OpenCV's threads spin for as long again, on
    # processors that the networks and other nodes need. Who sets the variable has it.
    os.environ.setdefault(_OPENCV_THREADS, "1")


def keep_freed_memory() -> None:
    """Let arrays take the memory of those before them, instead of fresh memory of the system.

    glibc asks the system for whatever is larger than 128 KiB and gives it back when it is freed.
    Each page is then cleared and mapped again for the next picture, which takes many times as long
    as to copy it. Other C libraries than glibc are left as they are.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
