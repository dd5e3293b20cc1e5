# SPDX-License-Identifier: Apache-2.0
"""Equal slots of two cadences: what is paired once both are known."""

from __future__ import annotations

from typing import TypeVar

from bifuse_core.streams.pairing.counters import RGB, THERMAL, Pair, PairingCounters
from bifuse_core.streams.pairing.relation import SlotRelation
from bifuse_core.streams.pairing.waiting import Waiting

T = TypeVar("T")


def pair_slots(
    waiting: tuple[Waiting[T], Waiting[T]],
    relation: SlotRelation,
    slop: int,
    counters: PairingCounters,
    *,
    ended: bool = False,
) -> list[Pair[T]]:
    """Pair messages whose slots are one moment, and let those go whose partner was dropped.

    Where the rates differ, each slow message takes the nearest fast one, or the neighbour of that
    if it was dropped.

    Args:
        waiting: thermal and RGB messages with their slots; those that are decided leave.
        relation: of the slots.
        slop: largest distance of two paired stamps, in nanoseconds.
        counters: where the messages that leave are counted.
        ended: no further message comes.
    """
    slow, fast = waiting[relation.slower], waiting[1 - relation.slower]
    pairs: list[Pair[T]] = []
    while slow.ready() and fast.ready():
        slot, candidate = slow.slots[0], fast.slots[0]
        target = relation.target(slot)
        if candidate != target:
            near = _substitute(relation, slot, candidate, target)
            if candidate < target:
                if near and len(fast) == 1 and not ended:
                    break
                if not near or (len(fast) > 1 and _better(slow, fast, relation, target)):
                    fast.pop()
                    counters.unmatched += 1
                    continue
            elif not near:
                slow.pop()
                counters.unmatched += 1
                continue
        thermal_stamp, thermal = waiting[THERMAL].pop()
        rgb_stamp, rgb = waiting[RGB].pop()
        skew = thermal_stamp - rgb_stamp
        if abs(skew) > slop:
            counters.over_slop += 2
            continue
        pairs.append(Pair(thermal, rgb, skew, True))
        counters.paired += 1
        counters.substitutions += candidate != target
    return pairs


def _substitute(relation: SlotRelation, slot: int, candidate: int, target: int) -> bool:
    """Tell whether a fast slot can stand in for the one that is nearest to a slow slot."""
    if relation.equal or abs(candidate - target) != 1:
        return False
    return relation.nearest(candidate) == slot


def _better(slow: Waiting[T], fast: Waiting[T], relation: SlotRelation, target: int) -> bool:
    """Tell whether the second fast message suits the first slow one better than the first."""
    second = fast.slots[1]
    if second <= target:
        return True
    stamp = slow.stamps[0]
    nearer = fast.stamps[1] - stamp < stamp - fast.stamps[0]
    return nearer and _substitute(relation, slow.slots[0], second, target)
