# SPDX-License-Identifier: Apache-2.0
"""Pairs and labels: folders, videos, rendered scenes."""
