# SPDX-License-Identifier: Apache-2.0
"""What a number is to reach, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One number with the limit that it is to keep.

    Attributes:
        name: what is measured, and where.
        unit: of both numbers.
        limit: the least, or the most, that will do.
        found: what was measured; None: it could not be here.
        at_most: whether smaller is better.
        reason: why it is not reached, or was not measured; may be empty.
    """

    name: str
    unit: str
    limit: float
    found: float | None
    at_most: bool = False
    reason: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the limit is kept; None where nothing was measured."""
        if self.found is None:
            return None
        return self.found <= self.limit if self.at_most else self.found >= self.limit

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """The goal as texts: name, limit, what was found, whether that reaches it, the reason."""
        sign = "<=" if self.at_most else ">="
        found = "-" if self.found is None else f"{self.found:.4g} {self.unit}"
        verdict = {None: "not measured", True: "yes", False: "**no**"}[self.reached]
        return self.name, f"{sign} {self.limit:g} {self.unit}", found, verdict, self.reason
