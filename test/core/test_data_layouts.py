# SPDX-License-Identifier: Apache-2.0
"""Each layout as its authors distribute it, built small, found by what lies there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from picture_files import mask, rgb, thermal, voc, write, write_pair, yolo_folder

from bifuse_core.data.datasets import LAYOUTS, list_dataset, open_dataset
from bifuse_core.data.faults import PairError, PictureError
from bifuse_core.data.layouts import m3fd, mfnet, multispectral
from bifuse_core.data.layouts.layout import Options

Tree = Callable[[Path], None]


def roadscene(folder: Path) -> None:
    for seed, name in enumerate(("FLIR_00006", "FLIR_video_00018")):
        write_pair(
            folder / f"cropinfrared/{name}.png", folder / f"crop_LR_visible/{name}.png", seed
        )
        write(folder / f"crop_HR_visible/{name}.png", np.zeros((48, 64, 3), np.uint8))


def m3fd_detection(folder: Path) -> None:
    for seed, name in enumerate(("00000", "00001", "00002")):
        write_pair(folder / f"Ir/{name}.png", folder / f"Vis/{name}.png", seed)
    annotations = folder / "Annotation"
    annotations.mkdir()
    (annotations / "00000.xml").write_text(voc(("People", (1, 2, 5, 9)), ("Lamp", (3, 3, 9, 9))))
    (annotations / "00001.xml").write_text(voc())
    (folder / "meta").mkdir()
    (folder / "meta" / "val.txt").write_text("00001.png\n00000.png\n")


def mfnet_original(folder: Path) -> None:
    for seed, name in enumerate(("00001D", "00003N")):
        write(folder / f"images/{name}.png", np.dstack([rgb(seed), thermal(seed)]))
        write(folder / f"labels/{name}.png", mask(seed, 9))
    (folder / "test_night.txt").write_text("00003N\n")


def mfnet_apart(folder: Path) -> None:
    for seed, name in enumerate(("00001D", "00003N")):
        write_pair(folder / f"thermal/{name}.png", folder / f"rgb/{name}.png", seed)
        write(folder / f"labels/{name}.png", mask(seed, 9))
    (folder / "test_night.txt").write_text("00003N\n")


def multispectral_converted(folder: Path) -> None:
    for seed, name in enumerate(("00001", "00002", "00003")):
        pictures = folder / "ConvertedImages"
        write_pair(pictures / f"fir/{name}.png", pictures / f"rgb/{name}.png", seed)
        write(pictures / f"nir/{name}.png", thermal(seed))
    annotations = folder / "Annotations_ConvertedSummarized"
    annotations.mkdir()
    boxes = voc(("color_cone", (1, 2, 5, 9)), ("car stop", (3, 3, 9, 9)), size=(640, 480))
    (annotations / "00002.xml").write_text(boxes)
    write(folder / "vis_ok/00002.png", rgb(1))


def multispectral_as_taken(folder: Path) -> None:
    write_pair(folder / "Images/fir/00001.png", folder / "Images/rgb/00001.png")
    (folder / "labels/fir").mkdir(parents=True)
    (folder / "labels/fir/00001.txt").write_text("4 0.5 0.5 0.5 0.5\n")


def tno_authors(folder: Path) -> None:
    athena, triclobs = folder / "Athena_images", folder / "Triclobs_images"
    write_pair(athena / "lake/IR_lake_g.bmp", athena / "lake/VIS_lake_r.bmp", 0)
    write_pair(athena / "bunker/IR_bunker_g.bmp", athena / "bunker/bunker_r.bmp", 1)
    apc = athena / "APC_2/view_1"
    write_pair(apc / "2_fk_ge_03_005.bmp", apc / "1_fk_ge_03_005.bmp", 2)
    write_pair(triclobs / "Kaptein_01/IR01.bmp", triclobs / "Kaptein_01/Vis01.bmp", 3)
    write(triclobs / "Kaptein_01/NIR01.bmp", thermal(9))
    write(triclobs / "House/NIR.bmp", thermal(9))
    camp = folder / "FEL_images/Nato_camp_sequence"
    for number in (1800, 1801):
        write_pair(
            camp / f"thermal/{number}i.bmp", camp / f"visual/{number}v.bmp", 4 + number % 1800
        )
    (folder / "README.txt").write_text("about")


def tno_flat(folder: Path) -> None:
    for number in (1, 2, 10):
        write_pair(folder / f"IR{number}.png", folder / f"VIS{number}.png", number)


def tno_two_folders(folder: Path) -> None:
    for number in (1, 2):
        write_pair(folder / f"infrared/{number}.png", folder / f"visible/{number}.png", number)


TREES: list[tuple[str, Tree, list[str]]] = [
    ("roadscene", roadscene, ["FLIR_00006", "FLIR_video_00018"]),
    ("m3fd", m3fd_detection, ["00000", "00001", "00002"]),
    ("mfnet", mfnet_original, ["00001D", "00003N"]),
    ("mfnet", mfnet_apart, ["00001D", "00003N"]),
    ("multispectral", multispectral_converted, ["00001", "00002", "00003"]),
    ("multispectral", multispectral_as_taken, ["00001"]),
    (
        "tno",
        tno_authors,
        [
            "Athena_images/APC_2/view_1/2_fk_ge_03_005",
            "Athena_images/bunker/IR_bunker_g",
            "Athena_images/lake/IR_lake_g",
            "FEL_images/Nato_camp_sequence/1800i",
            "FEL_images/Nato_camp_sequence/1801i",
            "Triclobs_images/Kaptein_01/IR01",
        ],
    ),
    ("tno", tno_flat, ["IR1", "IR2", "IR10"]),
    ("tno", tno_two_folders, ["1", "2"]),
    ("folder", yolo_folder, ["a", "b", "c"]),
]
identities = [build.__name__ for _, build, _ in TREES]


@pytest.mark.parametrize(("layout", "build", "names"), TREES, ids=identities)
def test_a_layout_is_found_and_gives_its_pairs_in_register(
    layout: str, build: Tree, names: list[str], tmp_path: Path
) -> None:
    build(tmp_path)
    assert next(name for name, candidate in LAYOUTS.items() if candidate.fits(tmp_path)) == layout
    for dataset in (open_dataset(tmp_path), open_dataset(tmp_path, layout)):
        samples = [dataset[number] for number in range(len(dataset))]
        assert [sample.name for sample in samples] == names
        for sample in samples:
            # The pictures of one pair were written from one seed.
            seed = next(s for s in range(12) if np.array_equal(sample.thermal, thermal(s)))
            np.testing.assert_array_equal(sample.rgb, rgb(seed))


def test_m3fd_boxes_unknown_empty_and_its_lists(tmp_path: Path) -> None:
    m3fd_detection(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.classes == m3fd.CLASSES
    first, second, third = (dataset[number] for number in range(3))
    assert [dataset.classes[n] for n in first.labels] == ["People", "Lamp"]
    np.testing.assert_array_equal(first.boxes, [[1, 2, 5, 9], [3, 3, 9, 9]])
    assert len(second.boxes) == 0
    assert third.boxes is None
    listed = open_dataset(tmp_path, options=Options(split="val"))
    assert [listed[n].name for n in range(2)] == ["00001", "00000"]
    labelled = open_dataset(tmp_path, options=Options(labelled_only=True))
    assert [labelled[n].name for n in range(len(labelled))] == ["00000", "00001"]


@pytest.mark.parametrize("build", [mfnet_original, mfnet_apart])
def test_mfnet_masks_times_and_lists(build: Tree, tmp_path: Path) -> None:
    build(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.mask_classes == mfnet.MASK_CLASSES
    assert len(dataset.mask_classes) == 9
    for number, time in enumerate(("day", "night")):
        np.testing.assert_array_equal(dataset[number].mask, mask(number, 9))
        assert dataset[number].meta == {"time": time}
    night = open_dataset(tmp_path, options=Options(split="test_night"))
    assert [night[n].name for n in range(len(night))] == ["00003N"]


@pytest.mark.parametrize("build", [mfnet_original, mfnet_apart])
def test_the_masks_of_mfnet_are_read_however_their_folder_is_spelt(
    build: Tree, tmp_path: Path
) -> None:
    build(tmp_path)
    (tmp_path / "labels").rename(tmp_path / "Labels")
    np.testing.assert_array_equal(open_dataset(tmp_path)[1].mask, mask(1, 9))


def test_an_mfnet_picture_of_three_channels_is_refused(tmp_path: Path) -> None:
    mfnet_original(tmp_path)
    write(tmp_path / "images/00003N.png", rgb(0))
    dataset = open_dataset(tmp_path)
    with pytest.raises(PictureError, match=r"00003N\.png: has 3 channels of uint8"):
        dataset[1]


def test_multispectral_boxes_and_the_split_of_its_authors(tmp_path: Path) -> None:
    multispectral_converted(tmp_path)
    test, train = (open_dataset(tmp_path, options=Options(split=s)) for s in ("test", "train"))
    assert [train[n].name for n in range(len(train))] == ["00001", "00003"]
    assert len(test) == 1
    assert [multispectral.CLASSES[n] for n in test[0].labels] == ["color_cone", "car_stop"]
    assert test[0].meta == {"aligned": "yes"}
    assert train[0].boxes is None


def test_what_fits_no_layout_is_told_what_would(tmp_path: Path) -> None:
    (tmp_path / "stuff").mkdir()
    with pytest.raises(PairError) as caught:
        open_dataset(tmp_path)
    for name, layout in LAYOUTS.items():
        assert f"{name}: {layout.expects}" in str(caught.value)
    for name in LAYOUTS:
        with pytest.raises(PairError):
            open_dataset(tmp_path, name)
    with pytest.raises(PairError, match="choose from auto, bag, "):
        open_dataset(tmp_path, "coco")
    with pytest.raises(PairError, match="nowhere: no such file or folder"):
        open_dataset(tmp_path / "nowhere")


def test_an_unlisted_split_and_a_listed_stranger_are_named(tmp_path: Path) -> None:
    mfnet_original(tmp_path)
    with pytest.raises(PairError, match=r"no list of the split 'dusk'; expected .*dusk\.txt"):
        open_dataset(tmp_path, options=Options(split="dusk"))
    (tmp_path / "train.txt").write_text("00001D\n00001D_flip\n")
    with pytest.raises(PictureError, match=r"train\.txt: lists 00001D_flip"):
        open_dataset(tmp_path, options=Options(split="train"))


def test_tno_names_that_share_a_number_are_told_apart(tmp_path: Path) -> None:
    for seed, stem in enumerate(("lake1", "road1", "tree2")):
        write_pair(tmp_path / f"infrared/{stem}.png", tmp_path / f"visible/{stem}.png", seed)
    (tmp_path / "visible" / "road1.png").unlink()
    found = list_dataset(tmp_path, "tno")
    assert [entry.pair.name.split("/")[-1] for entry in found.entries] == ["lake1", "tree2"]
    assert [entry.pair.rgb.stem for entry in found.entries] == ["lake1", "tree2"]
    assert ["road1" in str(fault) for fault in found.faults] == [True]
