# SPDX-License-Identifier: Apache-2.0
"""SegFormer: its sizes, what it sees, its weights by name, and public checkpoints."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bifuse_core.data.classes import SEGMENTATION_CLASSES
from bifuse_core.nets.checkpoint import CheckpointError, save_weights
from bifuse_core.nets.segmentation.public import load_public
from bifuse_core.nets.segmentation.segformer import SIZES, Segmenter
from bifuse_core.nets.segmentation.segmenting import segment
from bifuse_core.nets.zoo import SEGMENTERS, create_segmenter, load_segmenter

HEAD = ("decode_head.classifier.weight", "decode_head.classifier.bias")


@pytest.fixture(scope="module")
def b0() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter("b0").eval().requires_grad_(False)


def published(folder: Path, labels: int, kind: str = "SegformerForSemanticSegmentation") -> Path:
    """Return a checkpoint of size B0 with random weights, written by the library itself."""
    import transformers

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
def test_a_segmenter_has_logits_for_the_vocabulary_at_a_quarter(network: str) -> None:
    with torch.device("meta"):
        net = create_segmenter(network)
        logits = net(torch.rand(2, 3, 96, 64))
    assert net.classes == len(SEGMENTATION_CLASSES)
    assert net.multiple == 32
    assert logits.shape == (2, len(SEGMENTATION_CLASSES), 24, 16)


def test_the_logits_are_those_of_the_library_for_a_normalised_picture(b0: Segmenter) -> None:
    rgb = torch.rand(2, 3, 64, 96)
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    planes = [(rgb[:, n] - mean[n]) / deviation[n] for n in range(3)]
    expected = b0.model(pixel_values=torch.stack(planes, 1)).logits
    torch.testing.assert_close(b0(rgb), expected)


def test_the_mean_of_imagenet_is_zero_inside(b0: Segmenter) -> None:
    rgb = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    torch.testing.assert_close(b0(rgb), b0.model(pixel_values=torch.zeros(1, 3, 64, 64)).logits)


def test_its_weights_say_nothing_of_the_normalisation(b0: Segmenter) -> None:
    assert all(name.startswith("model.") for name in b0.state_dict())


def test_it_segments_a_picture_of_an_odd_size(b0: Segmenter) -> None:
    mask = segment(b0, torch.rand(1, 3, 45, 61), size=(64, 96))
    assert mask.shape == (1, 45, 61)
    assert mask.max() < len(SEGMENTATION_CLASSES)


def test_it_is_built_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError(f"connects to {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with torch.device("meta"):
        Segmenter("b0")


def test_the_library_is_not_loaded_before_a_segmenter_is_built() -> None:
    script = "import sys, bifuse_core.nets.zoo; print('transformers' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


def test_without_the_library_it_says_how_to_get_the_pinned_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    core = Path(__file__).resolve().parents[2] / "requirements" / "core.txt"
    lines = [line for line in core.read_text().splitlines() if line.startswith("transformers==")]
    pins = [line.split(";")[0].removeprefix("transformers==") for line in lines]
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError) as caught:
        Segmenter("b0")
    newest, older = pins
    assert f"pip install transformers=={newest} (Python 3.10: {older})" in str(caught.value)


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(ValueError, match=r"no segmenter 'fcn'; choose from segformer_b0, .*_b5"):
        create_segmenter("fcn")
    with pytest.raises(ValueError, match=r"size 'b6'; choose from b0, b1, b2, b3, b4, b5"):
        Segmenter("b6")
    assert [f"segformer_{size}" for size in SIZES] == list(SEGMENTERS)


def test_saved_weights_come_back_by_name(tmp_path: Path, b0: Segmenter) -> None:
    file, steps = tmp_path / "own.safetensors", b0.model.decode_head.batch_norm.num_batches_tracked
    # More than half precision can hold.
    steps.fill_(100_001)
    checksum = save_weights(file, "segformer_b0", b0, {})
    net, loaded = load_segmenter("segformer_b0", file)
    assert loaded == checksum
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    for name, tensor in b0.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], tensor, rtol=2**-11, atol=2**-24)
    assert net.model.decode_head.batch_norm.num_batches_tracked == 100_001
    with pytest.raises(CheckpointError, match="'segformer_b0', not 'segformer_b1'"):
        load_segmenter("segformer_b1", file)


def test_without_a_file_it_says_that_none_is_shipped() -> None:
    with pytest.raises(CheckpointError, match="no weights are shipped for network 'segformer_b0'"):
        load_segmenter("segformer_b0")


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_a_public_checkpoint_of_other_classes_loads_but_for_its_classifier(
    tmp_path: Path, suffix: str
) -> None:
    file, net = published(tmp_path, 19), Segmenter("b0")
    stored = load_file(file)
    if suffix == "bin":
        file = tmp_path / "pytorch_model.bin"
        torch.save(stored, file)
    before = {name: net.model.state_dict()[name].clone() for name in HEAD}
    report = load_public(net, file)
    assert report.missing == report.unexpected == ()
    assert report.differing == {HEAD[0]: ((19, 256, 1, 1), (9, 256, 1, 1)), HEAD[1]: ((19,), (9,))}
    assert len(report.loaded) == len(stored) - 2
    now = net.model.state_dict()
    for name in HEAD:
        assert torch.equal(now[name], before[name])
    # Names differ between file and network, so tensors are found again by what they hold.
    kept = {tensor.numpy().tobytes() for tensor in now.values()}
    for name, tensor in stored.items():
        assert (tensor.numpy().tobytes() in kept) == (name not in HEAD), name
    assert str(report) == (
        f"{file}: {len(stored) - 2} tensors loaded; 2 of another shape "
        f"({HEAD[0]} (19, 256, 1, 1) for (9, 256, 1, 1), {HEAD[1]} (19,) for (9,))"
    )


def test_a_public_checkpoint_computes_here_what_it_does_in_the_library(tmp_path: Path) -> None:
    import transformers

    file, rgb = published(tmp_path, 9), torch.rand(1, 3, 64, 64)
    net = Segmenter("b0")
    report = load_public(net, file)
    assert (report.missing, report.unexpected, report.differing) == ((), (), {})
    theirs = transformers.SegformerForSemanticSegmentation.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        expected = theirs(pixel_values=(rgb - net.mean) / net.deviation).logits
        torch.testing.assert_close(net.eval()(rgb), expected)


def test_a_public_classifier_gives_its_encoder_and_names_the_rest(tmp_path: Path) -> None:
    net = Segmenter("b0")
    report = load_public(net, published(tmp_path, 1000, "SegformerForImageClassification"))
    assert set(report.unexpected) == {"classifier.weight", "classifier.bias"}
    assert {name.split(".")[0] for name in report.missing} == {"decode_head"}
    assert {name.split(".")[0] for name in report.loaded} == {"segformer"}
    assert set(HEAD) <= set(report.missing)
    assert "missing (decode_head." in str(report)
    assert ", ...)" in str(report)


def spoilt(file: Path, content: bytes | dict[str, Tensor]) -> Path:
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        save_file(content, file)
    return file


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.safetensors", b"no tensors", "damaged, or no checkpoint"),
        ("a.bin", b"no tensors", "damaged, or no checkpoint"),
        ("a.safetensors", {"conv.weight": torch.ones(3)}, "none of its 1 tensors fits"),
    ],
)
def test_a_file_that_is_no_such_checkpoint_is_refused(
    tmp_path: Path, b0: Segmenter, name: str, content: bytes | dict[str, Tensor], says: str
) -> None:
    file = spoilt(tmp_path / name, content)
    with pytest.raises(CheckpointError, match=f"{name}: {says}"):
        load_public(b0, file)


def test_a_missing_file_is_named(tmp_path: Path, b0: Segmenter) -> None:
    with pytest.raises(CheckpointError, match=r"a\.bin: no such weights file"):
        load_public(b0, tmp_path / "a.bin")
