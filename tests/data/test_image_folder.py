from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from data_helpers import Draw
from PIL import Image

from radiotracer.data import open_data, save_examples
from radiotracer.errors import DataError


def test_classes_ids_and_labels(draw: Draw, tmp_path: Path) -> None:
    draw("dog/2.png", value=9)
    draw("cat/deep/er/1.PNG", value=200)
    draw("cat/0.bmp", value=5)
    draw("cat/.hidden.png")
    draw(".thumbnails/0.png")
    (tmp_path / "tree/README.txt").write_text("hello")
    found = open_data(str(tmp_path / "tree"))
    assert found.class_names == ("cat", "dog")
    assert found.ids.tolist() == ["cat/0.bmp", "cat/deep/er/1.PNG", "dog/2.png"]
    assert found.labels.tolist() == [0, 0, 1]
    assert found.content.shape == (3, 4, 6, 1)
    assert found.content[:, 0, 0, 0].tolist() == [5, 200, 9]
    assert found.left_out == () and found.validation is None
    assert open_data(found.source).digest == found.digest


def test_what_cannot_be_read_is_quarantined_by_name(draw: Draw, tmp_path: Path) -> None:
    good = draw("cat/good.png")
    draw("dog/good.png")
    tree = tmp_path / "tree"
    (tree / "cat/cut.png").write_bytes(good.read_bytes()[:-30])
    (tree / "cat/text.jpg").write_text("no image")
    (tree / "cat/empty.gif").touch()
    (tree / "cat/notes.txt").write_text("no image either")
    (tree / "cat/link.png").symlink_to(good)
    (tree / "linked").symlink_to(tree / "cat", target_is_directory=True)
    (tree / "loose.png").write_bytes(good.read_bytes())
    os.mkfifo(tree / "cat/pipe.png")
    found = open_data(str(tree))
    assert found.ids.tolist() == ["cat/good.png", "dog/good.png"]
    reasons = {each.path: each.reason for each in found.left_out}
    assert list(reasons) == [
        "cat/cut.png",
        "cat/empty.gif",
        "cat/link.png",
        "cat/notes.txt",
        "cat/pipe.png",
        "cat/text.jpg",
        "linked",
        "loose.png",
    ]
    for name, target in (("cat/link.png", good), ("linked", tree / "cat")):
        assert (
            reasons[name] == f"a symbolic link to {target}, which was not named with follow_links="
        )
    assert found.notes == (
        f"2 symbolic links were not followed; follow_links='{tree}/cat' reads what they lead to.",
    )
    assert reasons["cat/text.jpg"] == "no image of a kind that is read"
    assert reasons["cat/pipe.png"] == "not a plain file"


def test_a_decompression_bomb_is_left_out(draw: Draw, tmp_path: Path) -> None:
    draw("a/1.png")

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    for side, name in ((10_000, "warned.png"), (60_000, "refused.png")):
        head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        (tmp_path / "tree/a" / name).write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99)))
        )
    found = open_data(str(tmp_path / "tree"))
    assert len(found) == 1
    assert {each.reason for each in found.left_out} == {
        "more than 89,478,485 pixels: save it smaller"
    }


def test_formats_that_are_not_allowed_are_not_decoded(draw: Draw, tmp_path: Path) -> None:
    draw("a/1.png")
    Image.new("L", (6, 4)).save(tmp_path / "tree/a/2.png", format="PCX")
    assert [each.path for each in open_data(str(tmp_path / "tree")).left_out] == ["a/2.png"]


@pytest.mark.parametrize(
    ("mode", "value", "pixel"), [("1", 1, 255), ("L", 9, 9), ("LA", 255, 255), ("I;16", 0x1234, 73)]
)
def test_grey_stays_grey(draw: Draw, tmp_path: Path, mode: str, value: int, pixel: int) -> None:
    draw("a/1.png", mode=mode, value=value)
    found = open_data(str(tmp_path / "tree"))
    assert found.content.shape == (1, 4, 6, 1)
    assert (found.content == pixel).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_one_colour_image_makes_all_rgb(draw: Draw, tmp_path: Path, mode: str) -> None:
    draw("a/1.png", value=9)
    draw("a/2.png", mode=mode)
    draw("b/1.png", mode="I;16", value=0x1234)
    found = open_data(str(tmp_path / "tree"))
    assert found.content.shape == (3, 4, 6, 3)
    assert (found.content[0] == 9).all() and (found.content[2] == 73).all(), "14 bits hold 0x1234"


