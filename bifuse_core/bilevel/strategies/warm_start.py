# SPDX-License-Identifier: Apache-2.0
"""The warm start of Algorithm 1 (line 3): the fusion network alone, on its content term."""

from __future__ import annotations

from typing import Any

from bifuse_core.bilevel.learner import Descent, Learner
from bifuse_core.bilevel.objectives.contents import Content
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.strategies.strategy import Draw, Figures, advance, finite


class WarmStart:
    """A `Strategy` without tasks.

    Args:
        learner: the networks.
        content: the content term of Phi_V.
        settings: of the run.
    """

    training_batches = 1
    validation_batches = 0

    def __init__(self, learner: Learner, content: Content, settings: Settings) -> None:
        self._learner, self._content = learner, content
        self._descent = Descent(learner.fusion, settings.fusion_optimiser, settings.warm_start)

    def step(self, number: int, training: Draw, validation: Draw) -> Figures:
        """Take one step; see `Strategy`."""
        batch = training()
        loss = self._content(self._learner.fuse(batch), batch)
        value = finite(loss, "the content loss", batch)
        gradients = self._descent.gradients(loss)
        length = advance(self._descent, gradients, "the content loss", [batch])
        return {"content": value, "gradient/fusion": length}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return self._descent.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._descent.load_state_dict(state)
