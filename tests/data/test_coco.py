"""Photographs with COCO's annotations: whole, and cut out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arrow_helpers import refused
from PIL import Image

from radiotracer.data import open_data
from radiotracer.data.sources import takes_image_size

PHOTOS = np.random.default_rng(1).integers(0, 256, (4, 12, 10, 3), dtype=np.uint8)


def annotated(image: int, category: int, box: Any, id: int, **more: Any) -> dict[str, Any]:
    return {"id": id, "image_id": image, "category_id": category, "bbox": box, **more}


WHOLE: dict[str, Any] = {
    "images": [{"id": 10 + row, "file_name": f"{row}.png"} for row in range(4)],
    "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
    "annotations": [
        annotated(10, 7, [1, 2, 4, 5], 100),
        annotated(10, 7, [0, 0, 4, 5], 101),
        annotated(11, 3, [2, 2, 4, 5], 102, iscrowd=0),
        annotated(12, 3, [1, 1, 2, 2], 103),
        annotated(12, 7, [1, 1, 4, 5], 104, iscrowd=1),
    ],
}


def write(
    home: Path, whole: Any = None, *, name: str = "annotations.json", at: str = "images"
) -> Path:
    (home / at).mkdir(parents=True, exist_ok=True)
    for row, each in enumerate(PHOTOS):
        Image.fromarray(each).save(home / at / f"{row}.png")
    (home / name).write_text(json.dumps(WHOLE if whole is None else whole))
    return home


@pytest.mark.parametrize(("name", "at"), [("annotations.json", "images"), ("instances.json", ".")])
def test_one_example_per_image(name: str, at: str, tmp_path: Path) -> None:
    home = write(tmp_path / "photos", name=name, at=at)
    found = open_data(str(home / name))
    np.testing.assert_array_equal(found.content, PHOTOS[:2])
    assert found.ids.tolist() == ["0.png", "1.png"]
    assert found.class_names == ("cat", "dog") and found.labels.tolist() == [1, 0]
    assert [(each.path, each.reason) for each in found.left_out] == [
        ("2.png", "2 categories: cat, dog"),
        ("3.png", "no annotation"),
    ]
    assert open_data(found.source).digest == found.digest


def test_one_example_per_box(tmp_path: Path) -> None:
    whole = copy.deepcopy(WHOLE)
    whole["annotations"] += [
        annotated(13, 3, [0, 0, 0, 5], 105),
        annotated(13, 3, None, 106),
        annotated(13, 3, [], 107),
        annotated(13, 3, [50, 50, 4, 5], 108),
        annotated(13, 7, [6.5, 7.2, 3.5, 4.8], 109),
        annotated(13, 7, [-2, -3, 6, 8], 110),
    ]
    home = write(tmp_path / "photos", whole)
    for spec in (f"{home}:boxes", f"{home / 'annotations.json'}:boxes"):
        found = open_data(spec, image_size=5)
        assert found.ids.tolist() == [
            *("0.png/100", "0.png/101", "1.png/102", "2.png/103", "3.png/109", "3.png/110")
        ]
        assert found.labels.tolist() == [1, 1, 0, 0, 1, 1] and found.source == spec
    np.testing.assert_array_equal(found.content[5], np.array(cut(3, 0, 0, 4, 5)))
    np.testing.assert_array_equal(found.content[4], np.array(cut(3, 6, 7, 10, 12)))
    reasons = {each.path: each.reason for each in found.left_out}
    assert reasons == {
        "2.png/104": "a crowd, not one thing",
        **dict.fromkeys(
            ("3.png/105", "3.png/106", "3.png/107"), "no bounding box, or an empty one"
        ),
        "3.png/108": "its box lies outside of the image",
    }
    assert "several" not in refused(spec) and "pass image_size=N" in refused(spec)
    assert takes_image_size(spec)


def cut(row: int, *box: int) -> Image.Image:
    return Image.fromarray(PHOTOS[row]).crop(box).resize((5, 5), Image.Resampling.LANCZOS)


def test_a_folder_of_classes_stays_one(tmp_path: Path) -> None:
    home = write(tmp_path / "tree", at="cat")
    assert open_data(str(home)).class_names == ("cat",)
    assert "annotated boxes in" in refused(f"{home}:boxes")
    assert "a train split" in refused(f"{write(tmp_path / 'photos')}:train")


def test_names_that_lead_elsewhere(tmp_path: Path) -> None:
    home = write(tmp_path / "photos")
    Image.fromarray(PHOTOS[0]).save(tmp_path / "secret.png")
    (home / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    (home / "images" / "out").symlink_to(tmp_path)
    names = ["../../secret.png", str(tmp_path / "secret.png"), "link.png", "out/secret.png"]
    names += ["a\\..\\secret.png", "gone.png", "x" * 5000, "images", "0.png"]
    whole = {
        "images": [{"id": row, "file_name": name} for row, name in enumerate(names)],
        "categories": [{"id": 0, "name": "a"}],
        "annotations": [annotated(row, 0, [0, 0, 3, 3], row) for row in range(len(names))],
    }
    write(home, whole)
    for spec in (str(home), f"{home}:boxes"):
        found = open_data(spec)
        assert len(found) == 1 and len(found.left_out) == len(names) - 1
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "images").symlink_to(home / "images")
    (tmp_path / "other" / "annotations.json").write_text(json.dumps(whole))
    assert "a symbolic link" in refused(tmp_path / "other" / "annotations.json")


def changed(key: str, row: int, **fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: whole[key][row].update(fields)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda whole: whole.pop("images"), "no list of images"),
        (changed("images", 0, id="10"), "whose id is no integer"),
        (changed("images", 0, id=True), "whose id is no integer"),
        (changed("images", 0, id=11), "twice in its images"),
        (changed("images", 0, file_name="1.png"), "twice in its images"),
        (changed("categories", 0, name="cat"), "twice in its categories"),
        (changed("categories", 0, name=""), "whose name is no text"),
        (changed("annotations", 0, id=101), "an id twice in its annotations"),
        (changed("annotations", 0, image_id=99), "that is not listed"),
        (changed("annotations", 0, category_id=99), "that is not listed"),
        (changed("annotations", 0, bbox=[1, 2, 3]), "a bbox that is not"),
        (changed("annotations", 0, bbox=[1, 2, 3, "4"]), "a bbox that is not"),
        (changed("annotations", 0, bbox=[1, 2, 3, float("nan")]), "a bbox that is not"),
        (changed("annotations", 0, bbox=[1, 2, float("inf"), 4]), "a bbox that is not"),
        (changed("annotations", 0, bbox=[10**300, 2, 3, 4]), "a bbox that is not"),
        (changed("annotations", 0, iscrowd=2), "an iscrowd"),
        (lambda whole: whole["annotations"].append(3), "a record whose id"),
    ],
)
def test_annotations_that_are_none(change: Any, says: str, tmp_path: Path) -> None:
    whole = copy.deepcopy(WHOLE)
    change(whole)
    said = refused(write(tmp_path / "photos", whole))
    assert says in said and "the images, annotations and categories of COCO in" in said


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "3" * 5000, '"\\ud800"', "\xff"])
def test_json_that_is_none(text: str, tmp_path: Path) -> None:
    home = write(tmp_path / "photos")
    (home / "annotations.json").write_text(text, encoding="latin-1")
    assert "of COCO in" in refused(home)


@pytest.mark.parametrize("as_stored", [False, True])
def test_boxes_of_photographs_that_exif_turns(as_stored: bool, tmp_path: Path) -> None:
    """Upright, a red square lies in the upper left corner of 100 x 200 blue pixels."""
    upright = Image.new("RGB", (100, 200), (0, 0, 200))
    upright.paste((220, 0, 0), (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    for name in ("0.jpg", "1.jpg"):
        stored.save(tmp_path / "images" / name, exif=exif, quality=95)
    size = {"width": 200, "height": 100} if as_stored else {"width": 100, "height": 200}
    whole = {
        "images": [
            {"id": 0, "file_name": "0.jpg", **size},
            {"id": 1, "file_name": "1.jpg", "width": 640, "height": 480},
        ],
        "categories": [{"id": 0, "name": "red"}],
        "annotations": [
            annotated(0, 0, [4, 68, 28, 28] if as_stored else [4, 4, 28, 28], 0),
            annotated(1, 0, [4, 4, 28, 28], 1),
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(whole))
    found = open_data(f"{tmp_path}:boxes", image_size=32)
    assert found.ids.tolist() == ["0.jpg/0"]
    assert (np.abs(found.content[0].astype(int) - (220, 0, 0)) < 40).all()
    assert [(each.path, each.reason) for each in found.left_out] == [
        (
            "1.jpg/1",
            "annotated as 640x480 pixels, it has 100x200, or 200x100 as it is stored",
        )
    ]


def test_a_photograph_with_many_boxes_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = copy.deepcopy(WHOLE)
    whole["annotations"] = [
        annotated(10 + number % 4, 7, [number % 5, number % 7, 3, 3], number)
        for number in range(400)
    ]
    home = write(tmp_path / "photos", whole)
    opened: list[str] = []
    real = Image.open

    def counted(file: Any, *more: Any, **how: Any) -> Image.Image:
        opened.append(str(file))
        return real(file, *more, **how)

    monkeypatch.setattr(Image, "open", counted)
    found = open_data(f"{home}:boxes", image_size=5)
    assert len(found) == 400 and len(set(opened)) == len(opened) == 4
    for row in (0, 150, 399):
        photo, number = found.ids[row].split(".png/")
        left, top = int(number) % 5, int(number) % 7
        expected = np.array(cut(int(photo), left, top, left + 3, top + 3))
        np.testing.assert_array_equal(found.content[row], expected)
