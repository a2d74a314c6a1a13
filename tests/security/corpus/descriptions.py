"""JSON that describes runs, data, releases and audits, written by somebody who means harm."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.hostile import CANARY, Hostile, Reader
from radiotracer.digested import digested

DEEP = "[" * 100_000
YAML = "!!python/object/apply:os.system ['touch canary']"

FILES: dict[Reader, str] = {"run": "run.json", "marked": "commitment.json"}


def text(file: str, change: Callable[[str], str]) -> Callable[[Path], Path]:
    """The good file in `folder`, changed as a text."""

    def make(folder: Path) -> Path:
        path = folder / file
        before = path.read_text()
        after = change(before)
        assert after != before
        path.write_text(after)
        return folder

    return make


def field(file: str, *where: str | int, value: object) -> Callable[[Path], Path]:
    """One value of the good file is another."""

    def change(before: str) -> str:
        whole = json.loads(before)
        part = whole
        for step in where[:-1]:
            part = part[step]
        part[where[-1]] = value
        return digested(whole) if file == FILES["run"] else json.dumps(whole)

    return text(file, change)


def twice(file: str, key: str, value: str) -> Callable[[Path], Path]:
    """A second value under the same name: readers differ in which one they take."""
    return text(file, lambda before: re.sub(r"\{", f'{{"{key}": {value},', before, count=1))


def run(*where: str | int, value: object) -> Callable[[Path], Path]:
    return field("run.json", *where, value=value)


def elsewhere(place: str) -> Callable[[Path], Path]:
    """The checkpoint lies somewhere else, and has the digest that is stated."""

    def make(folder: Path) -> Path:
        whole = json.loads((folder / "run.json").read_text())
        last = whole["checkpoints"][-1]
        name = Path(last["file"]).name
        shutil.copy(folder / last["file"], folder.parent / name)
        last["file"] = place.format(parent=folder.parent, name=name)
        (folder / "run.json").write_text(digested(whole))
        return folder

    return make


def rows(**columns: object) -> Callable[[Path], Path]:
    """The table of examples is another."""

    def make(folder: Path) -> Path:
        held = pq.read_table(folder / "examples.parquet").to_pydict() | columns
        pq.write_table(pa.table(held), folder / "examples.parquet")
        return folder

    return make


def manifest(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], Path]:
    """The truth about tampered data, or the list of what is marked, is another table."""

    def make(folder: Path) -> Path:
        path = next(folder.rglob("manifest.parquet"))
        pq.write_table(change(pq.read_table(path)), path)
        return folder

    return make


def column(name: str, values: Callable[[int], object]) -> Callable[[Path], Path]:
    def change(table: pa.Table) -> pa.Table:
        new = pa.array([values(row) for row in range(len(table))])
        return table.set_column(table.column_names.index(name), name, new)

    return manifest(change)


def not_parquet(folder: Path) -> Path:
    next(folder.rglob("manifest.parquet")).write_bytes(b"PAR1" + YAML.encode() + b"PAR1")
    return folder


def sealed_arrays(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "sealed/arrays.npz").write_bytes(content)
        return folder

    return make


def linked(folder: Path) -> Path:
    """The table of examples is a folder of tables."""
    (folder / "examples.parquet").rename(folder / "other.parquet")
    (folder / "examples.parquet").mkdir()
    return folder


def evidence(content: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "evidence.json").write_text(content)
        return folder / "evidence.json"

    return make


def saved(**changes: object) -> Callable[[Path], Path]:
    """The folder of saved data whose description is another."""

    def make(folder: Path) -> Path:
        from audit_world import noise
        from radiotracer.data import save_examples

        home = folder / "data"
        home.mkdir()
        save_examples(noise(folder / "noise.npz", n=12), home)
        return field_of(home, changes)

    return make


def field_of(home: Path, changes: dict[str, object]) -> Path:
    whole = json.loads((home / "data.json").read_text()) | changes
    (home / "data.json").write_text(json.dumps(whole))
    return home


def saved_text(content: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        home = saved()(folder)
        (home / "data.json").write_text(content)
        return home

    return make


def reference(name: str, content: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return make


VALID = "a valid"
CHECK = "checkpoints"

CORPUS = [
    Hostile("YAML tags", "run", text("run.json", lambda _: YAML), VALID),
    Hostile("100,000 brackets", "run", text("run.json", lambda _: DEEP), VALID),
    Hostile(
        "no UTF-8",
        "run",
        text("run.json", lambda _: "\udc80".encode("utf-8", "surrogatepass").decode("latin-1")),
        VALID,
    ),
    Hostile("a status twice", "run", twice("run.json", "status", '"interrupted"'), "twice"),
    Hostile(
        "a step of 10**400",
        "run",
        text("run.json", lambda t: re.sub(r'"step": ?\d+', '"step": 1' + "0" * 400, t, count=1)),
        VALID,
    ),
    Hostile("a step of 2**70", "run", run(CHECK, 0, "step", value=2**70), VALID),
    Hostile("a step of a text", "run", run(CHECK, 0, "step", value="__import__('os')"), VALID),
    Hostile("a rate of NaN", "run", run(CHECK, -1, "learning_rates", value=[float("nan")]), VALID),
    Hostile(
        "a rate of infinity", "run", run(CHECK, -1, "learning_rates", value=[float("inf")]), VALID
    ),
    Hostile("too many rates", "run", run(CHECK, -1, "learning_rates", value=[0.1] * 9), VALID),
    Hostile("a checkpoint at ../", "run", elsewhere("../{name}"), VALID),
    Hostile("a checkpoint at an absolute path", "run", elsewhere("{parent}/{name}"), VALID),
    Hostile("a checkpoint of NUL", "run", run(CHECK, -1, "file", value="a\0b"), VALID),
    Hostile(
        "a checkpoint of escapes",
        "run",
        run(CHECK, -1, "file", value="\x1b[2J.safetensors"),
        "run.json",
    ),
    Hostile("a digest of a text", "run", run(CHECK, -1, "sha256", value="\x1b[2J"), VALID),
    Hostile("steps that go back", "run", run(CHECK, 0, "step", value=10**6), VALID),
    Hostile(
        "a network of a module",
        "run",
        run("model", "name", value="os:system"),
        "a reference network",
    ),
    Hostile("another training's data", "run", run("data", "digest", value="0" * 64), "digest"),
    Hostile("data at /dev/zero", "run", run("data", "source", value="/dev/zero"), ""),
    Hostile(
        "a commitment of YAML", "marked", text("commitment.json", lambda _: YAML), "commitment.json"
    ),
    Hostile(
        "a commitment of brackets",
        "marked",
        text("commitment.json", lambda _: DEEP),
        "commitment.json",
    ),
    Hostile(
        "a commitment's digest twice",
        "marked",
        twice("commitment.json", "digest", f'"{"0" * 64}"'),
        "commitment.json",
    ),
    Hostile(
        "a level of NaN",
        "marked",
        field("sealed/protocol.json", "alpha", value=float("nan")),
        "protocol.json",
    ),
    Hostile(
        "a shape of -1",
        "marked",
        field("sealed/protocol.json", "image_shape", value=[-1, 8, 1]),
        "",
    ),
    Hostile(
        "another design", "marked", field("sealed/protocol.json", "design", value="carriers"), ""
    ),
    Hostile(
        "the level twice", "marked", twice("sealed/protocol.json", "alpha", "0.5"), "protocol.json"
    ),
    Hostile("evidence of YAML", "evidence", evidence(YAML), "evidence"),
    Hostile("evidence of brackets", "evidence", evidence(DEEP), "evidence"),
    Hostile("evidence of escapes", "evidence", evidence('{"\\u001b[2J\\u202e": 1}'), "evidence"),
    Hostile(
        "evidence of a huge number",
        "evidence",
        evidence('{"coins": 1' + "0" * 5000 + "}"),
        "evidence",
    ),
    Hostile("data of YAML", "data", saved_text(YAML), "data.json"),
    Hostile("data of brackets", "data", saved_text(DEEP), "data.json"),
    Hostile("data of a list", "data", saved_text("[1]"), "expected format"),
    Hostile("data of NaN", "data", saved(format=float("nan")), "expected format"),
    Hostile("data of another digest", "data", saved(digest="0" * 64), "digest"),
    Hostile("data of a digest of escapes", "data", saved(digest="\x1b[2J" * 4), "digest"),
    Hostile("left_out numbers", "data", saved(left_out=[1]), "data.json"),
    Hostile("references of YAML", "reference", reference("ref.csv", YAML), ""),
    Hostile(
        "references of formulas",
        "reference",
        reference("ref.csv", f"id\n=cmd|' touch {CANARY}'!A0\n"),
        "",
    ),
    Hostile("references called parquet", "reference", reference("ref.parquet", "id\n"), ""),
    Hostile("no Parquet", "truth", not_parquet, "a manifest at"),
    Hostile("nested recipes", "truth", column("recipe", lambda row: [str(row)]), "a manifest at"),
    Hostile("nested truths", "truth", column("is_tampered", lambda _: {"a": 1}), "a manifest at"),
    Hostile("truths of a text", "truth", column("is_tampered", lambda _: "no"), "a manifest at"),
    Hostile("labels of 10**9", "truth", column("original_label", lambda _: 10**9), "outside"),
    Hostile("ids that are missing", "truth", column("id", lambda _: None), "manifest"),
    Hostile("no columns", "truth", manifest(lambda table: table.select([])), "a manifest at"),
    Hostile("no Parquet", "marked", not_parquet, "the sealed half"),
    Hostile("rows of -1", "marked", column("row", lambda _: -1), ""),
    Hostile("rows of 2**60", "marked", column("row", lambda _: 2**60), "the sealed half"),
    Hostile("rows that are missing", "marked", column("row", lambda _: None), "the sealed half"),
    Hostile("nested rows", "marked", column("row", lambda row: [row]), "the sealed half"),
    Hostile("nested ids", "marked", column("id", lambda row: {"a": row}), "the sealed half"),
    Hostile("arrays of a pickle", "marked", sealed_arrays(b"cos\nsystem\n."), "plain arrays"),
]

EXAMPLES = [
    Hostile("more examples than there are", "run", run("data", "examples", value=2**62), ""),
    Hostile("examples of nested types", "run", rows(sha256=[["a"]] * 96), "examples.parquet"),
    Hostile("labels of a text", "run", rows(label=["1"] * 96), "examples.parquet"),
    Hostile("labels that are missing", "run", rows(label=[None] * 96), "examples.parquet"),
    Hostile("a folder for a table", "run", linked, "examples.parquet"),
]
"""Runs that lie about their examples: whoever asks for those is refused."""
