"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from cyclopts import Parameter

if TYPE_CHECKING:
    from radiotracer.data.format import Reading

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


@Parameter(name="*")
@dataclass(frozen=True)
class ReadingOptions:
    """How data are read; see `radiotracer.data.format.Reading`."""

    image_size: ImageSize = None
    image_column: Annotated[
        str | None,
        Parameter(help="The column of images, or of the names of their files, of a table."),
    ] = None
    text_column: Annotated[
        str | None,
        Parameter(help="The column of texts of a table, where its name does not tell it."),
    ] = None
    label_column: Annotated[
        str | None,
        Parameter(help="The column of labels of a table, where its name does not tell it."),
    ] = None
    id_column: Annotated[
        str | None, Parameter(help="The column of ids of a table; by default id, or row numbers.")
    ] = None
    follow_links: Annotated[
        list[Path] | None,
        Parameter(
            negative="",
            help="A folder that symbolic links, and paths in tables, may lead to; repeatable.",
        ),
    ] = None
    merge: Merge = None
    drop_class: DropClass = None

    def given(self) -> Reading:
        """Those that were given, as `radiotracer.open_data` takes them."""
        found = {name: value for name, value in vars(self).items() if value not in (None, [])}
        return cast("Reading", found)


DEFAULT_READING = ReadingOptions()

Data = Annotated[
    str,
    Parameter(
        help="Images: mnist, fashion-mnist, a folder with one folder of them per class, a table of "
        "their files and labels, .npz, WebDataset (train-{000..012}.tar), COCO's annotations.json. "
        "Texts: spam-assassin, a folder with one folder of .txt files per class, a table with a "
        "column of texts. Rows of numbers and categories: any other table. Tables are CSV, JSON, "
        "Parquet or Arrow. Or a folder that radiotracer wrote. :train, :val or :test behind it "
        "names a split, :boxes each annotated box."
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
UsedHeldOut = Annotated[
    str | None,
    Parameter(help="The unmarked DATA of the audit, where they lie elsewhere now."),
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
