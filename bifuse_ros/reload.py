# SPDX-License-Identifier: Apache-2.0
"""Let a running fusion node read its weights again, and print what it answers."""

from __future__ import annotations

import argparse
import os
import sys
import time

import rclpy
from rclpy.exceptions import InvalidServiceNameException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

SEEN = 5.0
"""Seconds within which a node that runs is seen."""

ANSWERED = 180.0
"""Seconds within which it answers; before that the new networks may be compiled."""


def main(args: list[str] | None = None) -> int:
    """Return 0 where the node takes the weights, 1 where it keeps the old ones, 2 without a node.

    Args:
        args: command line; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="bifuse reload",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--node", default="/fusion_node", help="full name of the fusion node")
    options = parser.parse_args(args)
    rclpy.init(args=[])
    try:
        answer = reload(f"{options.node}/reload_weights")
    except (TimeoutError, InvalidServiceNameException) as error:
        print(f"bifuse: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        rclpy.try_shutdown()
    print(answer.message)
    return 0 if answer.success else 1


def reload(service: str) -> Trigger.Response:
    """Call the service `reload_weights` of a fusion node, and return the answer.

    Raises:
        TimeoutError: nobody offers the service, or no answer comes.
        InvalidServiceNameException: the service cannot be named so.
    """
    node = Node("reload")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        client = node.create_client(Trigger, service)
        if not client.wait_for_service(SEEN):
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            raise TimeoutError(
                f"no node offers {service} (ROS_DOMAIN_ID is {domain}); does the fusion node run, "
                "in the same domain and under this name (--node)?"
            )
        # A node may be seen before it sees who asks; its answer would then be lost.
        time.sleep(0.5)
        answer = client.call_async(Trigger.Request())
        executor.spin_until_future_complete(answer, ANSWERED)
        if not answer.done():
            raise TimeoutError(f"{service} has not answered within {ANSWERED:.0f} s")
        response: Trigger.Response = answer.result()
        return response
    finally:
        executor.shutdown()
        node.destroy_node()


if __name__ == "__main__":
    sys.exit(main())
