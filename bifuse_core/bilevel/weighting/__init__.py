# SPDX-License-Identifier: Apache-2.0
"""How the hypergradients of several tasks become one step of the fusion network."""

from bifuse_core.bilevel.weighting.weighting import Weighting
from bifuse_core.bilevel.weighting.zoo import WEIGHTINGS, weighting_by_name

__all__ = ["WEIGHTINGS", "Weighting", "weighting_by_name"]
