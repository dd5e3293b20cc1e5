# SPDX-License-Identifier: Apache-2.0
"""Differentiable measures of a fused picture against its sources, one small function each.

They are soft forms of the metrics and guards of `metrics/fusion`, for (B, 1, H, W) pictures in
[0, 1], and single precision is enough for them. Each returns a value for every picture, (B,), or
one for each of its sources, (B, 2). Less is better of what is named after a loss or a fault.
"""
