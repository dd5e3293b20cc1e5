# SPDX-License-Identifier: Apache-2.0
"""Inference: a pair of pictures in, a fused colour picture out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bifuse_core.engine.fusions import fusion_by_name
from bifuse_core.imaging.colour import luminance, replace_luminance
from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings

WHITE = 255
"""Grey level of white in pictures of bytes."""

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class Engine:
    """Fuse pairs with one network on one device.

    Args:
        network: a name of `bifuse_core.engine.fusions.FUSIONS`: a network or a baseline.
        weights: weights file; the shipped one by default.
        device: `auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:N`.
        precision: `auto` (fp16 on CUDA, else fp32), `fp32`, `fp16` or `bf16`.
        thermal: how the thermal camera's numbers become a picture.

    Raises:
        ValueError: an unknown network, device or precision; the message names the choices.
        CheckpointError: the weights cannot be used.
    """

    def __init__(
        self,
        network: str = "edge",
        *,
        weights: Path | None = None,
        device: str = "auto",
        precision: str = "auto",
        thermal: ThermalSettings | None = None,
    ) -> None:
        self.network = network
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self._dtype = PRECISIONS[self.precision]
        self.reload(weights)
        self.thermal = ThermalNormaliser(thermal)

    def reload(self, weights: Path | None) -> None:
        """Exchange the weights between two pictures; the old ones stay if this fails.

        Raises:
            CheckpointError: the weights cannot be used.
        """
        net, checksum = fusion_by_name(self.network, weights)
        self._net = net.to(self.device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.checksum = checksum

    def facts(self) -> dict[str, str]:
        """Return what runs where, for diagnostics."""
        device = str(self.device)
        if self.device.type == "cuda":
            device = f"{device} {torch.cuda.get_device_name(self.device)}"
        facts = {
            "network": self.network,
            "weights sha256": self.checksum,
            "device": device,
            "precision": self.precision,
        }
        if self.device.type == "cuda":
            megabytes = torch.cuda.memory_allocated(self.device) / 2**20
            facts["GPU memory (MiB)"] = f"{megabytes:.0f}"
        return facts

    def warm_up(self, width: int = 640, height: int = 480) -> None:
        """Run once on an empty picture, so that the first real pair is not slow."""
        thermal = np.zeros((height, width), np.uint8)
        self._fuse(thermal.astype(np.float32), np.zeros((height, width, 3), np.uint8))

    def fuse(self, thermal: NDArray[Any], rgb: NDArray[np.uint8], stamp: int) -> NDArray[np.uint8]:
        """Fuse one pair.

        Args:
            thermal: (H, W) uint8, uint16 or float32, as the camera gives it.
            rgb: (H, W, 3) uint8 red, green, blue.
            stamp: time of the pair in nanoseconds, for the smoothing of the thermal range.

        Returns:
            (H, W, 3) uint8 red, green, blue.

        Raises:
            ValueError: the two differ in size, or the thermal picture has no finite pixel.
        """
        if thermal.ndim != 2 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(
                f"thermal must be (H, W) and rgb (H, W, 3), not {thermal.shape} and {rgb.shape}"
            )
        if thermal.shape != rgb.shape[:2]:
            raise ValueError(
                f"thermal is {thermal.shape[1]}x{thermal.shape[0]}, rgb is "
                f"{rgb.shape[1]}x{rgb.shape[0]}; they must have one size"
            )
        return self._fuse(self.thermal(thermal, stamp), rgb)

    @torch.inference_mode()
    def _fuse(self, thermal: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        device, dtype = self.device, self._dtype
        warmth = torch.from_numpy(thermal).to(device, dtype)[None, None]
        # In grey levels: scaling three colours to [0, 1] and back costs as much as the network.
        picture = torch.from_numpy(rgb).to(device).permute(2, 0, 1)[None].to(dtype)
        luma = luminance(picture)
        fused = self._net(warmth, luma / WHITE).mul_(WHITE)
        levels = replace_luminance(picture, luma, fused, white=WHITE).round_().to(torch.uint8)
        return levels[0].permute(1, 2, 0).contiguous().cpu().numpy()


def choose_device(name: str) -> torch.device:
    """Return the device of that name.

    Raises:
        ValueError: there is no such device on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no device {name!r}; choose auto, cpu, cuda or cuda:N") from error
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ValueError(
            f"device {name!r} was asked for, but this machine has {count} CUDA devices"
        )
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device {name!r} is not supported; choose auto, cpu, cuda or cuda:N")
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Return the precision of that name; `auto` is fp16 on CUDA, else fp32.

    Raises:
        ValueError: there is no such precision.
    """
    if name == "auto":
        return "fp16" if device.type == "cuda" else "fp32"
    if name not in PRECISIONS:
        raise ValueError(f"no precision {name!r}; choose from auto, {', '.join(PRECISIONS)}")
    return name
