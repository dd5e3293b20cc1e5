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

RARE = {"sidewalk": 2.0, "person": 4.0, "bicycle": 6.0, "vehicle": 2.0, "sign": 3.0}
"""Factors, in losses, of the pixels of small and rare things: a bicycle covers one pixel in three
hundred, and a short training would not get to it."""

CLASS_WEIGHTS = tuple(RARE.get(name, 1.0) for name in SEGMENTATION_CLASSES)
"""Likewise of all mask values."""

SOME_STUFF = 254
"""Mask value of pixels that are no person, bicycle or vehicle, and of which no more is known: what
masks of the night are labelled with. Read only where `Options.mask_read_as` says so."""

MASK_SETS = {
    SOME_STUFF: tuple(
        number
        for number, name in enumerate(SEGMENTATION_CLASSES)
        if name not in ("person", "bicycle", "vehicle")
    )
}
"""Mask values beyond the classes, and the classes that each may be."""

DETECTION_CLASSES = ("person", "bicycle", "vehicle")
"""Names of the box labels 0 to 2."""