def test_several_sizes(draw: Draw, tmp_path: Path) -> None:
    draw("a/1.png")
    draw("a/2.png")
    draw("b/1.png", size=(8, 8))
    with pytest.raises(
        DataError, match=r"2 sizes: 4x6 \(2 images\), 8x8 \(1 images\); pass image_size"
    ):
        open_data(str(tmp_path / "tree"))
    found = open_data(str(tmp_path / "tree"), image_size=5)
    assert found.content.shape == (3, 5, 5, 1) and (found.content == 7).all()
    for size in (0, -1, 10**6):
        with pytest.raises(DataError, match="an image size from 1 to 4096"):
            open_data(str(tmp_path / "tree"), image_size=size)


def test_an_empty_class(draw: Draw, tmp_path: Path) -> None:
    draw("a/1.png")
    (tmp_path / "tree/b").mkdir()
    (tmp_path / "tree/b/1.png").write_text("no image")
    found = open_data(str(tmp_path / "tree"))
    assert found.class_names == ("a",) and [each.path for each in found.left_out] == ["b/1.png"]
    assert found.notes == ("No example that can be used of b.",)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder of images per class"):
        open_data(str(tmp_path))
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="got no folder with images"):
        open_data(str(tmp_path))


@pytest.mark.parametrize("other", ["test", "val"])
def test_splits(draw: Draw, tmp_path: Path, other: str) -> None:
    draw("train/a/1.png")
    draw("train/b/1.png")
    draw(f"{other}/b/1.png", mode="RGB")
    tree = tmp_path / "tree"
    train, test = open_data(str(tree)), open_data(f"{tree}:{other}")
    assert train.ids.tolist() == ["train/a/1.png", "train/b/1.png"]
    assert test.ids.tolist() == [f"{other}/b/1.png"] and test.labels.tolist() == [1]
    assert train.class_names == test.class_names == ("a", "b")
    assert train.content.shape[3] == test.content.shape[3] == 3
    assert (train.validation, test.validation) == (f"{tree}:{other}", None)
    assert open_data(f"{tree}:train").digest == train.digest
    draw(f"{other}/c/1.png")
    assert open_data(f"{tree}:{other}").class_names == ("a", "b", "c")
    with pytest.raises(DataError, match=r"the classes of .*tree \(a, b\); got the class 'c'"):
        open_data(f"{tree}:{other}", like=train)


def test_a_tree_without_splits_has_no_test(draw: Draw, tmp_path: Path) -> None:
    draw("a/1.png")
    with pytest.raises(DataError, match="expected a test split"):
        open_data(f"{tmp_path / 'tree'}:test")


def test_hostile_names(draw: Draw, tmp_path: Path) -> None:
    names = ["a\nb/\x1b[31m.png", "a\nb/'; --.png", "é:test/ü.png", "日本/1.png", "-x/ .png"]
    for name in names:
        draw(name)
    odd = os.fsencode(tmp_path / "tree" / "-x") + b"/\xff.png"
    Path(os.fsdecode(odd)).write_bytes((tmp_path / "tree/-x/ .png").read_bytes())
    found = open_data(str(tmp_path / "tree"))
    assert set(found.ids.tolist()) == {*names, "-x/\\udcff.png"}
    (tmp_path / "out").mkdir()
    save_examples(found, tmp_path / "out")
    assert open_data(str(tmp_path / "out")).digest == found.digest
    draw("a\nb/2.png", size=(1, 1))
    with pytest.raises(DataError) as caught:
        open_data(str(tmp_path / "tree"))
    assert "2 sizes" in str(caught.value) and "\n" not in str(caught.value)
