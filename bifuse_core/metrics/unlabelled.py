# SPDX-License-Identifier: Apache-2.0
"""The mask value that is no class."""

UNLABELLED = 255
"""Pixels of this value belong to no class; they count neither in training nor in scores."""
