# SPDX-License-Identifier: Apache-2.0
"""Segmenting pictures of any size: what the network sees, and whose classes come back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from bifuse_core.nets.segmentation.segmenting import segment, size_seen


class Coarse(nn.Module):
    """Logits at a quarter of the size from the means of 4x4 pixels; remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 9, 4, stride=4)
        self.seen: Tensor | None = None

    def forward(self, rgb: Tensor) -> Tensor:
        self.seen = rgb
        return self.head(rgb)


class Quadrants(nn.Module):
    """Class 0 to 3 by quadrant, whatever the picture shows."""

    def forward(self, rgb: Tensor) -> Tensor:
        batch, _, height, width = rgb.shape
        logits = torch.zeros(batch, 4, height // 4, width // 4)
        for number, rows in enumerate((slice(height // 8), slice(height // 8, None))):
            logits[:, 2 * number, rows, : width // 8] = 1
            logits[:, 2 * number + 1, rows, width // 8 :] = 1
        return logits


class Given(nn.Module):
    """The same logits for every picture."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, rgb: Tensor) -> Tensor:
        return self.logits


def scene(batch: int, height: int, width: int) -> Tensor:
    return F.interpolate(torch.rand(batch, 3, 6, 8), size=(height, width), mode="bicubic").clamp(
        0, 1
    )


@pytest.mark.parametrize(
    ("picture", "seen"),
    [
        ((480, 640), (256, 320)),
        ((300, 500), (224, 384)),
        ((768, 1024), (256, 320)),
        ((512, 640), (256, 320)),
        ((256, 320), (256, 320)),
        ((640, 480), (320, 256)),
        ((4, 4000), (32, 9056)),
    ],
)
def test_pictures_are_seen_at_about_the_same_number_of_pixels_in_their_form(
    picture: tuple[int, int], seen: tuple[int, int]
) -> None:
    assert size_seen(*picture) == seen


@pytest.mark.parametrize("size", [(480, 640), (301, 499), (77, 123), (1, 1), (256, 320)])
def test_every_pixel_has_the_class_of_its_enlarged_logits(size: tuple[int, int]) -> None:
    net, rgb = Coarse().eval(), scene(2, *size)
    found = segment(net, rgb)
    assert found.shape == (2, *size)
    assert found.dtype == torch.uint8
    assert net.seen is not None
    assert net.seen.shape[-2:] == size_seen(*size)
    with torch.no_grad():
        large = F.interpolate(net.head(net.seen), size=size, mode="bilinear", align_corners=False)
    taken = large.gather(1, found[:, None].long())[:, 0]
    assert (large.amax(1) - taken).max() < 1e-6
    assert len(found.unique()) > 1 or size == (1, 1)


def test_of_classes_equally_likely_the_first_is_taken() -> None:
    logits = torch.randint(0, 2, (2, 7, 8, 8)).float()
    # Of a picture seen at four times its size, the logits are as many as the pixels.
    found = segment(Given(logits), torch.rand(2, 3, 8, 8), size=(32, 32))
    assert torch.equal(found, logits.argmax(1).to(torch.uint8))


@pytest.mark.parametrize("size", [(1501, 1999), (997, 3001)])
def test_a_large_picture_is_not_enlarged_in_all_classes_at_once(size: tuple[int, int]) -> None:
    net, rgb = Given(torch.rand(1, 9, 8, 8)), torch.rand(1, 3, *size)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        found = segment(net, rgb, size=(32, 32))
    largest = max(event.self_cpu_memory_usage for event in seen.events())
    assert 0 < largest <= 4 * found.numel()


def test_classes_lie_where_they_were_seen() -> None:
    found = segment(Quadrants(), torch.rand(1, 3, 90, 130))[0]
    for number, corner in enumerate(
        (found[:45, :65], found[:45, 65:], found[45:, :65], found[45:, 65:])
    ):
        assert (corner == number).all()


def test_a_size_can_be_asked_for_and_one_that_fits_is_not_resized() -> None:
    net, rgb = Coarse().eval(), scene(1, 64, 96)
    segment(net, rgb, size=(64, 96))
    assert net.seen is not None
    assert torch.equal(net.seen, rgb)
    segment(net, rgb, size=(128, 64))
    assert net.seen.shape == (1, 3, 128, 64)


def test_a_reduced_picture_keeps_the_mean_of_its_finest_stripes() -> None:
    net = Coarse().eval()
    # Every fifth pixel alone would be all black and white.
    stripes = (torch.arange(800) % 2).float().expand(1, 3, 640, 800)
    segment(net, stripes, size=(128, 160))
    assert net.seen is not None
    inner = net.seen[..., 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), atol=0.03, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_the_same_classes(dtype: torch.dtype) -> None:
    net, rgb = Coarse().eval(), scene(1, 100, 150)
    expected = segment(net, rgb)
    found = segment(net.to(dtype), rgb.to(dtype))
    assert net.seen is not None and net.seen.dtype == dtype
    assert (found == expected).float().mean() > 0.95


def test_what_is_not_a_number_is_no_class() -> None:
    net = Coarse().eval()
    assert net.head.bias is not None
    torch.nn.init.constant_(net.head.bias, torch.nan)
    with pytest.raises(FloatingPointError, match="not a number"):
        segment(net, scene(1, 64, 64))


@pytest.mark.parametrize("size", [(0, 32), (48, 64), (64, 65)])
def test_a_size_that_is_no_multiple_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"both sides must be multiples of 32 pixels"):
        segment(Coarse(), scene(1, 64, 64), size=size)
