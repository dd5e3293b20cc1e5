# SPDX-License-Identifier: Apache-2.0
"""A procedural drive down a street, seen by a colour and a thermal camera at once.

Everything follows from a seed: no files, no downloads. Boxes and masks are exact, so the drive
serves as demo, as test input and as training data.
"""

from bifuse_core.data.rendered.conditions import CONDITIONS
from bifuse_core.data.rendered.drive import RenderedDrive, RenderedFrame

__all__ = ["CONDITIONS", "RenderedDrive", "RenderedFrame"]
