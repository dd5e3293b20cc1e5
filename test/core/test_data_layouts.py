# SPDX-License-Identifier: Apache-2.0
"""Each layout as its authors distribute it, built small, found by what lies there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import picture_files
import pytest
from picture_files import HEIGHT, WIDTH, rgb, thermal, voc, write, write_pair

from bifuse_core.__main__ import main
from bifuse_core.data.check import check
from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.datasets import LAYOUTS, list_dataset, open_dataset
from bifuse_core.data.faults import LabelError, PairError, PictureError
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


def mask(seed: int, classes: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, (HEIGHT, WIDTH)).astype(np.uint8)


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


def yolo_folder(folder: Path) -> None:
    for seed, name in enumerate(("a", "b", "c")):
        write_pair(folder / f"ir/{name}.png", folder / f"vi/{name}.png", seed)
    (folder / "labels").mkdir()
    (folder / "labels/a.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    (folder / "labels/b.txt").write_text("")
    (folder / "classes.txt").write_text("person\ncar\n")
    write(folder / "masks/c.png", mask(0, 3))
    (folder / "mask_classes.txt").write_text("road\nsky\ncar\n")


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


def test_a_folder_with_yolo_labels_and_masks(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    dataset = open_dataset(tmp_path)
    assert (dataset.classes, dataset.mask_classes) == (("person", "car"), ("road", "sky", "car"))
    a, b, c = (dataset[number] for number in range(3))
    np.testing.assert_allclose(a.boxes, [[12, 6, 20, 18]])
    assert (a.labels.tolist(), a.mask) == ([1], None)
    assert len(b.boxes) == 0
    assert c.boxes is None
    np.testing.assert_array_equal(c.mask, mask(0, 3))


def test_a_folder_with_voc_labels_names_its_own_classes(tmp_path: Path) -> None:
    write_pair(tmp_path / "ir/s/1.png", tmp_path / "vi/s/1.jpg")
    (tmp_path / "labels/s").mkdir(parents=True)
    (tmp_path / "labels/s/1.xml").write_text(voc(("dog", (1, 2, 5, 9)), ("cat", (1, 2, 5, 9))))
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert (dataset[0].name, dataset[0].labels.tolist()) == ("s/1", [1, 0])


def test_names_that_differ_in_spelling_are_one_class_named_as_first_met(tmp_path: Path) -> None:
    for number, name in enumerate(("dog", "Car", "car")):
        write_pair(tmp_path / f"ir/{number}.png", tmp_path / f"vi/{number}.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{number}.xml").write_text(voc((name, (1, 2, 5, 9))))
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("Car", "dog")
    assert [dataset[number].labels.tolist() for number in range(3)] == [[1], [0], [0]]


def test_broken_xml_is_reported_once(tmp_path: Path) -> None:
    write_pair(tmp_path / "ir/a.png", tmp_path / "vi/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.xml").write_text("<annotation><object>")
    (fault,) = check(list_dataset(tmp_path)).faults
    assert str(fault).startswith(f"{tmp_path}/labels/a.xml: not readable as XML")


def test_coco_pictures_without_a_pair_are_named(tmp_path: Path) -> None:
    for name in ("scene.day", "scene.night"):
        write_pair(tmp_path / f"ir/{name}.png", tmp_path / f"vi/{name}.png")
    names = ("scene.day.png", "scene.night.png", "lost/0001.png")
    content = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "categories": [{"id": 0, "name": "car"}],
        "annotations": [{"id": 0, "image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4]}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    dataset = list_dataset(tmp_path)
    (fault,) = dataset.faults
    assert isinstance(fault, LabelError)
    assert str(fault) == f"{tmp_path}/labels.json, lost/0001.png: belongs to no pair"
    assert [len(dataset[number].boxes) for number in range(2)] == [0, 1]


@pytest.mark.parametrize("place", ["labels/all.json", "weak_labels.json", "other.json"])
def test_a_folder_with_one_coco_file(place: str, tmp_path: Path) -> None:
    for name in ("s/0000", "s/0001"):
        write_pair(tmp_path / f"ir/{name}.png", tmp_path / f"vi/{name}.png")
    content = {
        "images": [{"id": 1, "file_name": "s/0001"}],
        "categories": [{"id": 0, "name": "car"}],
        "annotations": [{"id": 0, "image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4]}],
    }
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(json.dumps(content))
    labels = place if place == "other.json" else "labels"
    dataset = open_dataset(tmp_path, options=Options(labels=labels))
    assert dataset.classes == ("car",)
    assert dataset[0].boxes is None
    np.testing.assert_array_equal(dataset[1].boxes, [[1, 2, 4, 6]])


def test_frames_of_videos_are_samples(video: Callable[..., Path], tmp_path: Path) -> None:
    video("ir/drive.mp4", frames=5), video("vi/drive.mp4", frames=5)
    content = {
        "images": [{"id": 1, "file_name": "drive/0003", "width": 64, "height": 48}],
        "categories": [{"id": 0, "name": "car"}],
        "annotations": [],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path)
    for number in (4, 0, 3, 1, 2):
        sample = dataset[number]
        assert sample.name == f"drive/{number:06d}"
        assert np.median(sample.thermal) == pytest.approx(20 * (number + 1), abs=4)
        assert (sample.boxes is None) == (number != 3)


def test_rendered_scenes_are_a_data_set(tmp_path: Path) -> None:
    sizes = ["--width", "96", "--height", "80", "--count", "2"]
    assert main(["render", "--out", str(tmp_path), *sizes]) == 0
    dataset = open_dataset(tmp_path)
    assert (dataset.classes, dataset.mask_classes) == (DETECTION_CLASSES, SEGMENTATION_CLASSES)
    for number in range(2):
        sample = dataset[number]
        assert sample.thermal.dtype == np.uint16
        assert sample.boxes is not None
        assert sample.mask is not None


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


def test_a_name_listed_twice_is_reported_and_read_once(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "val.txt").write_text("b\na.png\nb.jpg\n")
    dataset = list_dataset(tmp_path, options=Options(split="val"))
    assert [entry.pair.name for entry in dataset.entries] == ["b", "a"]
    assert [str(fault) for fault in dataset.faults] == [
        f"{tmp_path}/val.txt: lists b 2 times; it is read once"
    ]


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "val.txt").write_bytes("Tür".encode("latin-1"))
    with pytest.raises(PairError, match=r"val\.txt: not readable: .* can't decode"):
        open_dataset(tmp_path, options=Options(split="val"))


def test_labels_without_names_of_classes_ask_for_them(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(PairError, match=r"write them to .*classes\.txt"):
        open_dataset(tmp_path)
    (tmp_path / "mask_classes.txt").unlink()
    names = Options(classes=("x", "y"))
    with pytest.raises(PairError, match=r"write them to .*mask_classes\.txt"):
        open_dataset(tmp_path, options=names)
    names = Options(classes=("x", "y"), mask_classes=("p", "q", "r"))
    assert open_dataset(tmp_path, options=names).classes == ("x", "y")


def test_orphans_are_all_listed_and_opening_names_the_first(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "ir/a.png").unlink()
    (tmp_path / "vi/b.png").unlink()
    picture_files.write(tmp_path / "ir/c.bmp", thermal())
    faults = [str(fault) for fault in list_dataset(tmp_path).faults]
    for start in ("vi/a.png: lacks its partner in ir/", "ir/b.png: lacks its partner in vi/"):
        assert f"{tmp_path}/{start}" in faults
    assert f"{tmp_path / 'ir'}: several files are named c" in faults
    assert f"{tmp_path}/labels/a.txt: belongs to no pair" in faults
    with pytest.raises((PictureError, LabelError), match=r"4 more \(`bifuse check` lists them\)"):
        open_dataset(tmp_path)


def test_tno_names_that_share_a_number_are_told_apart(tmp_path: Path) -> None:
    for seed, stem in enumerate(("lake1", "road1", "tree2")):
        write_pair(tmp_path / f"infrared/{stem}.png", tmp_path / f"visible/{stem}.png", seed)
    (tmp_path / "visible" / "road1.png").unlink()
    found = list_dataset(tmp_path, "tno")
    assert [entry.pair.name.split("/")[-1] for entry in found.entries] == ["lake1", "tree2"]
    assert [entry.pair.rgb.stem for entry in found.entries] == ["lake1", "tree2"]
    assert ["road1" in str(fault) for fault in found.faults] == [True]
