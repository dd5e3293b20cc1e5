# SPDX-License-Identifier: Apache-2.0
"""The warm start of Algorithm 1: train a fusion network alone, on its content loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from bifuse_core.bilevel.objectives import vsm_content
from bifuse_core.data.pairs import ImagePair
from bifuse_core.imaging.colour import LUMA_WEIGHTS
from bifuse_core.imaging.saliency import saliency_target
from bifuse_core.imaging.thermal import ThermalNormaliser


class _Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


@dataclass(frozen=True)
class WarmStart:
    """How long and on what to train.

    Attributes:
        steps: number of optimiser steps.
        batch: crops per step.
        crop: side of a crop in pixels.
        learning_rate: peak of AdamW's learning rate; it falls to zero along a cosine.
        seed: seed of the weights, the crops and their augmentation.
    """

    steps: int = 2000
    batch: int = 8
    crop: int = 160
    learning_rate: float = 1.5e-3
    seed: int = 0


class CropSampler:
    """Random aligned crops of pairs, (thermal, luma, saliency target), each (B, 1, C, C).

    Grey levels are varied first, each camera alone, and the target is computed from the result on
    the whole picture, because saliency depends on all of it.

    Raises:
        ValueError: a pair is smaller than the crop.
    """

    def __init__(self, pairs: Sequence[ImagePair], settings: WarmStart) -> None:
        # A normaliser for each: pairs in a row need not be of one scene.
        self._pairs = [(ThermalNormaliser()(p.thermal, 0), _luma(p.rgb)) for p in pairs]
        self._crop, self._batch = settings.crop, settings.batch
        for pair in pairs:
            if min(pair.thermal.shape) < settings.crop:
                raise ValueError(
                    f"pair {pair.name} is {pair.thermal.shape[1]}x{pair.thermal.shape[0]}, "
                    f"smaller than the crop of {settings.crop}"
                )
        self._random = np.random.default_rng(settings.seed)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        while True:
            crops = [self._one() for _ in range(self._batch)]
            thermal, luma, target = (torch.stack(c) for c in zip(*crops, strict=True))
            yield thermal, luma, target

    def _one(self) -> tuple[Tensor, Tensor, Tensor]:
        random = self._random
        thermal, luma = self._pairs[random.integers(len(self._pairs))]
        pictures = [self._vary(torch.from_numpy(x)[None, None]) for x in (thermal, luma)]
        pictures.append(saliency_target(*pictures))
        height, width = luma.shape
        top, left = (int(random.integers(n - self._crop + 1)) for n in (height, width))
        window = torch.cat(pictures)[..., top : top + self._crop, left : left + self._crop]
        if random.random() < 0.5:
            window = window.flip(-1)
        first, second, third = window.unbind(0)
        return first, second, third

    def _vary(self, picture: Tensor) -> Tensor:
        """Change gain, offset and gamma as exposures and thermal ranges do."""
        if self._random.random() < 0.3:
            return picture
        gain, offset = self._random.uniform(0.4, 1.2), self._random.uniform(-0.05, 0.08)
        gamma = np.exp(self._random.uniform(-0.35, 0.35))
        return (picture.pow(gamma) * gain + offset).clamp(0, 1)


def warm_start(
    net: nn.Module, pairs: Sequence[ImagePair], settings: WarmStart, *, resume: Path | None = None
) -> float:
    """Train `net` in place, on the device it is on, and return the mean loss of the last 100 steps.

    Args:
        net: maps (thermal, luma) to fused luminance, (B, 1, H, W) in [0, 1] each.
        pairs: training pairs, no side smaller than the crop.
        settings: see `WarmStart`.
        resume: file that holds the state of an interrupted run; written every 100 steps.

    Raises:
        ValueError: a pair is smaller than the crop, or `resume` is of another run.
        FloatingPointError: the loss is no longer finite; the message names the step.
    """
    torch.manual_seed(settings.seed)
    device = next(net.parameters()).device
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.05
    )
    run = _Run(settings, (net, optimiser, schedule))
    start, losses = run.load(resume) if resume and resume.exists() else (0, [])
    # A resumed run must not see the crops of the first run again.
    batches = CropSampler(pairs, replace(settings, seed=settings.seed + start))
    steps = range(start, settings.steps)
    progress = tqdm(zip(steps, batches, strict=False), total=settings.steps, initial=start)
    net.train()
    for step, batch in progress:
        thermal, luma, target = (part.to(device) for part in batch)
        loss = vsm_content(net(thermal, luma), target)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the content loss is {loss.item()} at step {step}")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses = [*losses[-99:], loss.item()]
        if resume and ((step + 1) % 100 == 0 or step + 1 == settings.steps):
            run.save(resume, step + 1, losses)
        progress.set_postfix(loss=f"{np.mean(losses):.4f}")
    net.eval()
    return float(np.mean(losses))


@dataclass(frozen=True)
class _Run:
    """The state of a training run on disk."""

    settings: WarmStart
    parts: tuple[_Stateful, ...]

    def save(self, file: Path, step: int, losses: list[float]) -> None:
        state = {
            "settings": asdict(self.settings),
            "step": step,
            "losses": losses,
            "parts": [part.state_dict() for part in self.parts],
        }
        temporary = file.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(file)

    def load(self, file: Path) -> tuple[int, list[float]]:
        state = torch.load(file, weights_only=True)
        if state["settings"] != asdict(self.settings):
            raise ValueError(f"{file}: a run with other settings: {state['settings']}")
        try:
            for part, part_state in zip(self.parts, state["parts"], strict=True):
                part.load_state_dict(part_state)
        except RuntimeError as error:
            raise ValueError(f"{file}: a run of another network") from error
        return int(state["step"]), list(state["losses"])


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (rgb @ np.asarray(LUMA_WEIGHTS, np.float32) / 255).astype(np.float32, copy=False)
