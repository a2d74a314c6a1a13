"""Cases: what is wrong with folders, links, lists of files and single files."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from door_cases import Case, Make, alone, both, pictures, png, put, written

TREE = ("cat/1.png", "cat/2.png", "dog/1.png")
TWO = {"cat": 2, "dog": 1}


def _link(name: str, target: str, *more: str) -> Make:
    """The tree, and a link in it; a target is relative to the root."""

    def make(root: Path) -> None:
        pictures(*TREE, *more)(root)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(root / target)

    return make


def _outside(name: str, target: str) -> Make:
    """A tree, and a link in it to what lies beside it."""

    def make(root: Path) -> Path:
        pictures("other/7.png", "other/8.png")(root)
        pictures(*(f"tree/{each}" for each in TREE))(root)
        (root / "tree" / name).symlink_to(root / "other" / target)
        return root / "tree"

    return make


def _linked_root(root: Path) -> Path:
    pictures(*(f"tree/{each}" for each in TREE))(root)
    (root / "link").symlink_to(root / "tree")
    return root / "link"


def npz_bomb(root: Path) -> Path:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (3_000_000, 32, 32)}
    )
    with zipfile.ZipFile(root / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as stream:
            stream.write(header.getvalue())
            zeros = bytes(1 << 20)
            for _ in range(400):
                stream.write(zeros)
        labels = io.BytesIO()
        np.save(labels, np.zeros(4, dtype=np.int64))
        archive.writestr("labels.npy", labels.getvalue())
    return root / "a.npz"


def _lying_npy(root: Path) -> None:
    np.save(root / "y.npy", np.array([0, 1]))
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (900000000000, 4, 4), }"
    header = header.ljust(117) + b"\n"
    put(root, "x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64))


LISTED = "file,label\ncat/1.png,a\ncat/2.png,b\n"
REFUSED_LINK = "was not named with follow_links="
ONE_LINK = ("1 symbolic link was not followed",)
FAULTS = (
    Case("folders-by-case", pictures("Cat/1.png", "cat/1.png"), {"Cat": 1, "cat": 1}),
    Case(
        "nested-folders",
        pictures("cat/old/1.png", "cat/2.png", "dog/1.png"),
        TWO,
        notes=["Folders within the folder of a class count for that class: cat (old)"],
    ),
    Case(
        "litter",
        written({**dict.fromkeys(TREE), "__MACOSX/cat/._1.png": b"x", "@eaDir/a.png": None}),
        TWO,
        notes=[f"{name} is no class" for name in ("@eaDir", "__MACOSX")],
        left={"@eaDir/a.png": "left behind"},
    ),
    Case(
        "notebook-leftovers",
        pictures(*TREE, ".ipynb_checkpoints/1.png", "cat/.ipynb_checkpoints/1.png"),
        TWO,
    ),
    Case(
        "empty-class",
        both(pictures(*TREE), lambda root: (root / "owl").mkdir()),
        TWO,
        left={"owl": "a folder without images"},
    ),
    Case(
        "loose-images",
        pictures(*TREE, "9.png"),
        TWO,
        left={"9.png": "not in the folder of a class"},
    ),
    Case(
        "only-loose-images",
        pictures("1.png", "2.png"),
        refused=["2 images without one", "table of file names"],
    ),
    Case(
        "no-image-by-name",
        written({**dict.fromkeys(TREE), "cat/x.doc": b"x"}),
        TWO,
        left={"cat/x.doc": "does not end like that of an image"},
    ),
    Case(
        "damaged-image",
        written({**dict.fromkeys(TREE), "dog/2.png": b"x"}),
        TWO,
        left={"dog/2.png": "no image"},
    ),
    Case(
        "damaged-class",
        written({**dict.fromkeys(TREE), "owl/2.png": b"x"}),
        TWO,
        left={"owl/2.png": "no image"},
        notes=["No example that can be used of owl"],
    ),
    Case(
        "splits-beside-classes",
        pictures("train/a/1.png", "cat/1.png"),
        refused=["train (splits?) beside cat (classes?)"],
    ),
    Case(
        "splits-beside-classes-named",
        pictures("train/a/1.png", "cat/1.png"),
        {"a": 1},
        split="train",
        left={"cat": "beside the folders of splits"},
    ),
    Case(
        "two-folders-of-a-split",
        pictures("train/a/1.png", "val/a/1.png", "dev/a/1.png"),
        refused=["one val split", "two: dev and val"],
    ),
    Case(
        "val-and-test-alone",
        pictures("val/a/1.png", "test/a/1.png"),
        refused=["a train split", "val and test", ":val or"],
    ),
    Case("val-and-test-named", pictures("val/a/1.png", "test/a/1.png"), {"a": 1}, split="val"),
    Case(
        "no-such-split",
        pictures("train/a/1.png", "test/a/1.png"),
        refused=["a val split", "train and test"],
        split="val",
    ),
    Case(
        "no-splits-at-all",
        pictures(*TREE),
        refused=["a test split", "without splits"],
        split="test",
    ),
    Case(
        "link-to-a-file",
        _outside("dog/7.png", "7.png"),
        TWO,
        left={"dog/7.png": REFUSED_LINK},
        notes=ONE_LINK,
    ),
    Case(
        "link-to-a-file-followed",
        _outside("dog/7.png", "7.png"),
        {"cat": 2, "dog": 2},
        options={"follow_links": ["other"]},
    ),
    Case("link-to-a-class", _outside("owl", ""), TWO, left={"owl": REFUSED_LINK}, notes=ONE_LINK),
    Case(
        "link-to-a-class-followed",
        _outside("owl", ""),
        {"cat": 2, "dog": 1, "owl": 2},
        options={"follow_links": ["other"]},
    ),
    Case(
        "link-within",
        _link("dog/7.png", "cat/1.png"),
        TWO,
        left={"dog/7.png": REFUSED_LINK},
        notes=ONE_LINK,
    ),
    Case(
        "link-to-nothing",
        _link("dog/7.png", "none.png"),
        TWO,
        left={"dog/7.png": "a symbolic link to nothing"},
    ),
    Case(
        "link-to-nothing-followed",
        _link("dog/7.png", "none.png"),
        TWO,
        left={"dog/7.png": "to nothing"},
        options={"follow_links": [""]},
    ),
    Case("link-loop", _link("dog/all", ""), TWO, left={"dog/all": REFUSED_LINK}, notes=ONE_LINK),
    Case(
        "link-loop-followed",
        _link("dog/all", ""),
        TWO,
        left={"dog/all": "a folder around it"},
        options={"follow_links": [""]},
    ),
    Case("linked-root", _linked_root, TWO),
    Case(
        "only-links",
        lambda root: (
            (
                pictures("other/1.png")(root),
                (root / "t").mkdir(),
                (root / "t/a").symlink_to(root / "other"),
            )[0]
            or root / "t"
        ),
        refused=["1 symbolic links into", "follow_links="],
    ),
    Case(
        "list-leading-out",
        both(pictures("cat/1.png", "cat/2.png"), alone("x.csv", LISTED + "../x.png,a\n")),
        {"a": 1, "b": 1},
        left={"../x.png": "no image at"},
    ),
    Case(
        "list-absolute",
        both(pictures("cat/1.png", "cat/2.png"), alone("x.csv", LISTED + "/etc/x.png,a\n")),
        {"a": 1, "b": 1},
        left={"/etc/x.png": "no image at"},
    ),
    Case(
        "list-outside-followed",
        lambda root: (
            pictures("other/7.png", "t/cat/1.png", "t/cat/2.png")(root),
            put(root, "t/x.csv", LISTED + "../other/7.png,a\n"),
        )[1],
        {"a": 2, "b": 1},
        options={"follow_links": ["other"]},
    ),
    Case(
        "list-outside",
        lambda root: (
            pictures("other/7.png", "t/cat/1.png", "t/cat/2.png")(root),
            put(root, "t/x.csv", LISTED + "../other/7.png,a\n"),
        )[1],
        {"a": 1, "b": 1},
        left={"../other/7.png": "leads out of the folder"},
    ),
    Case(
        "list-twice",
        both(pictures("cat/1.png", "cat/2.png"), alone("x.csv", LISTED + "cat/1.png,b\n")),
        {"a": 1, "b": 2},
        notes=["Images that the table names again are examples again: 1"],
    ),
    Case(
        "list-missing",
        both(pictures("cat/1.png", "cat/2.png"), alone("x.csv", LISTED + "cat/3.png,b\n")),
        {"a": 1, "b": 1},
        left={"cat/3.png": "no such image"},
    ),
    Case(
        "list-missing-class",
        both(pictures("cat/1.png", "cat/2.png"), alone("x.csv", LISTED + "cat/3.png,c\n")),
        {"a": 1, "b": 1},
        left={"cat/3.png": "no such image"},
        notes=["No example that can be used of c"],
    ),
    Case(
        "list-unnamed-images",
        both(pictures("cat/1.png", "cat/2.png", "z/1.png"), alone("x.csv", LISTED)),
        {"a": 1, "b": 1},
        notes=["Not named in the table: 1 image beside it"],
    ),
    Case(
        "list-two-of-a-name",
        both(
            pictures("cat/1.png", "cat/2.png", "dog/2.png"),
            alone("x.csv", "file,label\ncat/1.png,a\n2.png,b\ncat/2.png,b\n"),
        ),
        {"a": 1, "b": 1},
        left={"2.png": "2 images of this name"},
        notes=["Not named in the table: 1 image beside it"],
    ),
    Case("npz-bomb", npz_bomb, refused=["arrays of at most", "packed"]),
    Case("npy-that-lies", _lying_npy, refused=["it ends before"]),
    Case("zip", alone("a.zip", b"PK\3\4"), refused=["unpack it"]),
    Case("xlsx", alone("a.xlsx", b"PK\3\4"), refused=["save it as CSV"]),
    Case("jpg", alone("a.jpg", png("x")), refused=["the image", "the folder that holds"]),
    Case("empty-file", alone("a.bin", b""), refused=["the file"]),
    Case("empty-folder", lambda root: None, refused=["no folder with images"]),
    Case(
        "nowhere", lambda root: root / "nothing", refused=["where nothing is", "check the spelling"]
    ),
)
