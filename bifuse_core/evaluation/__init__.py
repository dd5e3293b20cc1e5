# SPDX-License-Identifier: Apache-2.0
"""Fusions compared on a data set: scores of every picture, tables, and pictures to look at."""
