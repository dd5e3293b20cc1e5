# SPDX-License-Identifier: Apache-2.0
"""The networks, and their weights by name."""
