# SPDX-License-Identifier: Apache-2.0
"""The topics of the nodes under their default names, and what diagnostics say."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray

THERMAL, RGB, FUSED = "/thermal/image_raw", "/rgb/image_raw", "/fusion_node/fused/image"
OVERLAY = "/fusion_node/overlay/image"
IMAGES = (THERMAL, RGB, FUSED, OVERLAY)
DETECTIONS, MASK = "/fusion_node/detections", "/fusion_node/segmentation/mask"
LABELS = "/fusion_node/segmentation/label_info"
MASK_COLOR = "/fusion_node/segmentation/mask_color"
RESULTS = {"fused": FUSED, "detections": DETECTIONS, "masks": MASK, "overlays": OVERLAY}
"""What the fusion node makes of a pair; all but the first where it has networks for that."""
CAMERA_INFO = {
    "thermal": "/thermal/camera_info",
    "rgb": "/rgb/camera_info",
    "fused": "/fusion_node/fused/camera_info",
}
DIAGNOSTICS = "/diagnostics"
RECORDED = (*IMAGES, DETECTIONS, MASK, LABELS, *CAMERA_INFO.values(), DIAGNOSTICS)
VIEWED = (*RECORDED, MASK_COLOR)
"""The coloured mask tells no more than the recorded one, which is a third of it."""
SIGHTS = ("detection", "segmentation")


def fusion_diagnostics(message: DiagnosticArray) -> tuple[str, dict[str, str]] | None:
    """Return what the fusion node says of itself, and its values; None if it does not speak."""
    for status in message.status:
        if status.name == "fusion_node: fusion":
            return status.message, {pair.key: pair.value for pair in status.values}
    return None


def sight_diagnostics(message: DiagnosticArray) -> dict[str, dict[str, str]]:
    """Return what those of `SIGHTS` that the fusion node has say, and their values, by name."""
    found = {status.name.removeprefix("fusion_node: "): status for status in message.status}
    return {
        sight: {"says": found[sight].message}
        | {pair.key: pair.value for pair in found[sight].values}
        for sight in SIGHTS
        if sight in found
    }
