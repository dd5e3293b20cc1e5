# SPDX-License-Identifier: Apache-2.0
"""Which packages a benchmark of the node names."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def packages() -> tuple[str, ...]:
    """Return those that are installed of all on which the node's speed depends.

    The ROS 2 wheels call rclpy otherwise than a ROS distribution does.
    """
    found = []
    for name in ("ros-rclpy", "rclpy", "ros-fastdds", "torch", "numpy", "openvino", "onnxruntime"):
        try:
            version(name)
        except PackageNotFoundError:
            continue
        found.append(name)
    return tuple(found)
