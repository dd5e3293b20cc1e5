# SPDX-License-Identifier: Apache-2.0
"""What decides a score beside the weights: the pair as it was read, and the code that scores."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from bifuse_core.data.tensors import TensorSample

PACKAGE = Path(__file__).resolve().parents[1]

CODE = ("engine", "evaluation", "imaging", "metrics", "nets")
"""Folders of the code behind scores and pictures; how a pair is read shows in the pair itself."""


def fingerprint(sample: TensorSample) -> str:
    """Return the SHA-256 of a pair's values and of the code, in hexadecimal."""
    digest = hashlib.sha256(code_checksum().encode())
    for picture in (sample.thermal, sample.rgb):
        digest.update(str(tuple(picture.shape)).encode())
        digest.update(picture.numpy().tobytes())
    return digest.hexdigest()


@cache
def code_checksum(package: Path = PACKAGE) -> str:
    """Return the SHA-256 of the sources in the folders `CODE` of a package, in hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in CODE for file in (package / folder).rglob("*.py")):
        text = file.read_bytes()
        # The length tells where one file ends, so that no two sets of files read alike.
        digest.update(f"{file.relative_to(package).as_posix()} {len(text)}\n".encode() + text)
    return digest.hexdigest()
