"""Pictures are read as people see them: turned, on white, in the range of all, first frames."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from radiotracer.data import Dataset, open_data
from radiotracer.data.encoded import Crop
from radiotracer.data.pixels import Look, decode, square
from radiotracer.data.upright import turned, turned_box, turned_size

RED, BLUE, WHITE = (220, 0, 0), (0, 0, 200), (255, 255, 255)


def encoded(image: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **how)
    return stream.getvalue()


def upright() -> Image.Image:
    """Blue, with a red square in the upper left corner."""
    image = Image.new("RGB", (100, 200), BLUE)
    image.paste(RED, (0, 0, 40, 40))
    return image


def stored(orientation: int, form: str, image: Image.Image | None = None) -> bytes:
    """Pixels that this EXIF orientation turns upright."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    how: dict[str, Any] = {"quality": 95} if form in ("JPEG", "AVIF") else {}
    if form == "WEBP":
        how["lossless"] = True
    return encoded(turned(image or upright(), back), form, exif=exif, **how)


def folder(tmp_path: Path, *images: bytes, ending: str = "png", **how: Any) -> Dataset:
    (tmp_path / "tree/a").mkdir(parents=True)
    for number, each in enumerate(images):
        (tmp_path / f"tree/a/{number}.{ending}").write_bytes(each)
    return open_data(str(tmp_path / "tree"), **how)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_form(orientation: int, form: str) -> None:
    content = stored(orientation, form)
    with Image.open(io.BytesIO(content)) as image:
        plain = ImageOps.exif_transpose(image).convert("RGB")
    found = decode(content, Look(True))
    assert isinstance(found, np.ndarray) and found.shape == (200, 100, 3)
    np.testing.assert_array_equal(found, np.asarray(plain))
    corner = found[4:36, 4:36].astype(int)
    assert (np.abs(corner - RED) < 30).all() and (np.abs(found[60:].astype(int) - BLUE) < 30).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_photograph_is_turned_and_made_small(orientation: int) -> None:
    small = decode(
        stored(orientation, "JPEG", upright().resize((800, 1600))), Look(True, square(20))
    )
    assert isinstance(small, np.ndarray)
    assert (np.abs(small[1:3, 2:6].astype(int) - RED) < 40).all()
    assert (np.abs(small[6:].astype(int) - BLUE) < 40).all()


@given(st.integers(1, 8), st.data())
@settings(deadline=None)
def test_boxes_turn_with_their_picture(orientation: int, data: st.DataObject) -> None:
    width, height = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    left, top = data.draw(st.tuples(st.integers(0, width - 1), st.integers(0, height - 1)))
    right, bottom = data.draw(st.tuples(st.integers(left + 1, width), st.integers(top + 1, height)))
    box = (left, top, right, bottom)
    pixels = np.arange(width * height, dtype=np.uint8).reshape(height, width)
    image = Image.fromarray(pixels)
    whole, size = turned(image, orientation), (width, height)
    assert whole.size == turned_size(size, orientation)
    cut = whole.crop(turned_box(box, size, orientation))
    assert cut.tobytes() == turned(image.crop(box), orientation).tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_of_what_is_seen_or_of_what_is_stored(orientation: int, form: str) -> None:
    content = stored(orientation, form)
    for size in (None, (100, 200)):
        red = decode(Crop(content, (2, 2, 38, 38), size), Look(True))
        assert isinstance(red, np.ndarray) and (np.abs(red.astype(int) - RED) < 40).all()
    if orientation >= 5:
        box = turned_box((2, 2, 38, 38), (100, 200), {6: 8, 8: 6}.get(orientation, orientation))
        red = decode(Crop(content, box, (200, 100)), Look(True))
        assert isinstance(red, np.ndarray) and (np.abs(red.astype(int) - RED) < 40).all()
    why = decode(Crop(content, (2, 2, 38, 38), (50, 60)), Look(True))
    both = ", or 200x100 as it is stored" if orientation >= 5 else ""
    assert why == f"annotated as 50x60 pixels, it has 100x200{both}"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
