# SPDX-License-Identifier: Apache-2.0
"""Thermal + RGB perception: networks, bi-level learning, pairing and inference, without ROS."""

import os

__version__ = "0.1.0"

# OpenCV would allocate what the header of a damaged picture claims; read at its first import.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(8192 * 8192))

# ONNX Runtime, from 1.29 on, gives the machine a number when it is imported, and tells its makers
# over the network of every model.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
