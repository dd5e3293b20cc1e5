# SPDX-License-Identifier: Apache-2.0
"""Types of messages by name: their classes, and their definitions for programs without ROS."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore


def message_class(kind: str) -> Any:
    """Return the class of a message type such as `sensor_msgs/msg/Image`."""
    package, _, name = kind.split("/")
    return getattr(import_module(f"{package}.msg"), name)


def message_definition(kind: str) -> str:
    """Return the definition of a type such as `sensor_msgs/msg/Image`, and of all types in it.

    In the form that MCAP and the Foxglove protocol call `ros2msg`.

    Raises:
        ValueError: the package of the type is not installed, or has no such type.
    """
    return str(types_with(kind).generate_msgdef(kind, ros_version=2)[0])


def types_with(kind: str) -> Typestore:
    """Return the message types that are known, a type such as `sensor_msgs/msg/Image` among them.

    Raises:
        ValueError: the package of the type is not installed, or has no such type.
    """
    types = _types()
    if kind not in types.types:
        _register(types, kind)
    return types


@cache
def _types() -> Typestore:
    return get_typestore(Stores.ROS2_JAZZY)


def _register(types: Typestore, kind: str) -> None:
    package = kind.split("/")[0]
    try:
        folder = Path(get_package_share_directory(package)) / "msg"
    except PackageNotFoundError as error:
        raise ValueError(f"the package of message type {kind} is not installed") from error
    for file in sorted(folder.glob("*.msg")):
        name = f"{package}/msg/{file.stem}"
        types.register(get_types_from_msg(file.read_text(encoding="utf-8"), name))
    if kind not in types.types:
        raise ValueError(f"there is no message type {kind}")
