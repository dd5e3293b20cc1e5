# SPDX-License-Identifier: Apache-2.0
"""Thermal + RGB perception: networks, bi-level learning, pairing and inference, without ROS."""

__version__ = "0.1.0"
