# SPDX-License-Identifier: Apache-2.0
"""SegFormer: a hierarchical transformer and a head of nothing but 1x1 convolutions."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from bifuse_core.nets.normalisation import IMAGENET_DEVIATION, IMAGENET_MEAN, Normalisation

WITHOUT_TRANSFORMERS = (
    "pip install transformers==5.24.0 (Python 3.10: 5.20.2), or do without masks (the node's "
    "parameter segmenter: none)"
)
"""What to do where the library is missing."""


class Widths(NamedTuple):
    """What the sizes of SegFormer differ in."""

    depths: tuple[int, ...]
    """Blocks of each of the four stages."""
    channels: tuple[int, ...]
    """Of each stage."""
    head: int
    """Channels to which the head brings all stages."""


NARROW, WIDE = (32, 64, 160, 256), (64, 128, 320, 512)

SIZES = {
    "b0": Widths((2, 2, 2, 2), NARROW, 256),
    "b1": Widths((2, 2, 2, 2), WIDE, 256),
    "b2": Widths((3, 4, 6, 3), WIDE, 768),
    "b3": Widths((3, 4, 18, 3), WIDE, 768),
    "b4": Widths((3, 8, 27, 3), WIDE, 768),
    "b5": Widths((3, 6, 40, 3), WIDE, 768),
}


class Segmenter(nn.Module):
    """SegFormer of one size, for pictures in [0, 1] (b0: 3.7 M parameters, b5: 84.6 M).

    Source: Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with
    Transformers" (2021), as in the library `transformers`, with random weights.

    Attributes:
        classes: K.
        multiple: what height and width of the pictures must be multiples of.
    """

    multiple = 32

    def __init__(self, size: str, classes: int) -> None:
        """Build the network.

        Args:
            size: a name in `SIZES`.
            classes: K.

        Raises:
            ValueError: unknown size.
            ImportError: `transformers` is not installed.
        """
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"no SegFormer of size {size!r}; choose from {', '.join(SIZES)}")
        self.classes = classes
        self.normalise = Normalisation(IMAGENET_MEAN, IMAGENET_DEVIATION)
        self.model = _built(SIZES[size], classes)

    def forward(self, rgb: Tensor) -> Tensor:
        """Return the logits of all classes at a quarter of the size.

        Args:
            rgb: (B, 3, H, W) red, green, blue in [0, 1]; H and W multiples of 32.

        Returns:
            (B, K, H/4, W/4).
        """
        # The library's own forward collects the stages' features by hooks, which do not export.
        features = [self.normalise(rgb)]
        for stage in self.model.segformer.stages:
            features.append(stage(features[-1]))
        logits: Tensor = self.model.decode_head(features[1:])
        return logits


def _built(widths: Widths, classes: int) -> Any:
    try:
        # Here, because it takes seconds, and who does not segment need not have it.
        from transformers import SegformerConfig, SegformerForSemanticSegmentation
    except ImportError as error:
        raise ImportError(
            f"SegFormer needs the package transformers: {WITHOUT_TRANSFORMERS}; importing it "
            f"failed: {error}"
        ) from error
    config = SegformerConfig(
        depths=widths.depths,
        hidden_sizes=widths.channels,
        decoder_hidden_size=widths.head,
        num_labels=classes,
        # Trainings here are too short to overfit: what dropout takes away, they have no time to
        # make up for.
        drop_path_rate=0.0,
        classifier_dropout_prob=0.0,
    )
    return SegformerForSemanticSegmentation(config)
