#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds a vision_msgs wheel for an environment whose ROS 2 comes from wheels.

The package index has rclpy and the common messages, but no vision_msgs. This compiles the 2D
messages against the ROS 2 wheels of the running interpreter. It needs g++ and the Python headers,
and takes some ten seconds on two cores. Not for ROS distributions: these have vision_msgs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from message_wheel.compile import CompilerError, compile_libraries
from message_wheel.generate import MessagePackage, write_interfaces, write_sources
from message_wheel.pack import write_wheel

MESSAGES = Path(__file__).resolve().parent / "vision_msgs"

# The type hash (REP-2011) of the message on every ROS distribution. A node only connects to one
# with the same hash, so another value means a wrong field, type or order in the .msg files.
DETECTION_HASH = "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"


def build(messages: Path, folder: Path) -> Path:
    """Build the wheel of the message package in `messages`.

    Args:
        messages: folder with package.xml and msg.
        folder: where the wheel goes.

    Returns:
        The path of the wheel.

    Raises:
        ValueError: the messages are not those of the public vision_msgs interface.
    """
    package = MessagePackage.read(messages)
    with tempfile.TemporaryDirectory(prefix="vision_msgs_") as work:
        generated = write_interfaces(package, Path(work))
        found = generated.type_hash("Detection2DArray")
        if found != DETECTION_HASH:
            raise ValueError(
                f"Detection2DArray in {messages} has the type hash {found}, the public "
                f"vision_msgs has {DETECTION_HASH}: a field, its type or its order differs"
            )
        write_sources(generated)
        libraries, extension = compile_libraries(generated)
        return write_wheel(generated, libraries, extension, folder)


def main() -> int:
    """Parse the command line, build, print the path of the wheel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to put the wheel")
    parser.add_argument("--messages", type=Path, default=MESSAGES, help="the message package")
    options = parser.parse_args()
    try:
        print(build(options.messages, options.folder))
    except (ImportError, ValueError, OSError, CompilerError) as error:
        print(f"build_vision_msgs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
