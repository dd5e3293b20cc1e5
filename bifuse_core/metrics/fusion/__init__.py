# SPDX-License-Identifier: Apache-2.0
"""How well a picture fuses a thermal and a visible one: the field's metrics, and our guards."""

from bifuse_core.metrics.fusion.score import score_fusion

__all__ = ["score_fusion"]
