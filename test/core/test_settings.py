# SPDX-License-Identifier: Apache-2.0
"""A configuration is read as it is written, or refused with what is wrong in it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from bifuse_core.bilevel.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]

PLAIN: dict[str, Any] = {
    "network": "edge",
    "data": {"sources": [{"path": "a"}, {"path": "b", "share": 0.5}]},
    "steps": 10,
}


def written(folder: Path, **changes: Any) -> Path:
    content = copy.deepcopy(PLAIN)
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = content
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.mark.parametrize("file", sorted((ROOT / "config/training").glob("*.yaml")), ids=str)
def test_the_configurations_of_the_package_are_sound(file: Path) -> None:
    assert load_settings(file).network in ("edge", "bdl")


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        content={"name": "goal", "options": {"edges_margin": [0.1, 0.2], "heat": 3}},
        weighting={"name": "manual", "options": {"weights": [0.5]}},
        hypergradient={"name": "conjugate_gradient", "options": {"steps": 3}},
        data__crop=64,
        task_optimiser={"name": "sgd", "momentum": 0.5},
        seed=9,
    )
    settings = load_settings(file)
    assert [str(source.path) for source in settings.data.sources] == ["a", "b"]
    assert [source.share for source in settings.data.sources] == [1.0, 0.5]
    assert settings.content.options == {"edges_margin": [0.1, 0.2], "heat": 3}
    assert settings.hypergradient.options == {"steps": 3}
    assert (settings.data.crop, settings.seed, settings.task_optimiser.momentum) == (64, 9, 0.5)
    assert (settings.warm_start, settings.steps, settings.strategy) == (0, 10, "bilevel")


def test_changes_replace_values_of_the_file_at_any_depth(tmp_path: Path) -> None:
    changes = {"data.crop": 96, "seed": 4, "content.name": "goal", "content.options.heat": 2.5}
    settings = load_settings(written(tmp_path, data__crop=64), changes)
    assert (settings.data.crop, settings.seed) == (96, 4)
    assert settings.content.name == "goal"
    assert settings.content.options == {"heat": 2.5}
    with pytest.raises(ValueError, match=r"seed\.x: 'seed' holds a value, no keys"):
        load_settings(written(tmp_path, seed=1), {"seed.x": 1})
    with pytest.raises(ValueError, match=r"run\.yaml: data\.crop: .* 48 .*\(it is 3\)"):
        load_settings(written(tmp_path), {"data.crop": 3})


@pytest.mark.parametrize(
    ("key", "near", "choice"),
    [
        ("stepps", "steps", "warm_start"),
        ("data__bacth", "batch", "validation_every"),
        ("fusion_optimiser__learning_rat", "learning_rate", "schedule"),
        ("content__option", "options", "name"),
        ("log__save_evry", "save_every", "losses_every"),
    ],
)
def test_an_unknown_key_is_answered_with_the_near_one_and_the_choices(
    key: str, near: str, choice: str, tmp_path: Path
) -> None:
    required = {"content__name": "vsm"} if key.startswith("content") else {}
    with pytest.raises(ValueError) as caught:
        load_settings(written(tmp_path, **{**required, key: 1}))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'run.yaml'}: {key.replace('__', '.')}: no such key")
    assert f"did you mean '{near}'?" in message
    assert choice in message.partition("The keys there are: ")[2]


def test_an_unknown_key_of_a_source_names_its_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.sources\.1\.pth: .*'path'.*share, layout"):
        load_settings(written(tmp_path, data__sources=[{"path": "a"}, {"path": "b", "pth": "c"}]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "egde"}, "network is 'egde'; choose from edge, bdl"),
        ({"steps": 0}, "warm_start and steps are both 0"),
        ({"steps": 0, "warm_start": 5, "strategy": "joint"}, "steps is 0, so that strategy is not"),
        ({"steps": -1}, r"steps: .*greater than or equal to 0 \(it is -1\)"),
        ({"steps": "many"}, r"steps: .*integer.*\(it is 'many'\)"),
        ({"average": 1.0}, r"average: .*less than 1 \(it is 1.0\)"),
        ({"precision": "float16"}, r"precision: .*'float32' or 'bfloat16' \(it is 'float16'\)"),
        ({"strategy": "bilevle"}, r"strategy: .*'bilevel', 'joint' or 'alternating'"),
        ({"data__sources": []}, "data.sources: .*at least 1 item"),
        ({"data__crop": 47}, r"data.crop: .*greater than or equal to 48 \(it is 47\)"),
        ({"data__vary": 1.5}, r"data.vary: .*\(it is 1.5\)"),
        ({"data__validation_every": 1}, "data: validation_every is 1, which leaves the lower"),
        ({"data__scale": [2.0, 1.0]}, r"data: scale is \(2.0, 1.0\); the first must not be above"),
        ({"data__sources": [{"path": "a", "share": 0}]}, r"data.sources.0.share: .*\(it is 0\)"),
        ({"data__sources": [{"share": 1}]}, "data.sources.0.path: Field required"),
        ({"fusion_optimiser": {"learning_rate": float("inf")}}, "learning_rate: .*finite"),
        ({"fusion_optimiser": {"momentum": 0.5}}, "fusion_optimiser: adamw has no momentum"),
        ({"strategy": "joint", "hypergradient": {"name": "direct"}}, "joint does not read hyper"),
        ({"strategy": "joint", "lower_steps": 2}, "strategy joint does not read lower_steps"),
        ({"alternating": {"growth": 2}}, "strategy bilevel does not read alternating"),
        ({"strategy": "alternating", "weighting": {"name": "rlw"}}, "does not read weighting"),
        ({"content": {"name": "vsn"}}, "content: no content 'vsn'; choose from vsm, paper_eq7"),
        ({"content": {"name": "goal", "options": {"hot": 1}}}, "no option 'hot'; .*heat_share"),
        ({"content": {"name": "vsm", "options": {"hot": 1}}}, "no option 'hot'; .*none"),
        (
            {"content": {"name": "goal", "options": {"edges_margin": [0.1] * 3}}},
            "content.options.edges_margin has 3 values for 2 sources",
        ),
        (
            {"content": {"name": "goal", "options": {"edges": [1.0, 2.0]}}},
            r"content.options.edges is \[1.0, 2.0\]; it takes float",
        ),
        (
            {"content": {"name": "choice", "options": {"heat": "high"}}},
            "content.options.heat is 'high'; it takes float",
        ),
        ({"hypergradient": {"name": "exact"}}, "hypergradient: no hypergradient 'exact'; choose"),
        ({"hypergradient": {"name": "direct", "options": {"x": 1}}}, "direct has no option 'x'"),
        (
            {"hypergradient": {"name": "gauss_newton", "options": {"limit": -1}}},
            "hypergradient: limit must be at least 0",
        ),
        (
            {"hypergradient": {"name": "gauss_newton", "options": {"limit": "one"}}},
            "hypergradient: .*'str'",
        ),
        ({"weighting": {"name": "rwl"}}, "weighting: no weighting 'rwl'; choose from rlw, equal"),
        ({"weighting": {"name": "dwa", "options": {"T": 2}}}, "dwa has no option 'T'; .*window"),
        ({"weighting": {"name": "dwa", "options": {"window": 0}}}, "weighting: .*window=0"),
        ({"weighting": {"name": "dwa", "options": {"window": "long"}}}, "weighting: .*'str'"),
        ({"weighting": {"name": "manual"}}, "weighting: manual needs the option 'weights'"),
        ({"weighting": {"name": "manual", "options": {"weights": 2}}}, "weighting: "),
    ],
)
def test_what_cannot_be_is_refused_with_key_value_and_limit(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load_settings(written(tmp_path, **changes))
    assert str(caught.value).startswith(f"{tmp_path / 'run.yaml'}: ")
    assert "\n" not in str(caught.value)


def test_aggregators_of_torchjd_are_checked_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("torchjd")
    load_settings(written(tmp_path, weighting={"name": "torchjd.Mean"}))
    with pytest.raises(ValueError, match="weighting: no TorchJD aggregator 'Maen'; choose from"):
        load_settings(written(tmp_path, weighting={"name": "torchjd.Maen"}))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.crop: .*; average: .*; sped: no such key"):
        load_settings(written(tmp_path, data__crop=1, average=2, sped=1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "run.yaml: not a YAML file"),
        ("- 1\n- 2\n", "run.yaml: expected keys and values"),
        ("", "run.yaml: expected keys and values"),
        ("network: edge\n", "run.yaml: data: Field required"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load_settings(tmp_path / "run.yaml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: cannot be read \(No such file"):
        load_settings(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00x: 1")
    with pytest.raises(ValueError, match=r"binary\.yaml: not a YAML file"):
        load_settings(tmp_path / "binary.yaml")


def test_numbers_that_yaml_takes_for_texts_are_numbers(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        "network: edge\ndata: {sources: [{path: a}]}\nsteps: 1\n"
        "hypergradient: {name: conjugate_gradient, options: {tolerance: 1e-6}}\n"
    )
    assert load_settings(file).hypergradient.options == {"tolerance": 1e-6}
