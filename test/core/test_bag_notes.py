# SPDX-License-Identifier: Apache-2.0
"""Notes in the metadata of bags; what the recorder notes is tested with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bifuse_core.data.bag_notes import bag_notes
from bifuse_core.data.faults import PairError


def test_a_bag_of_another_recorder_has_no_notes(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("rosbag2_bagfile_information: {custom_data: {a: b}}")
    assert bag_notes(tmp_path) == {}
    (tmp_path / "metadata.yaml").write_text("[1, 2]")
    with pytest.raises(PairError, match=r"metadata\.yaml"):
        bag_notes(tmp_path)
    with pytest.raises(PairError, match="nothing"):
        bag_notes(tmp_path / "nothing")
