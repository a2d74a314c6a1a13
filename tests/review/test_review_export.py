"""What is taken away: cleaned data in the format that they came in, and the decisions."""

from __future__ import annotations

import contextlib
import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from radiotracer.data import IMAGES, Dataset, open_data, save_examples
from radiotracer.data.npz import write_npz
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.review.board import Board, identity_of, match
from radiotracer.review.export import Exported, export
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store
from radiotracer.scanning import scan
from radiotracer.training.loop import TrainConfig, train
from tiny_world import World

Made = Callable[[str], tuple[Path, Dataset]]


def reviewed(folder: Path, examples: Dataset, decisions: dict[str, object], out: Path) -> Exported:
    """Export after deciding, by id: a verb, or the name of a class."""
    scanned = read_scan(folder)
    store = Store(folder / FILE, identity_of(scanned))
    board = Board(scanned, examples, match(scanned, examples), store)
    rows = {name: row for row, name in enumerate(scanned.ids.tolist())}
    try:
        for name, what in decisions.items():
            label = what if what in examples.class_names else None
            board.decide(rows[name], "relabel" if label else what, label, 0)
        return export(scanned, examples, store, out)
    finally:
        store.close()


def test_a_saved_folder(board: Board, tiny: World, tmp_path: Path) -> None:
    before = tiny.tampered
    drop, relabel = board.scanned.ids[[0, 1]].tolist()
    given = str(board.scanned.labels[1])
    other = next(name for name in board.class_names if name != given)
    board.draw(96, seed=1)
    board.decide(0, "drop", None, 0)
    board.decide(1, "relabel", other, 0)
    board.decide(2, "unsure", None, 0)
    board.decide(3, "keep", None, 0)
    done = export(board.scanned, before, board.store, tmp_path / "out")
    after = open_data(str(done.data))
    assert (done.kind, done.note, done.data) == ("saved-folder", "", tmp_path / "out" / "data")
    assert after.digest == done.digests[1] != done.digests[0] == before.digest
    assert set(before.ids.tolist()) - set(after.ids.tolist()) == {drop}
    names = dict(zip(after.ids.tolist(), after.labels.tolist(), strict=True))
    assert after.class_names[names[relabel]] == other
    assert after.validation == before.validation
    table = pq.read_table(tmp_path / "out" / "decisions.parquet")
    assert table.column_names == ["id", "decision", "label", "new_label", "sampled", "decided_at"]
    assert table["decision"].to_pylist() == ["drop", "relabel", "unsure", "keep"]
    assert table["new_label"].to_pylist() == [None, other, None, None]
    assert table["sampled"].to_pylist() == [True] * 4
    text = (tmp_path / "out" / "CHANGES.md").read_text()
    for word in (before.digest, after.digest, sha256_file(tmp_path / "out" / "decisions.parquet")):
        assert word in text
    assert "96 examples became 95: 1 dropped, 1 relabelled." in text


def test_train_and_scan_again(board: Board, tiny: World, tmp_path: Path) -> None:
    for row in range(5):
        board.decide(row, "drop", None, 0)
    done = export(board.scanned, tiny.tampered, board.store, tmp_path / "out")
    cleaned = open_data(str(done.data))
    config = TrainConfig(architecture="small-cnn", width=2, epochs=1, batch_size=16, seed=3)
    run, model = train(cleaned, config, tmp_path / "run")
    assert len(scan(model, run, cleaned, tiny.queries).scores) == 91


def test_an_archive(scanned_as: Made, tmp_path: Path) -> None:
    images = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4)
    labels = np.array([0, 1, 0, 1, 0, 1], dtype=np.int32)
    write_npz(tmp_path / "my.npz", {"x": images, "y": labels, "weather": np.zeros(3)})
    folder, examples = scanned_as(str(tmp_path / "my.npz"))
    done = reviewed(folder, examples, {"00001": "drop", "00002": "1"}, tmp_path / "out")
    assert (done.kind, done.data.name) == ("arrays", "my.npz")
    assert done.note == "Other arrays of my.npz were left out: weather."
    with np.load(done.data) as archive:
        assert sorted(archive.files) == ["ids", "x", "y"]
        assert archive["x"].shape == (5, 4, 4) and archive["y"].dtype == np.int32
        assert archive["ids"].tolist() == ["00000", "00002", "00003", "00004", "00005"]
        assert archive["y"].tolist() == [0, 1, 1, 0, 1]


