# SPDX-License-Identifier: Apache-2.0
"""Builds a Python wheel from a ROS 2 message package, against ROS 2 wheels and without CMake.

Three steps, one module each: `generate` (interface files to C and Python sources), `compile`
(sources to libraries), `pack` (libraries, Python and interface files to a wheel).
"""
