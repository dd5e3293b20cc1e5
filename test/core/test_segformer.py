# SPDX-License-Identifier: Apache-2.0
"""SegFormer: its sizes, what it sees, its weights by name, and public checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import nn

from bifuse_core.data.classes import SEGMENTATION_CLASSES
from bifuse_core.data.rendered.pairs import RenderedPairs
from bifuse_core.engine.engine import Engine
from bifuse_core.nets.checkpoint import CheckpointError, save_weights, sha256_of
from bifuse_core.nets.segmentation.public import load_public
from bifuse_core.nets.segmentation.segformer import SIZES, SegFormer, Segmenter, Widths
from bifuse_core.nets.segmentation.segmenting import segment
from bifuse_core.nets.zoo import SEGMENTERS, create_segmenter, load_segmenter, shipped_weights

K = 9
HEAD = ("decode_head.classifier.bias", "decode_head.classifier.weight")


@pytest.fixture(scope="module")
def b0() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("b0", K).eval().requires_grad_(False)


def published(folder: Path, labels: int, kind: str = "SegformerForSemanticSegmentation") -> Path:
    """Return a checkpoint of size B0 with random weights, written by the library itself."""
    config = transformers.SegformerConfig(num_labels=labels)
    getattr(transformers, kind)(config).save_pretrained(folder)
    return folder / "model.safetensors"


@pytest.mark.parametrize(
    ("size", "millions"),
    # Xie et al. 2021, table 1: on ADE20K, which has 150 classes.
    [("b0", 3.8), ("b1", 13.7), ("b2", 27.5), ("b3", 47.3), ("b4", 64.1), ("b5", 84.7)],
)
def test_sizes_are_those_of_the_paper(size: str, millions: float) -> None:
    with torch.device("meta"):
        net = Segmenter(size, 150)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 1) == millions


@pytest.mark.parametrize("network", ["segformer_b0", "segformer_b2"])
def test_a_segmenter_has_logits_at_a_quarter_of_the_size(network: str) -> None:
    with torch.device("meta"):
        net = create_segmenter(network, 4)
        logits = net(torch.rand(2, 3, 96, 64))
    assert net.classes == 4
    assert net.multiple == 32
    assert logits.shape == (2, 4, 24, 16)


def reference(widths: Widths, classes: int) -> nn.Module:
    """Return the library's network of these widths, with random weights and statistics."""
    config = transformers.SegformerConfig(
        depths=widths.depths,
        hidden_sizes=widths.channels,
        decoder_hidden_size=widths.head,
        num_labels=classes,
        drop_path_rate=0.0,
        classifier_dropout_prob=0.0,
    )
    net = transformers.SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    net.decode_head.batch_norm.running_mean.normal_()
    net.decode_head.batch_norm.running_var.uniform_(0.5, 2)
    return net


@pytest.mark.parametrize("widths", [SIZES["b0"], Widths((3, 4, 6, 3), (8, 16, 40, 64), 24)])
@pytest.mark.parametrize("size", [(64, 96), (45, 75)])
def test_the_logits_are_those_of_the_library(widths: Widths, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    theirs, ours = reference(widths, K).eval(), SegFormer(widths, K).eval()
    ours.load_state_dict(theirs.state_dict())
    picture = torch.randn(2, 3, *size)
    with torch.inference_mode():
        expected, found = theirs(pixel_values=picture).logits, ours(picture)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_it_learns_as_the_library_does() -> None:
    torch.manual_seed(0)
    widths = Widths((1, 1, 2, 1), (8, 16, 40, 64), 24)
    theirs, ours = reference(widths, K).train(), SegFormer(widths, K).train()
    ours.load_state_dict(theirs.state_dict())
    picture, weights = torch.randn(2, 3, 64, 64), torch.randn(2, K, 16, 16)
    for logits in (theirs(pixel_values=picture).logits, ours(picture)):
        (logits * weights).sum().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        found, wanted = parameter.grad, expected[name].grad
        assert found is not None and wanted is not None
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3, msg=name)
    statistics = theirs.decode_head.batch_norm
    torch.testing.assert_close(ours.decode_head.batch_norm.running_var, statistics.running_var)


def test_its_first_weights_are_spread_as_those_of_the_library(b0: Segmenter) -> None:
    config = transformers.SegformerConfig(num_labels=K)
    theirs = transformers.SegformerForSemanticSegmentation(config).state_dict()
    for name, tensor in b0.model.state_dict().items():
        if tensor.numel() > 1000:
            assert float(tensor.mean()) == pytest.approx(float(theirs[name].mean()), abs=3e-3), name
            assert float(tensor.std()) == pytest.approx(float(theirs[name].std()), rel=0.2), name
        elif not name.startswith(("decode_head.classifier", "decode_head.linear")):
            torch.testing.assert_close(tensor, theirs[name], atol=0.1, rtol=0)


def test_the_mean_of_imagenet_is_zero_inside(b0: Segmenter) -> None:
    rgb = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    torch.testing.assert_close(b0(rgb), b0.model(torch.zeros(1, 3, 64, 64)))


def test_white_is_seen_as_by_the_public_networks(b0: Segmenter) -> None:
    white = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    picture = torch.tensor(white).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    torch.testing.assert_close(b0(torch.ones(1, 3, 64, 64)), b0.model(picture))


def test_its_weights_say_nothing_of_the_normalisation(b0: Segmenter) -> None:
    assert all(name.startswith("model.") for name in b0.state_dict())


