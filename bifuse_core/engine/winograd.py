# SPDX-License-Identifier: Apache-2.0
"""Minimal filtering: 3x3 convolutions with a quarter of the multiplications.

Four by four results of a 3x3 convolution are had from the six by six pixels d around them as
A'((G g G') * (B' d B))A, with * element by element: 36 multiplications instead of 144. Over many
channels * is a matrix product for each of the 36 elements.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), F(4x4, 3x3).
"""

from __future__ import annotations

import torch
from torch import Tensor

TILE = 4
"""Rows, and columns, of the results that are made at once."""

WINDOW = 6
"""Rows, and columns, of the pixels that they depend on."""

_B = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)
_G = torch.tensor(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
) / torch.tensor([24])
_A = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    dtype=torch.float64,
)

PIXELS_TO_ELEMENTS = torch.kron(_B, _B).float()
"""(36, 36): the 36 pixels of a window, row by row, to the 36 elements."""

ELEMENTS_TO_RESULTS = torch.kron(_A, _A).float()
"""(16, 36): the 36 elements to the 16 results, row by row."""


def kernel_elements(kernel: Tensor) -> Tensor:
    """Return the 36 elements (36, O, I), in single precision, of kernels (O, I, 3, 3)."""
    elements = torch.einsum("ai,bj,ocij->aboc", _G, _G, kernel.double())
    return elements.flatten(0, 1).float().contiguous()
