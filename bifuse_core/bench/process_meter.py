# SPDX-License-Identifier: Apache-2.0
"""What a process has used, from /proc (Linux; proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process, in user and kernel mode.

    Raises:
        ProcessLookupError: there is no such process.
        FileNotFoundError: the same.
    """
    # Its second field is a name in brackets, which may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mebibytes(pid: int) -> float:
    """Return the memory of a process that is in use, with what it shares, in MiB.

    Raises:
        ProcessLookupError: there is no such process.
        FileNotFoundError: the same.
    """
    fields = Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()
    return int(fields[1]) * _PAGE / 2**20
