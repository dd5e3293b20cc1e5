# SPDX-License-Identifier: Apache-2.0
"""The topics of the demo."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray

THERMAL, RGB, FUSED = "/thermal/image_raw", "/rgb/image_raw", "/fusion_node/fused/image"
IMAGES = (THERMAL, RGB, FUSED)
CAMERA_INFO = {
    "thermal": "/thermal/camera_info",
    "rgb": "/rgb/camera_info",
    "fused": "/fusion_node/fused/camera_info",
}
DIAGNOSTICS = "/diagnostics"
RECORDED = (*IMAGES, *CAMERA_INFO.values(), DIAGNOSTICS)


def fusion_diagnostics(message: DiagnosticArray) -> tuple[str, dict[str, str]] | None:
    """Return what the fusion node says of itself, and its values; None if it does not speak."""
    for status in message.status:
        if status.name == "fusion_node: fusion":
            return status.message, {pair.key: pair.value for pair in status.values}
    return None
