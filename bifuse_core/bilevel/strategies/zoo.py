# SPDX-License-Identifier: Apache-2.0
"""The strategies by name."""

from __future__ import annotations

from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.strategies.alternating import Alternating
from bifuse_core.bilevel.strategies.bilevel import Bilevel
from bifuse_core.bilevel.strategies.joint import Joint
from bifuse_core.bilevel.strategies.strategy import Strategy


def strategy_of(learner: Learner, settings: Settings) -> Strategy:
    """Return the strategy that the settings name, at its start."""
    if settings.strategy == "joint":
        return Joint(learner, settings)
    if settings.strategy == "alternating":
        return Alternating(learner, settings)
    return Bilevel(learner, settings)