def test_transparency_is_laid_on_white(mode: str, tmp_path: Path) -> None:
    """The left half is clear and dark, the right half is opaque."""
    image = Image.new("RGBA", (8, 4), (9, 9, 9, 0))
    image.paste((90, 90, 90, 255), (4, 0, 8, 4))
    how: dict[str, Any] = {}
    if mode == "P":
        image = Image.new("P", (8, 4), 0)
        image.putpalette([9, 9, 9, 90, 90, 90])
        image.paste(1, (4, 0, 8, 4))
        how = {"transparency": 0}
    elif mode in ("L", "RGB"):
        how = {"transparency": 9 if mode == "L" else (9, 9, 9)}
    found = folder(tmp_path, encoded(image if mode == "P" else image.convert(mode), **how))
    assert (found.content[0, :, :4] == 255).all() and (found.content[0, :, 4:] == 90).all()
    assert found.notes == ("1 image with transparency was laid on white.",)


def test_opaque_images_are_not_said_to_be_transparent(tmp_path: Path) -> None:
    found = folder(tmp_path, encoded(Image.new("RGBA", (4, 4), (1, 2, 3, 255))))
    assert found.notes == () and (found.content == (1, 2, 3)).all()


def test_half_transparent_is_half_white() -> None:
    found = decode(encoded(Image.new("RGBA", (2, 2), (100, 0, 0, 128))), Look(True))
    assert isinstance(found, np.ndarray)
    assert np.abs(found[0, 0].astype(int) - (177, 127, 127)).max() <= 1


def test_palettes_and_cmyk() -> None:
    palette = decode(encoded(upright().quantize(8)), Look(True))
    np.testing.assert_array_equal(palette, np.asarray(upright()))
    cmyk = decode(encoded(upright().convert("CMYK"), "TIFF"), Look(True))
    np.testing.assert_array_equal(cmyk, np.asarray(upright()))
    jpeg = decode(encoded(upright().convert("CMYK"), "JPEG", quality=95), Look(True))
    assert isinstance(jpeg, np.ndarray) and np.abs(jpeg[100, 50].astype(int) - BLUE).max() < 6


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_what_moves_the_first_frame_counts(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE, WHITE)]
    how: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    moving = encoded(frames[0], form, save_all=True, append_images=frames[1:], **how)
    found = decode(moving, Look(True))
    assert isinstance(found, np.ndarray) and np.abs(found.astype(int) - RED).max() < 8


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    found = folder(tmp_path, encoded(upright(), "JPEG"), encoded(upright()), ending="jfif")
    assert len(found) == 2 and not found.left_out