def test_an_archive_with_splits(scanned_as: Made, archive: Path, tmp_path: Path) -> None:
    folder, examples = scanned_as(str(archive))
    done = reviewed(folder, examples, {str(examples.ids[4]): "drop"}, tmp_path / "out")
    assert done.kind == "saved-folder" and "because archives with splits" in done.note
    again = open_data(str(done.data))
    assert again.ids.tolist() == [each for each in examples.ids.tolist() if each != examples.ids[4]]
    assert again.validation == examples.validation


def image_folder(root: Path, *, top: str = "") -> Path:
    generator = np.random.default_rng(1)
    for name in ("cat", "dog"):
        (root / top / name).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / top / name / f"{number}.png")
    return root


def test_a_folder_of_images(scanned_as: Made, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "photos")
    folder, examples = scanned_as(str(root))
    decisions = {"cat/1.png": "dog", "dog/1.png": "drop", "dog/2.png": "keep"}
    done = reviewed(folder, examples, decisions, tmp_path / "out")
    assert done.kind == "image-folder"
    assert (done.data / "dog" / "1-2.png").read_bytes() == (root / "cat" / "1.png").read_bytes()
    assert not (done.data / "cat" / "1.png").exists()
    files = {path.relative_to(done.data).as_posix() for path in done.data.rglob("*.png")}
    assert files == set(examples.ids.tolist()) - {"cat/1.png", "dog/1.png"} | {"dog/1-2.png"}
    with (tmp_path / "out" / "renamed.csv").open() as stream:
        assert list(csv.reader(stream)) == [["id", "new_id"], ["cat/1.png", "dog/1-2.png"]]
    assert open_data(str(done.data)).digest == done.digests[1]


def test_a_folder_with_splits(scanned_as: Made, tmp_path: Path) -> None:
    root = image_folder(image_folder(tmp_path / "photos", top="train"), top="test")
    folder, examples = scanned_as(str(root))
    done = reviewed(folder, examples, {"train/cat/0.png": "drop"}, tmp_path / "out")
    again = open_data(str(done.data))
    assert len(again) == 7 and again.validation is not None
    assert len(open_data(again.validation)) == 8


def test_a_folder_that_lost_a_file(scanned_as: Made, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "photos")
    folder, examples = scanned_as(str(root))
    (root / "cat" / "3.png").unlink()
    done = reviewed(folder, examples, {"cat/0.png": "drop"}, tmp_path / "out")
    assert done.kind == "saved-folder" and "there is no file" in done.note
    assert len(open_data(str(done.data))) == 7


def test_idx_files_become_a_saved_folder(scanned_as: Made, tmp_path: Path) -> None:
    root = tmp_path / "idx"
    root.mkdir()
    images = np.zeros((4, 5, 5), dtype=np.uint8)
    for kind, array in (("images", images), ("labels", np.array([0, 1, 0, 1], dtype=np.uint8))):
        head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">u4").tobytes()
        path = root / f"train-{kind}-idx{array.ndim}-ubyte"
        path.write_bytes(head + array.tobytes())
    folder, examples = scanned_as(str(root))
    done = reviewed(folder, examples, {"train/00000": "drop"}, tmp_path / "out")
    assert done.kind == "saved-folder" and "IDX files number" in done.note
    assert open_data(str(done.data)).ids.tolist() == ["train/00001", "train/00002", "train/00003"]


def test_a_class_may_be_emptied(scanned_as: Made, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "photos")
    folder, examples = scanned_as(str(root))
    gone = {f"cat/{number}.png": "drop" for number in range(4)}
    done = reviewed(folder, examples, dict(gone), tmp_path / "out")
    after = open_data(done.data)
    assert done.kind == "image-folder" and "cat" not in after.class_names
    assert done.digests[1] == after.digest
    assert set(examples.class_names) - set(after.class_names) == {"cat"}
    assert "any more: cat" in (tmp_path / "out" / "CHANGES.md").read_text()


