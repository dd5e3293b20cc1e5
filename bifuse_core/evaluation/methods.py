# SPDX-License-Identifier: Apache-2.0
"""What is compared: fusions that run here, and folders of pictures that others have fused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from bifuse_core.data.faults import PictureError, refuse
from bifuse_core.data.pairs import by_name
from bifuse_core.data.pictures import PICTURE_SUFFIXES, read_colour
from bifuse_core.engine.fusions import fusion_by_name
from bifuse_core.imaging.colour import luminance
from bifuse_core.metrics.fusion.levels import grey_levels


class Method(Protocol):
    """One column of the comparison."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def version(self, picture: str) -> str:
        """Return the SHA-256 of what decides its result for a picture; `none` where nothing does.

        Raises:
            PictureError: it has no result for that picture.
        """

    def fuse(self, picture: str, thermal: Tensor, luma: Tensor) -> Tensor:
        """Return the fused luminance in the grey levels that a file would hold.

        Args:
            picture: name of the pair.
            thermal: (1, 1, H, W) float32 in [0, 1].
            luma: likewise.

        Returns:
            (1, 1, H, W) uint8, on the device of its sources.

        Raises:
            PictureError: it has no usable result for that picture.
        """


class ModelMethod:
    """A fusion of `bifuse_core.engine.fusions`, run in single precision.

    Args:
        spec: `NAME`, or `NAME=WEIGHTS` for a network with other weights than the shipped ones.
        device: where it runs.
        name: what tables call it; network and weights file by default.

    Raises:
        ValueError: unknown name; the message lists the names.
        CheckpointError: the weights cannot be used.
    """

    def __init__(self, spec: str, device: torch.device, name: str = "") -> None:
        network, _, weights = spec.partition("=")
        net, self._checksum = fusion_by_name(network, Path(weights) if weights else None)
        self.name = name or (f"{network} ({Path(weights).stem})" if weights else network)
        self._net = net.to(device)

    def version(self, picture: str) -> str:
        """Return the SHA-256 of the weights; they decide every picture."""
        return self._checksum

    @torch.no_grad()
    def fuse(self, picture: str, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse the pair; see `Method`."""
        return grey_levels(self._net(thermal, luma)).to(torch.uint8)


class FolderMethod:
    """Pictures fused elsewhere, found by the names of the pairs with any picture suffix.

    Args:
        name: what tables call it.
        folder: where they lie; the luminance of colour pictures is taken.

    Raises:
        PictureError: there is no such folder, or two pictures in it have one name.
    """

    def __init__(self, name: str, folder: Path) -> None:
        if not folder.is_dir():
            raise PictureError(f"{folder}: no such folder of fused pictures")
        self.name, self._folder = name, folder
        self._files = by_name(folder, PICTURE_SUFFIXES, refuse)

    def version(self, picture: str) -> str:
        """Return the SHA-256 of the picture's file; see `Method`."""
        return hashlib.sha256(self._file(picture).read_bytes()).hexdigest()

    def fuse(self, picture: str, thermal: Tensor, luma: Tensor) -> Tensor:
        """Read the fused picture; see `Method`."""
        file = self._file(picture)
        rgb = torch.from_numpy(read_colour(file)).permute(2, 0, 1)[None].float()
        fused = luminance(rgb).round().to(torch.uint8)
        if fused.shape != luma.shape:
            sizes = [f"{x.shape[-1]}x{x.shape[-2]}" for x in (fused, luma)]
            raise PictureError(f"{file}: fused picture is {sizes[0]}, its pair {sizes[1]}")
        return fused.to(luma.device)

    def _file(self, picture: str) -> Path:
        if picture not in self._files:
            raise PictureError(f"{self._folder}: no fused picture {picture}.* for {self.name!r}")
        return self._files[picture]
