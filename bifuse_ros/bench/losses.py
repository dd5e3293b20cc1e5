# SPDX-License-Identifier: Apache-2.0
"""What became of the pairs that two cameras published, by the counters of the node."""

from __future__ import annotations

from dataclasses import dataclass

PAIRING = (
    "unmatched",
    "over_slop",
    "collisions",
    "late",
    "duplicate",
    "stale",
    "overflow",
    "reset",
)
"""Counters of messages that end in no pair, as `PairingCounters` names them."""


@dataclass(frozen=True)
class Losses:
    """Counters after the last pair has been worked on.

    Attributes:
        published: pairs that the cameras published, one message each.
        arrived: messages of both that reached the pairing.
        rejected: messages of both that hold no picture, which shows at their receipt or, of pairs,
            when they become arrays.
        frozen: messages of both that were not used, since their camera gave one picture over and
            over.
        paired: pairs made.
        fused: pairs fused and published.
        unpaired: messages in no pair, by their counter.
        displaced: pairs that a newer one replaced before they were fused.
        failed: pairs that could not be fused.
    """

    published: int
    arrived: int
    rejected: int
    frozen: int
    paired: int
    fused: int
    unpaired: dict[str, int]
    displaced: int
    failed: int

    @classmethod
    def read(cls, published: int, values: dict[str, str]) -> Losses:
        """Read the node's last diagnostics, beside the number of published pairs."""
        return cls(
            published=published,
            arrived=sum(int(part) for part in values["pairing received"].split(" + ")),
            rejected=_of_both(values, "rejected"),
            frozen=_of_both(values, "frozen"),
            paired=int(values["pairing paired"]),
            fused=int(values["fused"]),
            unpaired={name: int(values[f"pairing {name}"]) for name in PAIRING},
            displaced=int(values["displaced"]),
            failed=int(values["failed"]),
        )

    @property
    def lost(self) -> int:
        """Pairs that were published and never fused."""
        return self.published - self.fused

    @property
    def unfinished(self) -> int:
        """Pairs that were neither fused nor displaced, nor counted as failed."""
        return self.paired - self.fused - self.displaced - self.failed

    @property
    def unreadable(self) -> int:
        """Pairs of which an image was rejected after it had been paired."""
        return max(0, min(self.rejected, self.unfinished))

    @property
    def missing(self) -> int:
        """Messages that never reached the node: no counter of its own tells of them."""
        refused = self.rejected - self.unreadable + self.frozen
        return 2 * self.published - self.arrived - refused

    @property
    def waiting(self) -> int:
        """Messages that still wait for their partner."""
        return self.arrived - 2 * self.paired - sum(self.unpaired.values())

    @property
    def unexplained(self) -> int:
        """Messages that never arrived, and pairs of which no counter tells the end."""
        return abs(self.missing) + abs(self.unfinished - self.unreadable)

    @property
    def causes(self) -> dict[str, int]:
        """How many pairs, or images of pairs, were lost to what; without what lost nothing."""
        causes = {
            "pairs displaced": self.displaced,
            "pairs failed": self.failed,
            "images rejected": self.rejected,
            "images frozen": self.frozen,
            **{f"images {name}": count for name, count in self.unpaired.items()},
            "images waiting": self.waiting,
            "images that never arrived": self.missing,
        }
        return {cause: count for cause, count in causes.items() if count}

    @property
    def text(self) -> str:
        """The causes in words; a dash where nothing was lost."""
        return ", ".join(f"{cause}: {count}" for cause, count in self.causes.items()) or "-"


def _of_both(values: dict[str, str], name: str) -> int:
    return sum(int(values[f"{camera} {name}"]) for camera in ("thermal", "rgb"))
