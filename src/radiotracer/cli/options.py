"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Out = Annotated[Path, Parameter(help="Folder to write; it must be new.")]
Overwrite = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Replace what an earlier run of this command left there.",
    ),
]
Json = Annotated[
    bool,
    Parameter(
        name="--json",
        negative="",
        show_default=False,
        help="Print one JSON object instead of text.",
    ),
]
Seed = Annotated[int, Parameter(help="Everything random follows from it.")]
ImageSize = Annotated[
    int | None,
    Parameter(
        help="Resize encoded images (of folders, tables, archives) to this height and width."
    ),
]
TextColumn = Annotated[
    str | None,
    Parameter(help="The column of texts, in a table where its name does not tell it."),
]
LabelColumn = Annotated[
    str | None,
    Parameter(help="The column of labels, in a table where its name does not tell it."),
]
Merge = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="Merge a class into another one, FROM=INTO, such as 'Cat=cat'; repeatable. INTO may "
        "be a new name; blanks count.",
    ),
]
DropClass = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="Leave a class out with all its examples, such as __MACOSX; repeatable.",
    ),
]
Data = Annotated[
    str,
    Parameter(
        help="Images: mnist, fashion-mnist, a folder with one folder of them per class, a folder "
        "with the four IDX files, an .npz file, WebDataset archives (train-{000..012}.tar), COCO's "
        "annotations.json. Texts: spam-assassin, a folder with one folder of .txt files per class, "
        "files with a text column. Rows of a table: files without one. Such files are CSV, JSON "
        "lines, Parquet or Arrow, and hold images, too. Vectors: two axes of floats in an .npz "
        "file. Or a folder that radiotracer wrote; :train or :test behind it chooses a split, "
        ":boxes each annotated box."
    ),
]
TrainingData = Annotated[
    str | None, Parameter(help="The training data; by default what the run recorded.")
]
Marked = Annotated[Path, Parameter(help="The folder that `radiotracer mark` wrote.")]
HeldOut = Annotated[
    str | None,
    Parameter(
        help="Unmarked data that the suspect was not trained on, for audits of carriers; by "
        "default the test split that belongs to the marked data."
    ),
]
KeyFile = Annotated[Path, Parameter(help="The secret key's file; see `radiotracer key new`.")]
Factory = Annotated[
    str | None,
    Parameter(
        help="module:function that builds the network, for runs of your own networks. This "
        "code is executed."
    ),
]
BatchSize = Annotated[int, Parameter(help="Examples per pass.")]
Device = Annotated[
    str,
    Parameter(
        help="Where the work is done, as torch names it: cpu, cuda, cuda:1, mps. auto is the "
        "accelerator, if there is one."
    ),
]
Precise = Annotated[
    Literal["float32", "bfloat16"],
    Parameter(
        name="--precision",
        help="Of forward passes: bfloat16 is mixed precision, faster on GPUs; what it changes is "
        "measured on a sample and reported.",
    ),
]
AllowInterrupted = Annotated[
    bool, Parameter(negative="", show_default=False, help="Use a training that did not end.")
]
