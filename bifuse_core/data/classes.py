# SPDX-License-Identifier: Apache-2.0
"""The label vocabularies that every data set of BiFuse is mapped to."""

SEGMENTATION_CLASSES = (
    "road",
    "sidewalk",
    "building",
    "vegetation",
    "sky",
    "person",
    "bicycle",
    "vehicle",
    "sign",
)
"""Names of the mask values 0 to 8."""

DETECTION_CLASSES = ("person", "bicycle", "vehicle")
"""Names of the box labels 0 to 2."""
