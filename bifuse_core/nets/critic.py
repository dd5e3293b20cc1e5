# SPDX-License-Identifier: Apache-2.0
"""The critic T_V: scores every patch of a picture, for the Wasserstein distance."""

from __future__ import annotations

from torch import Tensor, nn

PATCH = 34
"""Side of the patch that one score judges (receptive field), and of the smallest picture."""


class PatchCritic(nn.Module):
    """Score each patch of 34x34 pixels by itself, every 4 pixels (166,625 parameters).

    Source: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks"
    (2017), with one convolution of stride 2 less and half the width, as the Wasserstein critic of
    Gulrajani et al., "Improved Training of Wasserstein GANs" (2017). What differs, and why:

    - 34x34 pixels instead of 70x70: a training crop of 96x96 holds 16x16 such patches, but only
      4x4 of the larger ones, which nearly cover it and would judge the scene, not its texture.
    - No padding: every score is about pixels only, and borders look like any other place. Up to
      three rows and columns at the bottom and right are not judged.
    - No normalisation: the gradient penalty is a condition on each picture alone, which batch
      statistics would break.

    LeakyReLU is linear by pieces, so gradients of the penalty reach the weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 4, stride=2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, stride=2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 1, 4),
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Score one batch.

        Args:
            picture: (B, 1, H, W) luminance in [0, 1], H and W at least 34.

        Returns:
            (B, 1, (H - 34) // 4 + 1, (W - 34) // 4 + 1) scores without bounds; higher is more
            like the pictures it was taught to prefer.

        Raises:
            ValueError: the picture is smaller than a patch.
        """
        height, width = picture.shape[-2:]
        if min(height, width) < PATCH:
            raise ValueError(
                f"the critic judges patches of {PATCH}x{PATCH} pixels; "
                f"this picture is {width}x{height}"
            )
        scores: Tensor = self.layers(picture)
        return scores