@pytest.mark.parametrize(
    ("largest", "top", "bits"),
    [(200, 255, 8), (1000, 1023, 10), (4095, 4095, 12), (4096, 16383, 14), (40000, 65535, 16)],
)
def test_deep_integers_share_one_range(largest: int, top: int, bits: int, tmp_path: Path) -> None:
    dark = np.full((4, 4), largest // 2, np.uint16)
    light = np.full((4, 4), largest, np.uint16)
    found = folder(tmp_path, encoded(Image.fromarray(dark)), encoded(Image.fromarray(light)))
    values = np.array([largest // 2, largest]) * 255 / top
    assert found.content.shape == (2, 4, 4, 1)
    assert np.abs(found.content[:, 0, 0, 0] - values).max() <= 0.5
    assert found.notes == (f"{bits}-bit images: 0 to {top:,} became 0 to 255.",)


def test_all_splits_share_the_range(tmp_path: Path) -> None:
    for split, value in (("train", 1000), ("test", 4000)):
        (tmp_path / split / "a").mkdir(parents=True)
        Image.fromarray(np.full((4, 4), value, np.uint16)).save(tmp_path / split / "a/0.png")
    train = open_data(f"{tmp_path}:train")
    assert (train.content == round(1000 * 255 / 4095)).all()


@pytest.mark.parametrize(
    ("values", "shown", "words"),
    [
        ((0.0, 1.0), (0, 255), "Float images: 0 to 1 became 0 to 255."),
        ((-1.0, 3.0), (0, 255), "Float images: -1 to 3 became 0 to 255."),
        ((0.25, 0.5), (64, 128), "Float images: 0 to 1 became 0 to 255."),
    ],
)
def test_floats(
    values: tuple[float, float], shown: tuple[int, int], words: str, tmp_path: Path
) -> None:
    images = [
        encoded(Image.fromarray(np.full((4, 4), value, np.float32)), "TIFF") for value in values
    ]
    found = folder(tmp_path, *images, ending="tiff")
    assert tuple(found.content[:, 0, 0, 0]) == shown and found.notes == (words,)


def test_what_is_no_number_is_black() -> None:
    pixels = np.array([[0, 1, np.nan, np.inf]], np.float32)
    found = decode(encoded(Image.fromarray(pixels), "TIFF"), Look(False))
    assert isinstance(found, np.ndarray) and found[0, :, 0].tolist() == [0, 255, 0, 255]


def test_integers_of_32_bits(tmp_path: Path) -> None:
    images = [
        encoded(Image.fromarray(np.full((4, 4), value, np.int32)), "TIFF")
        for value in (-1000, 100_000)
    ]
    found = folder(tmp_path, *images, ending="tif")
    assert found.content[:, 0, 0, 0].tolist() == [0, 255]
    assert found.notes == ("32-bit images: -1,000 to 100,000 became 0 to 255.",)


def test_deep_colours_are_cut_and_that_is_said(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    rows = b"".join(b"\0" + struct.pack(">6H", *[0x1234] * 6) for _ in range(2))
    deep = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    found = folder(tmp_path, deep + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    assert (found.content == 0x12).all() and found.content.shape == (1, 2, 2, 3)
    assert found.notes == ("1 image of 16 bits per colour was reduced to the upper 8.",)


def test_how_many_were_turned(tmp_path: Path) -> None:
    found = folder(tmp_path, *(stored(each, "JPEG") for each in (1, 6, 8)), ending="jpg")
    assert found.notes == ("2 images were turned as their EXIF orientation says.",)


def test_kinds_that_are_left_out_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\0\0\0\x18ftypheic" + bytes(40)
    jp2 = encoded(upright(), "JPEG2000")
    found = folder(tmp_path, encoded(upright()), heic, jp2, b"no image")
    assert [each.reason for each in found.left_out] == [
        "a HEIC image: pip install radiotracer[heic]",
        "a JPEG 2000 image, which is not read: save it as PNG or JPEG",
        "no image of a kind that is read",
    ]


def test_heic_as_telephones_write_it(tmp_path: Path) -> None:
    from pillow_heif import from_pillow

    stream = io.BytesIO()
    from_pillow(upright()).save(stream, quality=95)
    assert stream.getvalue()[4:12] == b"ftypheic"
    found = folder(tmp_path, stream.getvalue(), ending="heic")
    assert found.content.shape == (1, 200, 100, 3)
    assert (np.abs(found.content[0, 4:36, 4:36].astype(int) - RED) < 30).all()
    assert found.originals is not None and found.show(0).picture.shape == (200, 100, 3)


MEASURED = """
import sys
from pathlib import Path
from radiotracer.data import open_data
found = open_data(sys.argv[1], image_size=96)
# Not getrusage: its largest size begins with that of the process that started this one.
peak = next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l)
print(len(found), len(found.left_out), int(peak.split()[1]) // 1024)
"""


@pytest.mark.parametrize(
    ("mode", "side"),
    [
        ("RGBA", 9_400),
        ("RGB", 10_000),
        *(
            pytest.param(*given, marks=pytest.mark.nightly)
            for given in (("L", 9_400), ("RGB", 13_000))
        ),
    ],
)
def test_huge_images_stay_below_a_gigabyte(mode: str, side: int, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new(mode, (side, side), (9, 200, 9, 99)[: len(mode)] if mode != "L" else 9).save(
        tmp_path / "a/0.png", compress_level=1
    )
    assert (tmp_path / "a/0.png").stat().st_size < 10_000_000
    for number in range(1, 3):
        (tmp_path / f"a/{number}.png").hardlink_to(tmp_path / "a/0.png")
    Image.new(mode, (9, 9)).save(tmp_path / "a/small.png")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    read, left_out, megabytes = map(int, done.stdout.split())
    assert (read, left_out) == ((4, 0) if side < 9_459 else (1, 3))
    assert megabytes < 1000
