# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of the core, and that of the node."""

from __future__ import annotations

import argparse
import sys

from bifuse_core.commands import bench
from bifuse_ros.bench import node
from bifuse_ros.processes import NodeError

BENCHES: dict[str, bench.Bench] = {**bench.BENCHES, "node": node}
"""By name; those of the core come first."""


def main(args: list[str] | None = None) -> int:
    """Measure what is asked for and return the exit code; faults in the input print one line."""
    parser = argparse.ArgumentParser(prog="bifuse bench", description=__doc__)
    bench.add_arguments(parser, BENCHES)
    parsed = parser.parse_args(args)
    try:
        return bench.run(parsed)
    except (NodeError, ValueError, OSError, ImportError) as error:
        print(f"bifuse: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
