# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: what is measured, and how it is reported."""
