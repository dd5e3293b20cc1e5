# SPDX-License-Identifier: Apache-2.0
"""Fused pictures into a bag, as fusion_node would have published them.

Written with the package rosbags, which needs no ROS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bifuse_core.data.results import Fused, Keep
from bifuse_core.data.whole import written_whole

TOPIC = "/fusion_node/fused/image"
"""Where the images lie, with encoding rgb8."""

BAG_SUFFIX = ".mcap"

_IMAGE = "sensor_msgs/msg/Image"


@contextmanager
def bag_file(out: Path) -> Iterator[Keep]:
    """Write a bag of one MCAP file, which is there once it is whole.

    Args:
        out: the file. It is a bag by itself, without the folder and its metadata.yaml.

    Raises:
        ValueError: rosbags is not installed.
        OSError: it cannot be written.
    """
    try:
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise ValueError(f"{out}: bags need the package rosbags (pip install rosbags)") from error
    types = get_typestore(Stores.ROS2_HUMBLE)
    image, header, time = (
        types.types[name] for name in (_IMAGE, "std_msgs/msg/Header", "builtin_interfaces/msg/Time")
    )
    with written_whole(out) as place:
        # A folder as rosbags writes it: its one file has the name of the folder.
        folder = place.with_suffix("")
        # Metadata of version 8 are read by Humble and later.
        with Writer(folder, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
            topic = writer.add_connection(TOPIC, _IMAGE, typestore=types)

            def keep(fused: Fused) -> None:
                height, width, _ = fused.rgb.shape
                seconds, nanoseconds = divmod(fused.stamp, 1_000_000_000)
                message = image(
                    header=header(time(seconds, nanoseconds), fused.frame_id),
                    height=height,
                    width=width,
                    encoding="rgb8",
                    is_bigendian=0,
                    step=3 * width,
                    data=fused.rgb.reshape(-1),
                )
                writer.write(topic, fused.stamp, types.serialize_cdr(message, _IMAGE))

            yield keep
        (folder / f"{folder.name}{BAG_SUFFIX}").replace(place)
