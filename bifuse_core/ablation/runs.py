# SPDX-License-Identifier: Apache-2.0
"""One training of a comparison, in a folder of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import yaml

from bifuse_core.ablation.plan import Plan, settings_of
from bifuse_core.bilevel.settings import Settings
from bifuse_core.nets.checkpoint import card_of


@dataclass(frozen=True)
class Run:
    """A variant trained with one seed.

    Attributes:
        variant: its name.
        settings: of the training.
        folder: of weights, state and curves.
    """

    variant: str
    settings: Settings
    folder: Path

    @property
    def name(self) -> str:
        """Names it among all of the plan."""
        return f"{self.variant}, seed {self.settings.seed}"

    @property
    def weights(self) -> Path:
        """The file that training leaves."""
        return self.folder / f"{self.settings.network}.safetensors"

    @property
    def steps(self) -> str:
        """Steps of the warm start and of the strategy."""
        return f"{self.settings.warm_start} + {self.settings.steps}"

    @property
    def minutes(self) -> float:
        """How long the training has taken so far, of all its starts together."""
        file = self._clock
        return float(file.read_text(encoding="utf-8")) / 60 if file.exists() else 0.0

    def finished(self) -> bool:
        """Tell whether the weights are there.

        Raises:
            ValueError: they are, but of other settings.
        """
        card = card_of(self.weights)
        # Written last of all.
        if not card.is_file():
            return False
        stored = yaml.safe_load(card.read_text(encoding="utf-8"))["settings"]
        own = self.settings.model_dump(mode="json")
        differ = sorted(key for key in own if stored.get(key) != own[key])
        if differ:
            raise ValueError(
                f"{self.folder}: trained with other settings ({', '.join(differ)}); choose "
                "another --out, or remove the folder"
            )
        return True

    @contextmanager
    def clocked(self) -> Iterator[None]:
        """Add what is done within to `minutes`; so does what Ctrl-C or an error ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        before, started = 60 * self.minutes, monotonic()
        try:
            yield
        finally:
            self._clock.write_text(f"{before + monotonic() - started:.1f}\n", encoding="utf-8")

    @property
    def _clock(self) -> Path:
        return self.folder / "seconds.txt"


def runs_of(plan: Plan, out: Path) -> list[Run]:
    """Return the trainings of a plan: all variants with the first seed, then with the second...

    Raises:
        ValueError: the settings of one cannot be used.
    """
    folders = [_plain(variant.name) for variant in plan.variants]
    for variant, folder in zip(plan.variants, folders, strict=True):
        if not folder or folders.count(folder) > 1:
            raise ValueError(
                f"variant {variant.name!r}: its folder would be {folder!r}, which is empty or that "
                "of another one; give it another name (a to z, 0 to 9)"
            )
    return [
        Run(
            variant.name,
            settings_of(plan, variant, seed),
            out / "runs" / f"{_plain(variant.name)}-{seed}",
        )
        for seed in plan.seeds
        for variant in plan.trained
    ]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
