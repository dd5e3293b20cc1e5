# SPDX-License-Identifier: Apache-2.0
"""The encoder of SegFormer: a transformer without place codes, on tokens of four sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

PATCHES = ((7, 4), (3, 2), (3, 2), (3, 2))
"""Side and stride, pixels, of the patches that become the tokens of each stage."""

REDUCTIONS = (8, 4, 2, 1)
"""By how much fewer rows and columns of tokens are looked at than look, in each stage."""

HEADS = (1, 2, 5, 8)
"""Of the attention in each stage."""

WIDER = 4
"""Channels within a feed-forward network for each one outside."""


class MixTransformer(nn.Module):
    """See features at strides 4, 8, 16 and 32: MiT-B0 to MiT-B5.

    Source: Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with
    Transformers" (2021), section 3.1. Parameters are named as in published checkpoints.

    Tokens are (B, H, W, C) throughout: to a convolution that is a picture with its channels last in
    memory, so that nothing is ever rearranged.

    Args:
        depths: blocks of each stage.
        channels: of each stage; multiples of its `HEADS`.
    """

    def __init__(self, depths: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        before = (3, *channels[:-1])
        stages = zip(before, channels, depths, PATCHES, HEADS, REDUCTIONS, strict=True)
        self.stages = nn.ModuleList(_Stage(*of_one) for of_one in stages)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Return the tokens (B, H/s, W/s, C) of each stride s, of pictures (B, 3, H, W)."""
        stages, tokens = [], picture.permute(0, 2, 3, 1)
        for stage in self.stages:
            tokens = stage(tokens)
            stages.append(tokens)
        return stages


class _Stage(nn.Module):
    def __init__(
        self,
        before: int,
        channels: int,
        depth: int,
        patch: tuple[int, int],
        heads: int,
        reduction: int,
    ) -> None:
        super().__init__()
        self.patch_embeddings = _PatchEmbedding(before, channels, *patch)
        self.blocks = nn.ModuleList(_Block(channels, heads, reduction) for _ in range(depth))
        self.layer_norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.patch_embeddings(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        normed: Tensor = self.layer_norm(tokens)
        return normed


class _PatchEmbedding(nn.Module):
    """Patches that overlap, so that what lies next to each other stays so."""

    def __init__(self, before: int, channels: int, side: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(before, channels, side, stride=stride, padding=side // 2)
        self.layer_norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        embedded: Tensor = self.layer_norm(_convolved(self.proj, tokens))
        return embedded


class _Block(nn.Module):
    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.layernorm_before = nn.LayerNorm(channels)
        self.attention = _Attention(channels, heads, reduction)
        self.layernorm_after = nn.LayerNorm(channels)
        self.mlp = _MixFfn(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.layernorm_before(tokens))
        grown: Tensor = tokens + self.mlp(self.layernorm_after(tokens))
        return grown


class _Attention(nn.Module):
    """Every token looks at means of some; equation 2 of the paper."""

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.o_proj = nn.Linear(channels, channels)
        self.sequence_reduction = _Reduction(channels, reduction) if reduction > 1 else None

    def forward(self, tokens: Tensor) -> Tensor:
        seen = tokens if self.sequence_reduction is None else self.sequence_reduction(tokens)
        looked = F.scaled_dot_product_attention(
            self._by_head(self.q_proj(tokens)),
            self._by_head(self.k_proj(seen)),
            self._by_head(self.v_proj(seen)),
        )
        together: Tensor = self.o_proj(looked.transpose(1, 2).reshape(tokens.shape))
        return together

    def _by_head(self, tokens: Tensor) -> Tensor:
        """Return (B, H, W, C) as (B, heads, H W, C / heads)."""
        return tokens.flatten(1, 2).unflatten(2, (self.heads, -1)).transpose(1, 2)


class _Reduction(nn.Module):
    def __init__(self, channels: int, by: int) -> None:
        super().__init__()
        self.sequence_reduction = nn.Conv2d(channels, channels, by, stride=by)
        self.layer_norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        reduced: Tensor = self.layer_norm(_convolved(self.sequence_reduction, tokens))
        return reduced


class _MixFfn(nn.Module):
    """A feed-forward network that looks at neighbours, and so knows of places; equation 3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = WIDER * channels
        self.fc1 = nn.Linear(channels, wide)
        # In a module of its own for its published name.
        self.dwconv = nn.ModuleDict({"dwconv": nn.Conv2d(wide, wide, 3, padding=1, groups=wide)})
        self.fc2 = nn.Linear(wide, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        mixed = _convolved(self.dwconv["dwconv"], self.fc1(tokens))
        fed: Tensor = self.fc2(F.gelu(mixed))
        return fed


def _convolved(convolution: nn.Module, tokens: Tensor) -> Tensor:
    convolved: Tensor = convolution(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return convolved
