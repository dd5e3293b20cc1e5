# SPDX-License-Identifier: Apache-2.0
"""A rendered drive as a thermal camera of another size and view took it, recorded beside RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rendered_bag
import yaml
from bag_files import STORE, header, image, write_bag

from bifuse_core.data.rendered import RenderedFrame
from bifuse_core.imaging.alignment.camera import Camera

Matrix = np.ndarray[Any, Any]


def thermal_view(size: tuple[int, int], zoom: float, right: float = 0.0) -> Matrix:
    """Return a homography from RGB to thermal pixels.

    Args:
        size: height and width of the RGB pictures; the thermal ones are as large as `seen_by`
            makes them.
        zoom: thermal pixels for one of RGB.
        right: RGB columns at the left that the thermal camera does not see.
    """
    height, width = size
    turn = np.deg2rad(1.5)
    cosine, sine = zoom * np.cos(turn), zoom * np.sin(turn)
    centred = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    middle = (zoom * (width / 2 - right), zoom * height / 2)
    back = np.array([[cosine, -sine, middle[0]], [sine, cosine, middle[1]], [0, 0, 1]])
    return back @ centred


def seen_by(
    frames: Sequence[RenderedFrame], matrix: Matrix, size: tuple[int, int]
) -> list[RenderedFrame]:
    """Return the moments with thermal pictures of a camera that lies as `matrix` says.

    Args:
        frames: aligned.
        matrix: from RGB to thermal pixels.
        size: height and width of the thermal pictures.
    """
    return [
        replace(
            frame,
            thermal=cv2.warpPerspective(
                frame.thermal, matrix, size[::-1], borderMode=cv2.BORDER_REPLICATE
            ),
        )
        for frame in frames
    ]


def camera_info(camera: Camera) -> Any:
    """Return the message that describes a camera without distortion."""
    region = STORE.types["sensor_msgs/msg/RegionOfInterest"](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    k = np.array(camera.matrix)
    return STORE.types["sensor_msgs/msg/CameraInfo"](
        header=header(rendered_bag.START),
        height=camera.height,
        width=camera.width,
        distortion_model=camera.model,
        d=np.array(camera.coefficients, np.float64),
        k=k,
        r=np.eye(3).ravel(),
        p=np.insert(k.reshape(3, 3), 3, 0, axis=1).ravel(),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def record(
    path: Path, frames: Sequence[RenderedFrame], rate: float, infos: dict[str, Camera]
) -> Path:
    """Record moments with the camera_info of `thermal` and `rgb`, as far as they are given."""
    messages: list[tuple[str, Any]] = [
        (f"/rig/{camera}/camera_info", camera_info(info)) for camera, info in infos.items()
    ]
    for number, frame in enumerate(frames):
        at = rendered_bag.stamp(number, rate)
        thermal = image(frame.thermal, "16UC1", at - rendered_bag.LATE)
        messages.append(("/rig/thermal/image_raw", thermal))
        messages.append(("/rig/rgb/image_raw", image(frame.rgb, "rgb8", at)))
    return write_bag(path, messages)


def write_parameters(file: Path, values: dict[str, Any]) -> Path:
    """Write parameters of fusion_node."""
    file.write_text(yaml.safe_dump({"/**": {"ros__parameters": values}}))
    return file
