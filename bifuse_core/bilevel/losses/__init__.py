# SPDX-License-Identifier: Apache-2.0
"""Differentiable losses of a fused picture against its sources, one small function each.

They are soft forms of the metrics and guards of `metrics/fusion`, in single precision, for
(B, 1, H, W) pictures in [0, 1]; each returns a value for every picture, (B,).
"""
