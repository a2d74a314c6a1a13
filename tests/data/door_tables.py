"""Cases: what is wrong with the labels and columns of tables."""

from __future__ import annotations

from typing import Any

from door_cases import REVIEWS, Case, alone, columns

PAIR = {"bad": 2, "good": 2}
TEXTS = ["one long text", "two long texts", "three long texts", "four long texts"]
MANY = [f"text number {row}" for row in range(40)]


def _labels(name: str, values: Any, counts: Any = None, **more: Any) -> list[Case]:
    """Texts under these labels, in a file that knows types."""
    texts = TEXTS if len(values) == 4 else MANY[: len(values)]
    return [
        Case(
            f"{name}-{end}",
            columns(f"x.{end}", text=texts, label=values),
            counts or {},
            kind="texts",
            **more,
        )
        for end in ("parquet", "jsonl")
    ]


def _csv(name: str, content: str, counts: Any = None, kind: str = "texts", **more: Any) -> Case:
    return Case(name, alone("x.csv", content), counts or {}, kind=kind, **more)


def _rows(*labels: str) -> str:
    return "text,label\n" + "".join(f"a text of row {n},{y}\n" for n, y in enumerate(labels))


TABLES = (
    *_labels("null", ["a", None, "b", "a"], {"a": 2, "b": 1}, left={"x/00001": "no label"}),
    *_labels("all-null", [None] * 4, refused=["labels in", "none"]),
    *_labels(
        "minus-one", [-1, 0, 1, 1], {"-1": 1, "0": 1, "1": 2}, notes=["-1 is taken for a class"]
    ),
    *_labels("plus-and-minus", [-1, 1, 1, -1], {"-1": 2, "1": 2}),
    *_labels("stars", [1, 2, 4, 5], {"1": 1, "2": 1, "4": 1, "5": 1}),
    *_labels("truth", [True, False, True, True], {"False": 1, "True": 3}),
    *_labels("whole-floats", [1.0, 0.0, 1.0, 1.0], {"0": 1, "1": 3}),
    *_labels("halves", [1.5, 0.5, 1.5, 0.5], {"0.5": 2, "1.5": 2}),
    *_labels(
        "ids-as-labels", [f"id{n}" for n in range(40)], refused=["more than once", "label_column="]
    ),
    *_labels("numbers-as-ids", list(range(40)), refused=["a regression"]),
    *_labels("regression", [n / 7 for n in range(40)], refused=["a regression"]),
    *_labels("lists", [["a"], ["a", "b"], ["b"], ["a"]], refused=["several labels (multi-label)"]),
    *_labels("one-hot-lists", [[1, 0], [0, 1], [0, 1], [1, 0]], refused=["several labels"]),
    *_labels("large-numbers", [2**62, 5, 5, 2**62], {"5": 2, str(2**62): 2}),
    *_labels("blanks", ["cat", "cat ", "cat", "dog"], {"cat": 2, "cat ": 1, "dog": 1}),
    *_labels("case", ["Cat", "cat", "cat", "dog"], {"Cat": 1, "cat": 2, "dog": 1}),
    Case(
        "nan-parquet",
        columns("x.parquet", text=TEXTS, label=[0.0, float("nan"), 1.0, 1.0]),
        {"0": 1, "1": 2},
        left={"x/00001": "no label"},
        kind="texts",
    ),
    _csv(
        "csv-missing",
        _rows("a", "", "NA", "b", "a"),
        {"a": 2, "b": 1},
        left={"x/00001": "no label", "x/00002": "no label"},
    ),
    _csv("csv-numbers", _rows("1.0", "2", "2.0", "1"), {"1": 2, "2": 2}),
    _csv("csv-numbers-and-names", _rows("3", "B", "3", "B"), {"3": 2, "B": 2}),
    _csv("csv-truth", _rows("True", "False", "True"), {"False": 1, "True": 2}),
    _csv("csv-lists", _rows('"[1, 2]"', '"[2]"', '"[1]"'), refused=["several labels"]),
    _csv(
        "csv-one-hot",
        "text,label,label\nI am one,1,0\nI am two,0,1\n",
        refused=["the name label twice"],
    ),
    _csv(
        "csv-no-header",
        REVIEWS.partition("\n")[2],
        refused=["a first row of names"],
    ),
    _csv(
        "csv-no-header-numbers",
        "1.5,2,0\n1,2.5,1\n3,2.5,1\n",
        refused=["first row of names"],
        kind="tables",
    ),
    _csv(
        "csv-index",
        ",text,label\n0,a long text,a\n1,b long text,b\n2,c long text,a\n",
        {"a": 2, "b": 1},
    ),
    _csv("csv-empty-columns", "text,label,,\na long text,a,,\nb long text,b,,\n", {"a": 1, "b": 1}),
    _csv("csv-name-twice", "text,text,label\na,b,c\n", refused=["the name text twice"]),
    _csv(
        "csv-two-texts",
        "text,sentence,label\na b,c d,x\ne f,g h,y\n",
        refused=["both text and sentence", "text_column="],
    ),
    _csv(
        "csv-two-texts-named",
        "text,sentence,label\na b,c d,x\ne f,g h,y\n",
        {"x": 1, "y": 1},
        options={"text_column": "sentence"},
    ),
    _csv(
        "csv-two-labels",
        "text,label,labels\na b,x,y\ne f,y,x\n",
        refused=["both label and labels", "label_column="],
    ),
    _csv(
        "csv-two-labels-named",
        "text,label,labels\na b,x,y\ne f,z,x\n",
        {"x": 1, "y": 1},
        options={"label_column": "labels"},
    ),
    _csv(
        "csv-no-such-column",
        REVIEWS,
        refused=["a column called kind"],
        options={"label_column": "kind"},
    ),
    _csv(
        "csv-ragged",
        REVIEWS + "too,many,columns\n",
        PAIR,
        left={"x.csv, row 6": "3 columns instead of 2"},
    ),
    _csv(
        "csv-all-ragged", "text,label\n" + "a,b,c\n" * 9, refused=["rows of 2 columns", "9 others"]
    ),
    _csv("csv-quoted-newline", 'text,label\n"two\nlines",a\none line,b\n', {"a": 1, "b": 1}),
    _csv("csv-labels-alone", "label\na\nb\na\n", refused=["beside the labels"]),
    _csv("csv-no-labels", "text\nI liked it\nnever again\n", refused=["label_column="]),
    _csv("csv-header-alone", "text,label\n", refused=["none that can be read"]),
    _csv("csv-empty", "", refused=["a table with a row of names"]),
    Case("csv-zeros", alone("x.csv", b"text,label\na\0b,c\n"), refused=["bytes that are no text"]),
    Case(
        "csv-that-is-a-pickle",
        alone("x.csv", b"\x80\x04\x95\x05\0\0\0\0\0\0\0K\x01."),
        refused=["text in"],
    ),
    _csv(
        "csv-column-of-no-use",
        "note,height,label\n" + "".join(f"n{n} of all,{n},{'ab'[n % 2]}\n" for n in range(40)),
        {"a": 20, "b": 20},
        notes=["the column note is left out".capitalize()],
        kind="tables",
    ),
    Case(
        "jsonl-two-kinds",
        alone("x.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": "c"}\n'),
        refused=["str beside int", "line 2"],
    ),
    Case(
        "jsonl-damaged",
        alone("x.jsonl", '{"text": "a", "label": 1}\n{"text"\n'),
        refused=["JSONDecodeError", "line 2"],
    ),
    Case(
        "jsonl-surrogate",
        alone("x.jsonl", '{"text": "a", "label": "\\ud800"}\n'),
        refused=["UTF-8 cannot hold"],
    ),
    Case("json-of-nothing", alone("x.json", "{}"), refused=["COCO"]),
    Case(
        "parquet-damaged",
        alone("x.parquet", b"PAR1" + bytes(50) + b"PAR1"),
        refused=["cannot be read"],
    ),
)
