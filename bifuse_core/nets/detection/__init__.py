# SPDX-License-Identifier: Apache-2.0
"""Detectors: FCOS with its target assignment, losses, decoding and suppression."""
