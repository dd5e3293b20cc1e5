# SPDX-License-Identifier: Apache-2.0
"""ResNet-50, as the backbone of a detector."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from bifuse_core.nets.normalisation import IMAGENET_DEVIATION, IMAGENET_MEAN, Normalisation
from bifuse_core.nets.public_weights import Fit, fit_public_weights


class ResNet50(nn.Module):
    """See features at strides 8, 16 and 32 (23,508,032 parameters), by `transformers`.

    Source: He et al., "Deep Residual Learning for Image Recognition" (2016).

    Raises:
        ImportError: transformers is not installed.
    """

    channels = (512, 1024, 2048)
    strides = (8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        # Here, since it takes seconds, and a robot with the small detector does not need it.
        try:
            from transformers import ResNetConfig, ResNetModel
        except ImportError as error:
            raise ImportError(
                "ResNet-50 needs transformers: pip install transformers (requirements/core.txt has "
                "the version)"
            ) from error
        self.normalisation = Normalisation(IMAGENET_MEAN, IMAGENET_DEVIATION)
        self.resnet = ResNetModel(ResNetConfig())

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return the features of the last three stages.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
        """
        states = self.resnet(self.normalisation(rgb), output_hidden_states=True).hidden_states
        return list(states[-3:])

    def load_public(self, file: Path) -> Fit:
        """Take over weights of `microsoft/resnet-50`; see `fit_public_weights`."""
        return fit_public_weights(self, file, lambda name: f"resnet.{name.removeprefix('resnet.')}")
