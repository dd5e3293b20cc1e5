# SPDX-License-Identifier: Apache-2.0
"""The calibrated cameras of a recording: from files, or from the camera_info that it holds."""

from __future__ import annotations

from pathlib import Path

from bifuse_core.data.bag_reader import is_bag, open_bag
from bifuse_core.data.faults import PairError
from bifuse_core.data.layouts.layout import Options
from bifuse_core.imaging.alignment.camera import Camera, camera_of
from bifuse_core.imaging.alignment.files import read_camera

CAMERAS = ("thermal", "rgb")

_INFO = "sensor_msgs/msg/CameraInfo"
_GIVE = "alignment.method calibrated needs it; or give camera_info, calibration files of both"


def known_cameras(path: Path, options: Options) -> dict[str, Camera]:
    """Return the cameras by `thermal` and `rgb`; none where the alignment does not ask for them.

    Args:
        path: of the recording.
        options: tell the alignment. `camera_info` of a bag is the sibling of each image topic, and
            its first message counts; files go before it.

    Raises:
        PairError: there is no camera_info, or the bag is damaged.
        ValueError: it is none of a calibrated camera; the message names topic or file.
        OSError: a file cannot be read.
    """
    if options.alignment.method != "calibrated":
        return {}
    if options.camera_info:
        found = [read_camera(path.parent / file) for file in options.camera_info]
    elif is_bag(path):
        found = [_recorded(path, topic) for topic in options.topics]
    else:
        raise PairError(f"{path}: only bags hold camera_info; {_GIVE}")
    return dict(zip(CAMERAS, found, strict=True))


def _recorded(path: Path, topic: str) -> Camera:
    """Return the camera that took the images of a topic."""
    base = topic.strip("/").removesuffix("/compressed")
    name = "/".join(["", *base.split("/")[:-1], "camera_info"])
    with open_bag(path) as reader:
        there = [c for c in reader.connections if c.topic == name and c.msgtype == _INFO]
        for connection, _, data in reader.messages(there) if there else ():
            info = reader.deserialize(data, connection.msgtype)
            break
        else:
            raise PairError(f"{path}: no camera_info on {name}; {_GIVE}")
    try:
        return camera_of(info)
    except ValueError as error:
        raise PairError(f"{path}: {name}: {error}") from error
