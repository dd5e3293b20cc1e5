# SPDX-License-Identifier: Apache-2.0
"""The paper's network for CPUs: the same function with two fifths of the multiplications."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bifuse_core.engine.winograd import (
    ELEMENTS_TO_RESULTS,
    PIXELS_TO_ELEMENTS,
    TILE,
    WINDOW,
    kernel_elements,
)
from bifuse_core.nets.bdl import BdlFusion, DilatedDenseResidualBlock


class FastBdl(nn.Module):
    """Takes the place of the paper's network, in single precision on a CPU.

    What lies two pixels apart is four pictures of half the size, which the dilated convolutions
    never mix; in each of them they are ordinary 3x3 convolutions, done by minimal filtering. The
    convolutions of a dense block share their inputs, so each result is transformed once, into its
    place among all that the next ones read, and nothing is concatenated.

    Args:
        net: the trained network, which stays as it is.
    """

    def __init__(self, net: BdlFusion) -> None:
        super().__init__()
        self._head = deepcopy(net.head)
        self._slope = float(net.activation.weight)
        self._blocks = [_Block(cast(DilatedDenseResidualBlock, block)) for block in net.blocks]
        tail = deepcopy(net.tail)
        self._tail = tail.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse one batch; see `BdlFusion.forward`."""
        x = F.leaky_relu_(self._head(torch.cat((thermal, luma), dim=1)), self._slope)
        passed = torch.empty_like(x, memory_format=torch.channels_last)
        room = None
        for picture, result in zip(_every_second(x), _every_second(passed), strict=True):
            size = (picture.shape[-2], picture.shape[-1])
            if room is None or room.size != size:
                room = _Room(size, self._blocks[0])
            room.write(picture)
            for block in self._blocks:
                block.run(room)
            room.read(result)
        return self._tail(passed).sigmoid()


def _every_second(x: Tensor) -> Iterator[Tensor]:
    """Yield, of each picture of (B, C, H, W), the four (C, H/2, W/2) it is made of."""
    for picture in x:
        for top in range(min(2, x.shape[-2])):
            for left in range(min(2, x.shape[-1])):
                yield picture[:, top::2, left::2]


class _Room:
    """Where one picture is computed: its pixels, and the elements of all its windows.

    Both hold one row of tiles after another, the channels of a row one after another, and of each
    channel the tiles of the row side by side; so every step below is one product of matrices.

    Attributes:
        size: height and width of the picture.
        rows: of tiles.
        pixels: (4 rows + 2, 6, channels, columns): those in row y and column x of the picture are
            [1 + y, 1 + x % 4, :, x // 4]. All windows overlap by two pixels: the first and last
            pixel of the six are those of the neighbours, or 0 outside the picture.
        elements: (rows, 36, channels, columns).
    """

    def __init__(self, size: tuple[int, int], block: _Block) -> None:
        self.size = size
        self.rows, columns = -(-size[0] // TILE), -(-size[1] // TILE)
        self.pixels = torch.zeros(TILE * self.rows + 2, WINDOW, block.channels, columns)
        self.elements = torch.empty(self.rows, WINDOW**2, block.read_channels, columns)
        self.products = torch.empty(WINDOW**2, block.growth, columns)
        self.results = torch.empty(TILE, TILE, block.growth, columns)
        self.merged = torch.empty(TILE, TILE, block.width, columns)

    def tiles(self, row: int, channels: slice) -> Tensor:
        """Return the pixels of a row of tiles, (4, 4, channels, columns)."""
        top = 1 + TILE * row
        return self.pixels[top : top + TILE, 1:-1, channels]

    def write(self, picture: Tensor) -> None:
        """Take a picture (C, H, W) as the first channels."""
        count, height, width = picture.shape
        padded = F.pad(picture, (0, -width % TILE, 0, -height % TILE))
        tiles = padded.view(count, padded.shape[1], -1, TILE).permute(1, 3, 0, 2)
        self.pixels[1:-1, 1:-1, :count] = tiles
        self.share(slice(count))

    def read(self, picture: Tensor) -> None:
        """Give the first channels to a picture (C, H, W)."""
        count, height, width = picture.shape
        tiles = self.pixels[1:-1, 1:-1, :count].permute(2, 0, 3, 1)
        picture.copy_(tiles.flatten(2)[:, :height, :width])

    def share(self, channels: slice) -> None:
        """Let the windows to the left and right know of channels that were written."""
        height, width = self.size
        written = self.pixels[:, :, channels]
        # What was computed beyond the edges.
        written[1 + height :] = 0
        if width % TILE:
            written[:, 1 + width % TILE :, :, -1] = 0
        written[:, 0, :, 1:] = written[:, -2, :, :-1]
        written[:, -1, :, :-1] = written[:, 1, :, 1:]

    def transform(self, row: int, channels: slice) -> None:
        """Find the elements of a row of tiles; the pixels of the next row must be known."""
        windows = self.pixels[TILE * row : TILE * row + WINDOW, :, channels]
        torch.mm(
            PIXELS_TO_ELEMENTS,
            windows.view(WINDOW**2, -1),
            out=self.elements[row, :, channels].view(WINDOW**2, -1),
        )


class _Block:
    """A dilated dense residual block.

    Attributes:
        width: channels of its input and output.
        growth: channels of each convolution's result.
        read_channels: what the last convolution reads.
        channels: the input and all results.
    """

    def __init__(self, block: DilatedDenseResidualBlock) -> None:
        weights = block.state_dict()
        convs = [cast(nn.Conv2d, conv) for conv in block.dense]
        self._kernels = [kernel_elements(conv.weight) for conv in convs]
        self._biases = [weights[f"dense.{n}.bias"][:, None] for n in range(len(convs))]
        self._merge = weights["merge.weight"][:, :, 0, 0].expand(TILE, -1, -1)
        self._merge_bias = weights["merge.bias"][:, None]
        self.width, self.channels = block.merge.out_channels, block.merge.in_channels
        self.growth, self.read_channels = convs[-1].out_channels, convs[-1].in_channels

    def run(self, room: _Room) -> None:
        """Replace the first channels, the input, by the output."""
        self._transform(room, slice(self.width))
        for kernel, bias in zip(self._kernels, self._biases, strict=True):
            read = kernel.shape[2]
            made = slice(read, read + self.growth)
            for row in range(room.rows):
                torch.bmm(kernel, room.elements[row, :, :read], out=room.products)
                torch.mm(
                    ELEMENTS_TO_RESULTS,
                    room.products.view(WINDOW**2, -1),
                    out=room.results.view(TILE**2, -1),
                )
                tiles = room.tiles(row, made)
                torch.add(room.results, bias, out=tiles)
                tiles.relu_()
            room.share(made)
            if read < self.read_channels:
                self._transform(room, made)
        for row in range(room.rows):
            self._add_merged(room, row)
        room.share(slice(self.width))

    def _transform(self, room: _Room, channels: slice) -> None:
        for row in range(room.rows):
            room.transform(row, channels)

    def _add_merged(self, room: _Room, row: int) -> None:
        for line, merged in zip(room.tiles(row, slice(None)), room.merged, strict=True):
            torch.bmm(self._merge, line, out=merged)
        room.merged.add_(self._merge_bias).relu_()
        room.tiles(row, slice(self.width)).add_(room.merged)
