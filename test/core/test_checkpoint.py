# SPDX-License-Identifier: Apache-2.0
"""Weights on disk: what is saved comes back, and whatever is wrong with a file is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from bifuse_core.nets.checkpoint import CheckpointError, card_of, load_weights, save_weights
from bifuse_core.nets.edge import EdgeFusion
from bifuse_core.nets.zoo import (
    FUSION_NETWORKS,
    SHIPPED,
    create_fusion,
    load_fusion,
    shipped_weights,
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "some.safetensors"
    save_weights(file, "edge", EdgeFusion(), {"task": "fusion", "command": "bifuse x"})
    return file


@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_what_is_saved_comes_back_in_half_precision(tmp_path: Path, network: str) -> None:
    file, net = tmp_path / "some.safetensors", create_fusion(network)
    checksum = save_weights(file, network, net, {})
    loaded, loaded_checksum = load_fusion(network, file)
    assert checksum == loaded_checksum == hashlib.sha256(file.read_bytes()).hexdigest()
    for name, tensor in net.state_dict().items():
        # Eleven significant bits; the smallest steps are 2^-24.
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=2**-11, atol=2**-24)
        assert loaded.state_dict()[name].dtype == torch.float32


def test_a_loaded_network_is_for_inference(saved: Path) -> None:
    net, _ = load_fusion("edge", saved)
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())


def test_the_card_names_network_checksum_and_what_was_given(saved: Path) -> None:
    assert yaml.safe_load(card_of(saved).read_text()) == {
        "network": "edge",
        "sha256": hashlib.sha256(saved.read_bytes()).hexdigest(),
        "task": "fusion",
        "command": "bifuse x",
    }
    assert sorted(f.name for f in saved.parent.iterdir()) == ["some.safetensors", "some.yaml"]


def test_weights_without_a_card_are_accepted(saved: Path) -> None:
    card_of(saved).unlink()
    assert load_weights(saved, "edge", EdgeFusion())


def missing(file: Path) -> list[str]:
    file.unlink()
    return ["no such weights file"]


def tampered(file: Path) -> list[str]:
    expected = hashlib.sha256(file.read_bytes()).hexdigest()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    return [expected, hashlib.sha256(content).hexdigest()]


def truncated(file: Path) -> list[str]:
    card_of(file).unlink()
    file.write_bytes(file.read_bytes()[:-100])
    return ["damaged"]


def empty(file: Path) -> list[str]:
    card_of(file).unlink()
    file.write_bytes(b"")
    return ["damaged"]


def some_picture(file: Path) -> list[str]:
    card_of(file).unlink()
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    return ["not a safetensors file"]


def of_another_network(file: Path) -> list[str]:
    save_weights(file, "bdl", create_fusion("bdl"), {})
    return ["'bdl'", "'edge'"]


def of_no_network(file: Path) -> list[str]:
    card_of(file).unlink()
    save_file(load_file(file), file)
    return ["'unnamed'", "'edge'"]


def with_another_shape(file: Path) -> list[str]:
    card_of(file).unlink()
    tensors = load_file(file)
    tensors["quarter.1.0.weight"] = tensors["quarter.1.0.weight"][..., :1].contiguous()
    save_file(tensors, file, metadata={"network": "edge"})
    return ["quarter.1.0.weight"]


def without_a_tensor(file: Path) -> list[str]:
    card_of(file).unlink()
    tensors = load_file(file)
    del tensors["up_quarter.1.bias"]
    save_file(tensors, file, metadata={"network": "edge"})
    return ["up_quarter.1.bias"]


def with_one_tensor_more(file: Path) -> list[str]:
    card_of(file).unlink()
    save_file({**load_file(file), "extra": torch.zeros(1)}, file, metadata={"network": "edge"})
    return ["extra"]


@pytest.mark.parametrize(
    "spoil",
    [
        missing,
        tampered,
        truncated,
        empty,
        some_picture,
        of_another_network,
        of_no_network,
        with_another_shape,
        without_a_tensor,
        with_one_tensor_more,
    ],
)
def test_unusable_weights_are_refused_and_leave_the_network_as_it_was(
    saved: Path, spoil: Callable[[Path], list[str]]
) -> None:
    facts = spoil(saved)
    net = EdgeFusion()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights(saved, "edge", net)
    for fact in (str(saved), *facts):
        assert fact in str(caught.value)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("text", ["", "network: edge\n", "{[", "just words", "- 1\n"])
def test_a_card_without_a_checksum_is_refused_by_its_name(saved: Path, text: str) -> None:
    card_of(saved).write_text(text)
    with pytest.raises(CheckpointError) as caught:
        load_weights(saved, "edge", EdgeFusion())
    assert str(card_of(saved)) in str(caught.value)


def test_weights_are_shipped_for_the_networks_that_are_said_to_have_them() -> None:
    files = shipped_weights("edge").parent.glob("*.safetensors")
    assert {file.stem for file in files} & FUSION_NETWORKS.keys() == set(SHIPPED)


@pytest.mark.parametrize("network", sorted(FUSION_NETWORKS.keys() - set(SHIPPED)))
def test_a_network_without_shipped_weights_says_how_to_give_some(network: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_fusion(network)
    for fact in (
        f"no weights are shipped for network '{network}'",
        f"bifuse train CONFIG --set network={network}",
        "--weights FILE",
        f"{network}=FILE",
    ):
        assert fact in str(caught.value)


@pytest.mark.parametrize("network", SHIPPED)
def test_shipped_weights_load_and_match_their_card(network: str) -> None:
    file = shipped_weights(network)
    net, checksum = load_fusion(network)
    card = yaml.safe_load(card_of(file).read_text())
    assert (card["network"], card["sha256"]) == (network, checksum)
    assert all(torch.isfinite(p).all() for p in net.parameters())


def test_a_card_that_cannot_be_written_leaves_the_old_weights_and_card(saved: Path) -> None:
    before = saved.read_bytes(), card_of(saved).read_text()
    with pytest.raises(yaml.YAMLError):
        save_weights(saved, "edge", EdgeFusion(), {"task": object()})
    assert (saved.read_bytes(), card_of(saved).read_text()) == before
    assert load_weights(saved, "edge", EdgeFusion())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    net = create_fusion("edge")
    with torch.no_grad():
        net.up_quarter[1].weight.fill_(float("nan"))
    save_weights(tmp_path / "spoilt.safetensors", "edge", net, {})
    with pytest.raises(CheckpointError, match="spoilt.safetensors: .* not finite in up_quarter"):
        load_weights(tmp_path / "spoilt.safetensors", "edge", create_fusion("edge"))


@pytest.mark.parametrize(("value", "said"), [(7e4, "70000"), (-1e30, "-1e\\+30")])
def test_values_beyond_half_precision_are_refused_and_leave_the_old_weights(
    saved: Path, value: float, said: str
) -> None:
    before, net = saved.read_bytes(), EdgeFusion()
    name, tensor = next(iter(net.state_dict().items()))
    tensor.view(-1)[1] = value
    with pytest.raises(CheckpointError, match=f"{name} holds {said}.*at most 65504"):
        save_weights(saved, "edge", net, {})
    assert saved.read_bytes() == before
    assert sorted(f.name for f in saved.parent.iterdir()) == ["some.safetensors", "some.yaml"]


def test_the_largest_value_of_half_precision_is_kept(tmp_path: Path) -> None:
    file, net = tmp_path / "some.safetensors", EdgeFusion()
    name, tensor = next(iter(net.state_dict().items()))
    tensor.view(-1)[1] = 65504.0
    save_weights(file, "edge", net, {})
    assert load_file(file)[name].view(-1)[1] == 65504.0


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    huge = tmp_path / "huge.safetensors"
    with huge.open("wb") as file:
        file.truncate(10**13)
    with pytest.raises(CheckpointError, match="huge.safetensors: has 10000000000000 bytes"):
        load_weights(huge, "edge", create_fusion("edge"))