def test_it_segments_a_picture_of_an_odd_size(b0: Segmenter) -> None:
    mask = segment(b0, torch.rand(1, 3, 45, 61), size=(64, 96))
    assert mask.shape == (1, 45, 61)
    assert mask.max() < K


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(ValueError, match=r"no segmenter 'fcn'; choose from segformer_b0, .*_b5"):
        create_segmenter("fcn", K)
    with pytest.raises(ValueError, match=r"size 'b6'; choose from b0, b1, b2, b3, b4, b5"):
        Segmenter("b6", K)
    assert [f"segformer_{size}" for size in SIZES] == list(SEGMENTERS)


def test_saved_weights_come_back_by_name_with_their_classes(tmp_path: Path, b0: Segmenter) -> None:
    file, names = tmp_path / "own.safetensors", tuple("abcdefghi")
    checksum = save_weights(file, "segformer_b0", b0, {}, names)
    trained = load_segmenter("segformer_b0", file)
    assert (trained.checksum, trained.classes, trained.net.classes) == (checksum, names, K)
    assert not trained.net.training
    assert not any(p.requires_grad for p in trained.net.parameters())
    for name, tensor in b0.state_dict().items():
        stored = trained.net.state_dict()[name]
        torch.testing.assert_close(stored, tensor, rtol=2**-11, atol=2**-24)
    with pytest.raises(CheckpointError, match="'segformer_b0', not 'segformer_b1'"):
        load_segmenter("segformer_b1", file)


def test_b0_comes_trained_and_of_the_others_it_says_that_none_is_shipped() -> None:
    trained = load_segmenter("segformer_b0")
    assert trained.classes == SEGMENTATION_CLASSES
    assert trained.checksum == sha256_of(shipped_weights("segformer_b0"))
    with pytest.raises(CheckpointError, match="no weights are shipped for network 'segformer_b1'"):
        load_segmenter("segformer_b1")


def test_the_shipped_one_sees_road_sky_buildings_and_vehicles_of_a_rendered_drive() -> None:
    engine = Engine("edge", segmenter="segformer_b0", device="cpu")
    frames = [frame for _, frame in RenderedPairs(5, seed=2000).frames()]
    pixels = np.zeros((9, 10), np.int64)
    for frame in frames:
        mask = engine.segment(engine.fuse(frame.thermal, frame.rgb, 0))
        np.add.at(pixels, (frame.mask, mask), 1)
    both = pixels.diagonal()
    overlap = both / np.maximum(1, pixels.sum(1) + pixels[:, :9].sum(0) - both)
    iou = dict(zip(SEGMENTATION_CLASSES, overlap, strict=True))
    assert iou["road"] > 0.85
    assert min(iou["sky"], iou["building"], iou["vehicle"]) > 0.5, iou


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_a_public_checkpoint_of_other_classes_loads_but_for_its_classifier(
    tmp_path: Path, suffix: str
) -> None:
    file, net = published(tmp_path, 19), Segmenter("b0", K)
    stored = load_file(file)
    if suffix == "bin":
        file = tmp_path / "pytorch_model.bin"
        torch.save(stored, file)
    before = {name: net.model.state_dict()[name].clone() for name in HEAD}
    fit = load_public(net, file)
    assert fit.missing == fit.unexpected == ()
    assert fit.reshaped == HEAD
    assert len(fit.taken) == len(stored) - 2
    now = net.model.state_dict()
    for name in HEAD:
        assert torch.equal(now[name], before[name])
    # Names differ between file and network, so tensors are found again by what they hold.
    kept = {tensor.numpy().tobytes() for tensor in now.values()}
    for name, tensor in stored.items():
        assert (tensor.numpy().tobytes() in kept) == (name not in HEAD), name
    assert f"2 reshaped: {', '.join(HEAD)}" in str(fit)


def test_a_public_checkpoint_computes_here_what_it_does_in_the_library(tmp_path: Path) -> None:
    file, rgb = published(tmp_path, 9), torch.rand(1, 3, 64, 64)
    net = Segmenter("b0", K)
    fit = load_public(net, file)
    assert fit.missing == fit.unexpected == fit.reshaped == ()
    theirs = transformers.SegformerForSemanticSegmentation.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        expected = theirs(pixel_values=net.normalise(rgb)).logits
        torch.testing.assert_close(net.eval()(rgb), expected)


def test_a_public_classifier_gives_its_encoder_and_names_the_rest(tmp_path: Path) -> None:
    net = Segmenter("b0", K)
    fit = load_public(net, published(tmp_path, 1000, "SegformerForImageClassification"))
    assert set(fit.unexpected) == {"classifier.weight", "classifier.bias"}
    assert {name.split(".")[0] for name in fit.missing} == {"decode_head"}
    assert {name.split(".")[0] for name in fit.taken} == {"segformer"}
    assert set(HEAD) <= set(fit.missing)


def test_a_checkpoint_of_another_size_is_refused(tmp_path: Path) -> None:
    # Stages of B1 are twice as wide; no tensor of B0 has their shape but the head's own.
    torch.save({"segformer.stages.0.layer_norm.weight": torch.ones(64)}, tmp_path / "b1.bin")
    with pytest.raises(CheckpointError, match=r"b1\.bin: no tensor in it fits the network"):
        load_public(Segmenter("b0", K), tmp_path / "b1.bin")
