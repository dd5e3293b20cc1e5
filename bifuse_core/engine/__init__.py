# SPDX-License-Identifier: Apache-2.0
"""Inference: a pair in, perception out."""
