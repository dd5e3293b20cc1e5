# SPDX-License-Identifier: Apache-2.0
"""The heap of a process whose arrays are as large as pictures, and come as often."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt, from glibc's malloc.h."""

_KEPT = 2**28
"""Bytes of free memory that each arena of the heap keeps; there are a few for each processor."""

_LARGEST = 2**25
"""Bytes of the largest array that comes from the heap; no version of glibc takes more."""


def keep_freed_memory() -> None:
    """Let arrays take the memory of those before them, instead of fresh memory of the system.

    glibc asks the system for whatever is larger than 128 KiB and gives it back when it is freed.
    Each page is then cleared and mapped again for the next picture, which takes many times as long
    as to copy it. Other C libraries than glibc are left as they are. Call it before anything large
    is made.

    Source: mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
