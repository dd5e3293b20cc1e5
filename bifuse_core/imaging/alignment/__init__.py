# SPDX-License-Identifier: Apache-2.0
"""Cameras that do not see the same pixels: the other one is warped into the reference's grid."""
