# SPDX-License-Identifier: Apache-2.0
"""The detectors: their sizes, their backbones, and weights of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from bifuse_core.nets.checkpoint import CheckpointError, save_weights
from bifuse_core.nets.detection.fcos import Fcos, fcos, fcos_small
from bifuse_core.nets.detection.loss import Truth, detection_loss
from bifuse_core.nets.detection.pyramid import Pyramid
from bifuse_core.nets.detection.shufflenet import ShuffleNet
from bifuse_core.nets.zoo import DETECTORS, create_detector, load_detector

PUBLIC = Path(__file__).resolve().parents[3] / "shared/models/shufflenetv2_x1_0_coco.safetensors"


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_sizes() -> None:
    # torchvision's ResNet-50 has 25,557,032 with its classifier of 2048 x 1000 and its bias.
    big = fcos(80)
    assert parameters(big.backbone) == 25_557_032 - 2048 * 1000 - 1000
    # Tian et al.: two towers of four convolutions with normalisation, and the last ones.
    towers = 2 * 4 * (256 * 256 * 9 + 2 * 256)
    assert parameters(big.head) == towers + (256 * 9 + 1) * 85 + 5
    assert parameters(fcos_small(3)) == 921_909


def test_levels_beyond_the_backbone_are_rectified_only_between_them() -> None:
    torch.manual_seed(0)
    pyramid = Pyramid((3, 5), 4, lambda a, b: nn.Conv2d(a, b, 3, padding=1), further=2)
    levels = pyramid([torch.randn(1, 3, 16, 16), torch.randn(1, 5, 8, 8)])
    assert [level.shape[-1] for level in levels] == [16, 8, 4, 2]
    first, second = pyramid.further
    assert (levels[1] < 0).any() and (levels[2] < 0).any()
    torch.testing.assert_close(levels[2], first(levels[1]))
    torch.testing.assert_close(levels[3], second(levels[2].clamp(min=0)))


def backbone_by_hand(weights: dict[str, Tensor], picture: Tensor) -> list[Tensor]:
    """ShuffleNetV2 from its description, by functions alone; `picture` is B, G, R of 0..255."""

    def convolve(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = weights[f"{name}.weight"].float()
        groups = len(weight) if weight.shape[1] == 1 else 1
        padding = weight.shape[-1] // 2
        return functional.conv2d(
            x, weight, weights[f"{name}.bias"].float(), stride, padding, groups=groups
        )

    def shuffled(x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return torch.stack([x[:, :half], x[:, half:]], dim=2).flatten(1, 2)

    def active(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.1 * x)

    mean = torch.tensor([103.53, 116.28, 123.675]).view(3, 1, 1)
    deviation = torch.tensor([57.375, 57.12, 58.395]).view(3, 1, 1)
    x = active(convolve((picture - mean) / deviation, "conv1.0", 2))
    x = functional.max_pool2d(x, 3, 2, 1)
    stages = []
    for stage, units in ((2, 4), (3, 8), (4, 4)):
        for unit in range(units):
            name = f"stage{stage}.{unit}"
            stride = 2 if unit == 0 else 1
            kept, changed = (x, x) if unit == 0 else (x[:, : x.shape[1] // 2], None)
            if unit == 0:
                kept = convolve(kept, f"{name}.branch1.0", 2)
                kept = active(convolve(kept, f"{name}.branch1.2"))
            else:
                changed = x[:, x.shape[1] // 2 :]
            assert changed is not None
            changed = active(convolve(changed, f"{name}.branch2.0"))
            changed = convolve(changed, f"{name}.branch2.3", stride)
            changed = active(convolve(changed, f"{name}.branch2.5"))
            x = shuffled(torch.cat([kept, changed], dim=1))
        stages.append(x)
    return stages


def test_small_backbone_is_shufflenet() -> None:
    torch.manual_seed(0)
    net = ShuffleNet()
    rgb = torch.rand(1, 3, 64, 96)
    expected = backbone_by_hand(net.state_dict(), 255 * rgb.flip(1))
    for found, stage in zip(net(rgb), expected, strict=True):
        assert found.detach().numpy() == pytest.approx(stage.detach().numpy(), abs=1e-4)


@pytest.mark.skipif(not PUBLIC.is_file(), reason="needs the public weights of ../shared/models")
def test_public_weights_fit_the_small_backbone_wholly() -> None:
    net = fcos_small(3)
    fit = net.load_public(PUBLIC)
    assert len(fit.taken) == 110
    assert not (fit.missing or fit.unexpected or fit.reshaped)
    stored = load_file(PUBLIC)
    assert all(
        torch.equal(tensor, stored[name].float())
        for name, tensor in net.backbone.state_dict().items()
    )


def test_public_weights_of_the_large_backbone(tmp_path: Path) -> None:
    net = fcos(3)
    state = net.backbone.state_dict()
    changed = {
        name.removeprefix("resnet."): torch.full_like(tensor, 0.5).contiguous()
        for name, tensor in state.items()
    }
    first = "embedder.embedder.convolution.weight"
    changed[first] = changed[first][:32].contiguous()
    changed["classifier.1.weight"] = torch.zeros(10, 2048)
    del changed["encoder.stages.0.layers.0.shortcut.convolution.weight"]
    save_file(changed, tmp_path / "resnet.safetensors")
    fit = net.load_public(tmp_path / "resnet.safetensors")
    assert fit.reshaped == (f"resnet.{first}",)
    assert fit.unexpected == ("resnet.classifier.1.weight",)
    assert fit.missing == ("resnet.encoder.stages.0.layers.0.shortcut.convolution.weight",)
    assert "1 missing: resnet.encoder.stages.0" in str(fit)
    assert len(fit.taken) == len(state) - 2


def test_public_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save_file({"another": torch.zeros(3)}, tmp_path / "other.safetensors")
    (tmp_path / "text.pth").write_text("no weights")
    for file, text in (
        ("other.safetensors", "no tensor in it fits"),
        ("text.pth", "damaged, or no weights file"),
        ("missing.pth", "no such weights file"),
    ):
        with pytest.raises(CheckpointError, match=text):
            fcos_small(3).load_public(tmp_path / file)


def test_weights_files_name_the_classes(tmp_path: Path) -> None:
    file = tmp_path / "fcos_small.safetensors"
    net = create_detector("fcos_small", 2).eval()
    save_weights(file, "fcos_small", net, {}, classes=("deer", "boar"))
    loaded = load_detector("fcos_small", file)
    assert loaded.classes == ("deer", "boar")
    picture = torch.rand(1, 3, 64, 64)
    for found, expected in zip(loaded.net(picture)[:3], net(picture)[:3], strict=True):
        assert found.numpy() == pytest.approx(expected.detach().numpy(), abs=0.05)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[]", "does not name the classes"),
        ("{}", "its classes are {}, no list of names"),
        ("[3]", r"its classes are \[3\], no list of names"),
        ("null", "its classes are None, no list of names"),
        ("person", "damaged"),
    ],
)
def test_weights_without_names_of_classes_are_refused(
    written: str, text: str, tmp_path: Path
) -> None:
    file = tmp_path / "fcos_small.safetensors"
    metadata = {"network": "fcos_small", "classes": written}
    save_file(create_detector("fcos_small", 1).state_dict(), file, metadata)
    with pytest.raises(CheckpointError, match=text):
        load_detector("fcos_small", file)


def test_a_network_is_built_once_to_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A large one takes seconds.
    file, built = tmp_path / "fcos_small.safetensors", []
    save_weights(file, "fcos_small", create_detector("fcos_small", 2), {}, ("deer", "boar"))

    def create(classes: int) -> Fcos:
        built.append(classes)
        return fcos_small(classes)

    monkeypatch.setitem(DETECTORS, "fcos_small", create)
    load_detector("fcos_small", file)
    assert built == [2]


def test_unknown_detector() -> None:
    for make in (lambda: create_detector("yolo", 3), lambda: load_detector("yolo")):
        with pytest.raises(ValueError, match="no detector 'yolo'; choose from fcos, fcos_small"):
            make()


@pytest.mark.parametrize("create", [fcos_small, fcos], ids=["fcos_small", "fcos"])
def test_a_detector_learns_one_picture(create: type[Fcos]) -> None:
    torch.manual_seed(0)
    net = create(2).train()
    picture = 0.3 * torch.rand(1, 3, 128, 128)
    picture[:, 0, 20:60, 16:56] = 1
    picture[:, 2, 70:120, 64:124] = 1
    boxes = torch.tensor([[16.0, 20, 56, 60], [64, 70, 124, 120]])
    truth = Truth(boxes, torch.tensor([0, 1]), torch.zeros(0, 4), torch.ones(2, dtype=torch.bool))
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3 if create is fcos_small else 3e-4)
    losses = []
    for _ in range(12):
        loss = torch.stack(list(detection_loss(net(picture), [truth]).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.8 * losses[0]
