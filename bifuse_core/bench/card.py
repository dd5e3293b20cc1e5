# SPDX-License-Identifier: Apache-2.0
"""The machine that a report names, with its CUDA card where that did the work."""

from __future__ import annotations

import torch

from bifuse_core.machine import describe_machine


def card_name(device: torch.device) -> str:
    """Return the name of a CUDA device; nothing for a CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else ""


def describe_place(device: torch.device) -> str:
    """Return the machine in words, and its card if that is the device."""
    return ", ".join(filter(None, (describe_machine(), card_name(device))))
