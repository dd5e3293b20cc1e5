# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the node, and those of the core."""

from __future__ import annotations

import argparse
import sys

from bifuse_core.commands import bench
from bifuse_core.process import prepare_process
from bifuse_ros.bench import node
from bifuse_ros.processes import NodeError, interruptible

BENCHES: dict[str, bench.Bench] = {"node": node, **bench.BENCHES}
"""By name. The node comes first: a process that has run OpenVINO is a poor one to start others."""


def main(args: list[str] | None = None) -> int:
    """Measure what is asked for and return the exit code; faults in the input print one line."""
    # As the node does, whose engine is measured here too.
    prepare_process()
    parser = argparse.ArgumentParser(prog="bifuse bench", description=__doc__)
    bench.add_arguments(parser, BENCHES)
    parsed = parser.parse_args(args)
    try:
        with interruptible():
            return bench.run(parsed)
    except (NodeError, ValueError, OSError, ImportError) as error:
        print(f"bifuse: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