def test_something_has_to_be_left(scanned_as: Made, tmp_path: Path) -> None:
    folder, examples = scanned_as(str(image_folder(tmp_path / "photos")))
    with pytest.raises(InputError, match="all are dropped"):
        reviewed(folder, examples, dict.fromkeys(examples.ids.tolist(), "drop"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_classes_are_merged_and_dropped_where_files_lie(scanned_as: Made, tmp_path: Path) -> None:
    """Files move to the folder of the class that theirs was merged into."""
    root = image_folder(tmp_path / "photos")
    (root / "cat" / "cut.png").write_bytes(b"no image")
    folder, examples = scanned_as(str(root))
    first, second, *_ = examples.class_names
    scanned = read_scan(folder)
    with contextlib.closing(Store(folder / FILE, identity_of(scanned))) as store:
        done = export(
            scanned, examples, store, tmp_path / "out", merge=[f"{first}=all of it"],
            drop_class=[second],
        )  # fmt: skip
    after = open_data(done.data)
    assert (done.kind, after.left_out) == ("image-folder", ())
    assert done.digests[1] == after.digest
    assert set(after.class_names) == {"all of it", *examples.class_names} - {first, second}
    was = [examples.class_names[label] for label in examples.labels]
    assert sorted(after.digests[after.labels == after.class_names.index("all of it")]) == sorted(
        digest for digest, name in zip(examples.digests, was, strict=True) if name == first
    )
    assert (tmp_path / "out" / "left-out.csv").read_text().splitlines()[0] == "part,path,reason"
    assert "train,cat/cut.png," in (tmp_path / "out" / "left-out.csv").read_text()
    assert "merged into" in (tmp_path / "out" / "CHANGES.md").read_text()


def test_a_saved_folder_without_a_class(board: Board, tiny: World, tmp_path: Path) -> None:
    name = tiny.tampered.class_names[1]
    done = export(board.scanned, tiny.tampered, board.store, tmp_path / "out", drop_class=[name])
    after = open_data(done.data)
    assert after.class_names == tuple(x for x in tiny.tampered.class_names if x != name)
    assert (tmp_path / "out" / "decisions.csv").read_text().count("\n") == 1


def test_an_existing_folder_is_left_alone(board: Board, tiny: World, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    board.decide(0, "drop", None, 0)
    with pytest.raises(InputError, match="holds other things"):
        export(board.scanned, tiny.tampered, board.store, tmp_path / "out", overwrite=True)
    export(board.scanned, tiny.tampered, board.store, tmp_path / "new")
    with pytest.raises(InputError, match=r"already holds CHANGES\.md"):
        export(board.scanned, tiny.tampered, board.store, tmp_path / "new")
    export(board.scanned, tiny.tampered, board.store, tmp_path / "new", overwrite=True)


def test_whole_or_not_at_all(
    board: Board, tiny: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.decide(0, "drop", None, 0)
    monkeypatch.setattr("radiotracer.review.export.changes_text", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(board.scanned, tiny.tampered, board.store, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_nothing_decided(board: Board, tiny: World, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one decision"):
        export(board.scanned, tiny.tampered, board.store, tmp_path / "out")


def test_no_cell_is_a_formula(scanned_as: Made, tmp_path: Path) -> None:
    hostile = ["=cmd()", "+1", "-1", "@x", "\tx", "a|<b>", 'x","y']
    images = np.zeros((len(hostile), 4, 4, 1), dtype=np.uint8)
    names = ("=1+1", "`|<img src=x>")
    labels = np.arange(len(hostile)) % 2
    examples = Dataset(IMAGES, images, labels, np.array(hostile), names, source="memory")
    (tmp_path / "data").mkdir()
    save_examples(examples, tmp_path / "data")
    folder, examples = scanned_as(str(tmp_path / "data"))
    decisions: dict[str, object] = dict.fromkeys(hostile, "keep")
    decisions["a|<b>"] = names[0] if labels[5] else names[1]
    reviewed(folder, examples, decisions, tmp_path / "out")
    with (tmp_path / "out" / "decisions.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert rows[0][0] == "'=cmd()"
    ids = pq.read_table(tmp_path / "out" / "decisions.parquet")["id"].to_pylist()
    assert ids == hostile
    text = (tmp_path / "out" / "CHANGES.md").read_text()
    assert "<img" not in text and "\\`\\|&lt;img" in text


def test_other_data_are_refused(folder: Path, tiny: World) -> None:
    with pytest.raises(InputError, match="digest"):
        match(read_scan(folder), tiny.clean)


def test_a_summary_that_was_edited(folder: Path) -> None:
    path = folder / "summary.json"
    text = path.read_text()
    assert '"seed": 0' in text
    path.write_text(text.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(InputError, match="it was edited or damaged"):
        read_scan(folder)


@pytest.mark.parametrize("name", ["ranking.parquet", "scores.parquet", "summary.json"])
def test_a_damaged_scan(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"{")
    with pytest.raises(InputError, match="damaged"):
        read_scan(folder)
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="a scan: a folder with"):
        read_scan(folder)
