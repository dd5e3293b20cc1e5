# SPDX-License-Identifier: Apache-2.0
"""Which tests need ONNX packages."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

NEEDS_ONNX = pytest.mark.skipif(
    find_spec("onnx") is None or find_spec("onnxruntime") is None,
    reason="onnx and onnxruntime are not installed",
)
