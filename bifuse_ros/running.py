# SPDX-License-Identifier: Apache-2.0
"""How every node is run: from its start to the signal that ends it."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from bifuse_core.data.faults import PairError
from bifuse_core.process import prepare_process

AnyNode = TypeVar("AnyNode", bound=Node)


def run(
    make: Callable[[], AnyNode],
    args: list[str] | None,
    started: Callable[[AnyNode], None] = lambda node: None,
) -> int:
    """Make a node, spin it until it is interrupted, and return the exit code.

    While it spins, a signal lets the callback at work come to its end; a second Ctrl-C does not.
    For the main thread.

    Args:
        make: makes the node.
        args: command line; that of the process by default.
        started: called with the node before it spins.

    Returns:
        0 after SIGINT, SIGTERM or an end of the node's own; 1 when the node cannot be made, or
        cannot go on reading or writing files, with one line that says why.
    """
    prepare_process()
    spinning = asked = False

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        # rclpy ends the spinning by itself. An exception would come amid what a callback does,
        # such as the writing of a file.
        if asked or not spinning:
            raise KeyboardInterrupt
        asked = True

    # Before rclpy, whose own handler calls this one.
    signal.signal(signal.SIGINT, interrupted)
    rclpy.init(args=args)
    node: AnyNode | None = None
    try:
        node = make()
        # A full collection looks at whatever the imports have made, which takes longer than several
        # pictures; none of that is ever garbage.
        gc.freeze()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        started(node)
        spinning = True
        while rclpy.ok():
            _spin(executor, node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except (ValueError, ParameterException, OSError) as error:
        print(f"{node.get_name() if node else make.__name__}: {error}", file=sys.stderr)
        return 1
    except Exception:
        # A signal that arrives between two steps of rclpy shows as an error of some kind.
        if rclpy.ok():
            raise
    finally:
        if node:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _spin(executor: SingleThreadedExecutor, node: Node) -> None:
    """Spin until the end, or until a callback fails; that is logged, and no reason to end."""
    try:
        executor.spin()
    except (PairError, OSError, ExternalShutdownException):
        raise
    except Exception as error:
        # A malformed request, say: one message must not end a node.
        if rclpy.ok():
            node.get_logger().error(f"{type(error).__name__}: {error}")
