# SPDX-License-Identifier: Apache-2.0
"""What the fusion node knows of its cameras, and tells about how they lie on each other."""

from __future__ import annotations

from collections.abc import Mapping

from sensor_msgs.msg import CameraInfo

from bifuse_core.imaging.alignment.camera import Camera, camera_of
from bifuse_core.imaging.alignment.parallax import parallax_table
from bifuse_core.imaging.alignment.settings import AlignmentSettings
from bifuse_core.streams.pairing import RGB, THERMAL

SIDES = {"thermal": THERMAL, "rgb": RGB}


def camera_model(infos: Mapping[int, CameraInfo], camera: str) -> Camera:
    """Return the model of a camera from its last camera_info.

    Args:
        infos: the last message of each camera, by THERMAL and RGB.
        camera: `thermal` or `rgb`.

    Raises:
        ValueError: there was none yet, or it is none of a calibrated camera; the message names the
            topic.
    """
    info = infos.get(SIDES[camera])
    if info is None:
        raise ValueError(f"nothing has arrived on {camera}/camera_info, which alignment needs")
    try:
        return camera_of(info)
    except ValueError as error:
        raise ValueError(f"{camera}/camera_info: {error}") from error


def alignment_values(
    settings: AlignmentSettings, infos: Mapping[int, CameraInfo], reference: str
) -> dict[str, str]:
    """Return the alignment as diagnostic values: method, plane, expected parallax error.

    The plane of a homography is unknown unless the baseline is told with it. The error is left
    out where baseline or focal length are unknown.
    """
    values: dict[str, str] = {"alignment": settings.method}
    if settings.method == "none":
        return values
    baseline = settings.extrinsics.baseline
    if settings.method == "homography" and not baseline:
        return values
    values["alignment distance (m)"] = f"{settings.distance:g}"
    try:
        focal = camera_model(infos, reference).focal_lengths[0]
    except ValueError:
        return values
    if baseline:
        errors = parallax_table(focal, baseline, settings.distance)
        values |= {f"parallax at {at:g} m (pixels)": f"{e:.1f}" for at, e in errors.items()}
    return values
