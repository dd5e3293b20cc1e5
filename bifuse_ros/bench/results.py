# SPDX-License-Identifier: Apache-2.0
"""What is known of a case after it was run, or could not be."""

from __future__ import annotations

from dataclasses import dataclass

from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.measurement import Measurement


@dataclass(frozen=True)
class Result:
    """What is known of one case.

    Attributes:
        case: what was run.
        measured: None where it failed.
        engine: CPU time of the engine alone for a pair, milliseconds; None where not measured.
        note: why it failed, or what was lost.
    """

    case: Case
    measured: Measurement | None
    engine: float | None
    note: str

    @property
    def overhead(self) -> float | None:
        """CPU time of the node for a pair beside the engine, milliseconds."""
        spent = self.measured.milliseconds if self.measured else None
        return None if spent is None or self.engine is None else spent - self.engine
