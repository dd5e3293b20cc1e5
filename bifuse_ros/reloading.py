# SPDX-License-Identifier: Apache-2.0
"""New weights for a running engine, while pictures go on coming."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from rclpy.node import Node
from rclpy.task import Future

from bifuse_core.engine.engine import Engine


async def reload(node: Node, engine: Engine, weights: Sequence[Path | None]) -> Exception | None:
    """Exchange an engine's weights in a thread of its own: to load and to compile takes seconds.

    For callbacks in a callback group of their own, since others of theirs wait for them.

    Args:
        node: whose executor goes on meanwhile.
        engine: takes the weights; see `Engine.reload`.
        weights: of fusion, detector and segmenter.

    Returns:
        Why the old weights stay; None if they do not.
    """
    done: Future = Future(executor=node.executor)
    # Or else the executor would not wake before the next message.
    done.add_done_callback(lambda _: None)

    def exchange() -> None:
        try:
            engine.reload(*weights)
        # Whatever it is, the robot keeps what it has.
        except Exception as error:
            done.set_result(error)
        else:
            done.set_result(None)

    Thread(target=exchange, name="reload", daemon=True).start()
    error: Exception | None = await done
    return error
