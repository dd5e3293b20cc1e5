# SPDX-License-Identifier: Apache-2.0
"""Batches of things that are known by their numbers, without end and from any point on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from bifuse_core.data.faults import PairError

Thing = TypeVar("Thing")
Joined = TypeVar("Joined")


def numbered_batches(
    things: Dataset[Thing],
    collate: Callable[[Sequence[Thing]], Joined],
    size: int,
    *,
    first: int = 0,
    part: tuple[int, int] = (0, 1),
    workers: int = 0,
) -> Iterator[Joined]:
    """Yield batch after batch, without end.

    Args:
        things: gives the thing of any number.
        collate: joins things to a batch.
        size: things in a batch of all processes together.
        first: number of the first batch.
        part: number of this process, and how many there are; each gets its share of every batch.
        workers: processes that read ahead; 0 reads in this one.

    Raises:
        ValueError: the batch cannot be divided evenly.
        PairError: when a batch is asked for: a sample has a fault.
    """
    rank, processes = part
    if size % processes:
        raise ValueError(f"a batch of {size} cannot be divided evenly among {processes} processes")
    loader = DataLoader(
        things,
        batch_sampler=_Numbers(size, first, rank, processes),
        collate_fn=collate,
        num_workers=workers,
        # Else it draws from the global generator, once more whenever a run goes on.
        generator=torch.Generator(),
    )
    return _read(loader)


def _read(loader: DataLoader[Thing]) -> Iterator[Joined]:
    """Yield the batches of a loader, whose workers start when the first one is asked for."""
    try:
        yield from loader
    except PairError as error:
        if loader.num_workers:
            # It comes with the traceback of the worker, `TYPE: MESSAGE` in the last line.
            last = str(error).strip().splitlines()[-1]
            raise PairError(last.partition(": ")[2]) from error
        raise


@dataclass(frozen=True)
class _Numbers:
    """The numbers of the things in each batch."""

    size: int
    first: int
    rank: int
    processes: int

    def __iter__(self) -> Iterator[list[int]]:
        own = self.size // self.processes
        step = self.first
        while True:
            start = step * self.size + self.rank * own
            yield list(range(start, start + own))
            step += 1
