# SPDX-License-Identifier: Apache-2.0
"""Where the time of a call goes: by operator of PyTorch, or by function of Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from cProfile import Profile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.autograd.profiler import profile


class Share(NamedTuple):
    """What one operator or function takes."""

    name: str
    percent: float
    """Of the time of all, without what it calls."""
    calls: int


def operator_shares(call: Callable[[], Any], device: torch.device, most: int = 5) -> list[Share]:
    """Run a call once and return PyTorch's most expensive operators; on CUDA its kernels.

    Args:
        call: what is examined; once done before, so that nothing is made in it for the first time.
        device: whose time counts.
        most: how many are returned, the dearest first.
    """
    cuda = device.type == "cuda"
    # Not torch.profiler's, which imports PyTorch's compiler first; that takes ten seconds.
    with profile(use_device="cuda" if cuda else None) as record:
        call()
    times = [
        (row.key, row.self_device_time_total if cuda else row.self_cpu_time_total, row.count)
        for row in record.key_averages()
        # The time of a kernel is told of what launched it as well.
        if not cuda or row.device_type.name == "CUDA"
    ]
    return _dearest(times, most)


def function_shares(call: Callable[[], Any], most: int = 5) -> list[Share]:
    """Run a call once and return the most expensive functions of Python in it, dearest first."""
    record = Profile()
    record.runcall(call)
    times = [(_name(entry.code), entry.inlinetime, entry.callcount) for entry in record.getstats()]
    return _dearest(times, most)


def in_words(shares: Sequence[Share], most: int = 3) -> str:
    """Return the dearest as one phrase."""
    return ", ".join(f"{share.name} {share.percent:.0f} %" for share in shares[:most])


def _dearest(times: list[tuple[str, float, int]], most: int) -> list[Share]:
    whole = sum(time for _, time, _ in times) or 1.0
    ordered = sorted(times, key=lambda row: row[1], reverse=True)
    return [Share(name, 100 * time / whole, count) for name, time, count in ordered[:most]]


def _name(code: Any) -> str:
    # Those written in C have no code, but a text that describes them.
    if isinstance(code, str):
        return code.strip("<>")
    return f"{code.co_name} ({Path(code.co_filename).name})"
