"""Archives and annotations that are data sets, and lie about sizes, names and places."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from corpus.hostile import CANARY, Hostile
from corpus.tables import IMAGES

BLOCK = 512


def good(archive: tarfile.TarFile) -> None:
    for row, image in enumerate(IMAGES):
        add(archive, f"{row}.png", image)
        add(archive, f"{row}.cls", str(row % 2).encode())


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(content) if content else None)


def archive(change: Callable[[tarfile.TarFile], object]) -> Callable[[Path], Path]:
    """Eight good examples, and something else."""

    def make(folder: Path) -> Path:
        with tarfile.open(folder / "data.tar", "w") as stream:
            good(stream)
            change(stream)
        return folder / "data.tar"

    return make


def content(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """A good archive, as other bytes."""

    def make(folder: Path) -> Path:
        path = archive(lambda _: None)(folder)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def first(**fields: object) -> Callable[[Path], Path]:
    """A header that lies, before the good ones."""
    info = tarfile.TarInfo("x.png")
    for field, value in fields.items():
        setattr(info, field, value)
    return content(lambda before: info.tobuf(tarfile.GNU_FORMAT) + before)


PICKLE = b"cos\nsystem\n(S'touch " + CANARY.encode() + b"'\ntR."


def annotations(**changes: object) -> Callable[[Path], Path]:
    """Eight photographs with one box each, of which something is otherwise."""

    def make(folder: Path) -> Path:
        (folder / "images").mkdir()
        for row, image in enumerate(IMAGES):
            (folder / "images" / f"{row}.png").write_bytes(image)
        whole: dict[str, object] = {
            "images": [{"id": row, "file_name": f"{row}.png"} for row in range(8)],
            "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
            "annotations": [
                {"id": row, "image_id": row, "category_id": row % 2, "bbox": [0, 0, 6, 6]}
                for row in range(8)
            ],
        }
        (folder / "annotations.json").write_text(json.dumps(whole | changes))
        return folder / "annotations.json"

    return make


def called(name: str) -> Callable[[Path], Path]:
    """A ninth photograph of another name, which has one category, too."""
    images = [{"id": row, "file_name": f"{row}.png"} for row in range(8)]
    shown = [{"id": row, "image_id": row, "category_id": row % 2} for row in range(9)]
    return annotations(images=[*images, {"id": 8, "file_name": name}], annotations=shown)


def state(text: str) -> Callable[[Path], Path]:
    """What save_to_disk says of a folder with one good table."""

    def make(folder: Path) -> Path:
        from corpus.tables import table

        home = folder / "data"
        home.mkdir()
        table()(home)
        (home / "state.json").write_text(text)
        return home

    return make


TAR, COCO, DISK = "a tar archive", "of COCO in", "save_to_disk"

CORPUS = [
    Hostile("a member of 2**60 bytes", "data", first(size=2**60), TAR),
    Hostile("a member of -512 bytes", "data", first(size=-BLOCK), TAR),
    Hostile("a name of 2**40 bytes", "data", first(size=2**40, type=b"L"), TAR),
    Hostile("a header of 2**40 bytes", "data", first(size=2**40, type=b"x"), TAR),
    Hostile("a file with holes", "data", first(type=b"S"), "", "left out"),
    Hostile("an archive cut short", "data", content(lambda whole: whole[:2000]), TAR),
    Hostile("an archive without its end", "data", content(lambda all: all.rstrip(b"\0")), TAR),
    Hostile("two archives in one", "data", content(lambda whole: whole * 2), "joined"),
    Hostile("a packed archive", "data", content(lambda _: b"\x1f\x8b\x08" + b"\0" * 9), TAR),
    Hostile(
        "a member at ../",
        "data",
        archive(lambda it: add(it, f"../{CANARY}.png", IMAGES[0])),
        "leads out",
        "left out",
    ),
    Hostile(
        "a member at /tmp",
        "data",
        archive(lambda it: add(it, f"/tmp/{CANARY}.png", IMAGES[0])),  # noqa: S108
        "leads out",
        "left out",
    ),
    Hostile(
        "a member that is a link to /etc/passwd",
        "data",
        archive(lambda it: add(it, "x.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "a link",
        "left out",
    ),
    Hostile(
        "a hard link",
        "data",
        archive(lambda it: add(it, "x.png", type=tarfile.LNKTYPE, linkname="0.png")),
        "a link",
        "left out",
    ),
    Hostile(
        "a pipe",
        "data",
        archive(lambda it: add(it, "x.png", type=tarfile.FIFOTYPE)),
        "not a plain file",
        "left out",
    ),
    *(
        Hostile(
            f"a pickle called {ending}",
            "data",
            archive(lambda it, ending=ending: add(it, f"0.{ending}", PICKLE)),
            "never opened",
            "left out",
        )
        for ending in ("pyd", "pth", "pkl", "npy")
    ),
    Hostile(
        "a name of escapes",
        "data",
        archive(lambda it: add(it, "\x1b[2J\x1b]0;x\x07.png", IMAGES[0])),
        "no label",
        "left out",
    ),
    Hostile(
        "a label of 2 MB",
        "data",
        archive(lambda it: (add(it, "x.png", IMAGES[0]), add(it, "x.cls", b"1" * 2_000_000))),
        "2,000,000 bytes",
        "left out",
    ),
    Hostile(
        "a label of 100,000 brackets",
        "data",
        archive(lambda it: (add(it, "x.png", IMAGES[0]), add(it, "x.json", b"[" * 100_000))),
        "RecursionError",
        "left out",
    ),
    Hostile("a photograph at ../", "data", called("../../canary.png"), "leads out", "left out"),
    Hostile("a photograph at /etc/passwd", "data", called("/etc/passwd"), "leads out", "left out"),
    Hostile("a photograph called NUL", "data", called("a\0b"), ": no ", "left out"),
    Hostile("annotations of brackets", "data", annotations(images="[" * 100_000), COCO),
    Hostile("photographs without ids", "data", annotations(images=[{"file_name": "0.png"}]), COCO),
    Hostile("no categories", "data", annotations(categories={}), COCO),
    Hostile("tables at ../", "data", state('{"_data_files": [{"filename": "../x.arrow"}]}'), DISK),
    Hostile("tables of brackets", "data", state("[" * 100_000), DISK),
    Hostile(
        "indices at /etc/passwd",
        "data",
        state(
            '{"_data_files": [{"filename": "data.parquet"}],'
            '"_indices_data_files": [{"filename": "/etc/passwd"}]}'
        ),
        DISK,
    ),
]
