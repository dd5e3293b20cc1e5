# SPDX-License-Identifier: Apache-2.0
"""How the tests are spread over processes, where pytest-xdist runs several."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Those that mostly wait first: the others, which compute, then fill both ends of the run.
    items.sort(key=lambda item: item.path.parent.name == "core")
    for item in items:
        # Each file keeps its fixtures in one process. Those of the fusion node measure how soon
        # it recovers, in which they would disturb each other.
        name = item.path.name
        group = "fusion node" if name.startswith("test_fusion_node") else name
        item.add_marker(pytest.mark.xdist_group(group))
