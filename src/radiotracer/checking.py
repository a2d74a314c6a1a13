"""Wrong labels in data of one's own, in one call: opinions out of fold, a list, a report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

from radiotracer.backbones import BACKBONES
from radiotracer.backbones.given import Given
from radiotracer.backbones.matrices import require_file
from radiotracer.data import Dataset, open_data
from radiotracer.data.account import Account
from radiotracer.data.decoding import Decoding
from radiotracer.data.format import Reading, is_there, split_of
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.quality import MOST_AGAIN, held_out, shared
from radiotracer.data.sources import takes_image_size
from radiotracer.detectors import Detector, Rule
from radiotracer.digested import digested
from radiotracer.errors import DataError, InputError
from radiotracer.files import require_new_folder, write_text
from radiotracer.opinions.forming import Chosen, form_opinions
from radiotracer.recipes import Manifest
from radiotracer.scale import Runner
from radiotracer.scanning import Scan, write_scan
from radiotracer.scanning.from_opinions import default_detectors, scan_opinions
from radiotracer.scanning.inputs import require_same_kind
from radiotracer.scanning.validate import chosen, require_reference, require_settings

CHECK_FILE = "check.json"
"""Marks a folder as a check's: only such a folder is replaced."""

SIDE = 192
"""Pixels that images are resized to at most: what the packaged backbone looks at."""

Where = str | os.PathLike[str]


def check(
    data: Where | Dataset | Any,
    labels: Any = None,
    *,
    out: Where | None = None,
    validation: Where | Dataset | Any | None = None,
    backbone: Chosen | None = None,
    features: Given | None = None,
    validation_features: Given | None = None,
    probabilities: Given | None = None,
    detectors: tuple[str | Detector, ...] = (),
    rule: Rule | None = None,
    seed: int = 0,
    runner: Runner | None = None,
    command: str = "radiotracer.check",
    progress: Callable[[str, int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
    **reading: Unpack[Reading],
) -> Scan:
    """Look for wrong labels in data of any kind.

    A frozen backbone sees every example once; models are fitted to what it sees of nine tenths of
    the examples and asked about the other tenth, so that no example speaks for its own label. What
    they know is measured first: where that is too little, the outcome is inconclusive
    (`Decision.inconclusive`), nothing is flagged, and the ranking is all there is.

    Args:
        data: Whatever `radiotracer.open_data` takes: a DATA argument, a data set, a frame or
            another collection in memory; with `labels` the examples alone: an array (n, ...), a
            list of texts, PIL images or paths, or a frame.
        labels: n labels of any kind, or the name of a frame's column of labels.
        out: A folder that gets ``scan``, with summary.json, report.html, the ranking of all
            examples and what a review needs; a check that is there is replaced. None writes
            nothing.
        validation: Clean examples of the same kind that are not among `data`, in the same form
            (examples and labels as a pair); by default the test split that belongs to them, if
            there is one. With them the list keeps its rate by p-values; without, by an estimate.
        backbone: What sees the examples: a name of `radiotracer.backbones.BACKBONES`,
            ``timm:NAME``, ``hf:NAME``, ``module:function``, or a callable.
        features: Features that you have, instead: an array (n, d), or a file.
        validation_features: The same for the validation examples.
        probabilities: Out-of-sample probabilities of the classes that you have, instead of both: an
            array (n, C), or a file. Validation examples are not used then.
        detectors: What else ranks, and decides if it comes first; see `radiotracer.scan`.
        rule: How to decide; by default a false discovery rate of 5 %.
        seed: Everything random follows from it.
        runner: Who computes features; None is this process.
        command: What to name in the report as the command.
        progress: Told what is done, how many examples of it, and how many there are.
        note: Told, in words, what was read and left out, and which backbone is used.
        reading: As `radiotracer.open_data` takes it.

    Returns:
        The scan. `Scan.issues` has one row per example.

    Raises:
        DataError: Too few examples, of less than two classes, validation examples that are of
            another kind or among those that are checked, or features and probabilities that are of
            other data or none.
        InputError: A backbone that is unknown, missing or tells no example apart; `out` holds
            something else, or lies among the data.
        NotFiniteError: NaN or infinity in features or probabilities.
        StorageError: The disk refused.
    """
    _require_classes(labels)
    folder = None if out is None else Path(out)
    for given in (data, validation):
        if isinstance(given, str | os.PathLike):
            _require_no_image(given)
            if folder is not None:
                _require_outside(folder, given)
    if folder is not None:
        require_new_folder(folder, marker=CHECK_FILE, overwrite=True)
    require_settings(1, seed)
    require_reference(rule, None, 0)
    chosen(detectors, default=default_detectors())
    _require_one_source(backbone=backbone, features=features, probabilities=probabilities)
    _require_beside(features, validation_features, probabilities, validation)
    if isinstance(backbone, str) and ":" not in backbone:
        BACKBONES[backbone]  # an unknown name is told before anything is read
    examples = _opened(_paired(data, labels, reading), note, reading)
    shown = validation if validation is not None else examples.validation
    if probabilities is not None or (features is not None and validation_features is None):
        shown = None
    if shown is not None:
        shown = _validation(open_data(shown, like=examples, report=note), examples)
    for line in Account(examples, shown).lines(listed=True):
        note(line)
    opinions = form_opinions(
        examples,
        shown,
        backbone=backbone,
        features=features,
        validation_features=validation_features,
        probabilities=probabilities,
        seed=seed,
        runner=runner,
        progress=progress,
        note=note,
    )
    found = scan_opinions(
        opinions,
        examples,
        shown,
        manifest=Manifest.beside(examples),
        detectors=detectors,
        rule=rule,
        seed=seed,
        progress=progress,
    )
    if folder is not None:
        write_scan(found, folder / "scan", command=command, overwrite=True)
        about = {"models": opinions.words, "seed": seed, "command": command}
        write_text(folder / CHECK_FILE, digested(about))
    return found


def _require_classes(labels: Any) -> None:
    """Labels that are no classes have checks of their own."""
    import numpy as np

    if labels is None or isinstance(labels, str | list | tuple):
        return
    values = np.asarray(labels)
    several = values.ndim == 2 and values.shape[1] > 1
    if several or (values.ndim == 1 and values.dtype.kind == "f" and not _whole(values)):
        raise InputError(
            expected="one class per example",
            came=f"labels of shape {values.shape}" if several else "numbers that are not whole",
            do=f"call radiotracer.check_{'multilabel' if several else 'regression'}",
        )


def _whole(values: Any) -> bool:
    """Whether all are finite whole numbers: classes, whatever their type."""
    import numpy as np

    return bool(np.isfinite(values).all() and (values == np.round(values)).all())


def _paired(data: Any, labels: Any, reading: Reading) -> Any:
    """What `open_data` takes, of examples and labels apart."""
    if labels is None:
        return data
    if isinstance(labels, str):
        reading["label_column"] = labels
        return data
    if isinstance(data, str | os.PathLike | Dataset):
        raise InputError(
            expected="labels= beside examples in memory",
            came=f"labels= beside {str(data)[:100]}",
            do="leave out labels=, or name their column with label_column=",
        )
    columns = getattr(data, "columns", None)
    if columns is not None and hasattr(data, "__arrow_c_stream__"):  # a frame
        import pyarrow as pa

        table = pa.table(data)
        reading["label_column"] = "label" if "label" not in table.column_names else "given label"
        return table.append_column(reading["label_column"], pa.array(list(labels)))
    return data, labels


def _opened(data: Any, note: Callable[[str], None], reading: Reading) -> Dataset:
    """The examples; images of several sizes, or large ones, are made small squares of one size."""
    found = open_data(data, report=note, decoding=Decoding(most=SIDE), **reading)
    shape = found.modality.shape(found.content)
    resized = "image_size" not in found.options and takes_image_size(data)
    if resized and shape.get("height") == shape.get("width"):
        # Whoever opens the data again gets the same pixels.
        options = {**found.options, "image_size": shape["height"]}
        found = dataclasses.replace(found, options=options)
    return found


def _require_one_source(**given: Any) -> None:
    named = [name for name, each in given.items() if each is not None]
    if len(named) > 1:
        raise InputError(
            expected=f"one of {', '.join(f'{name}=' for name in given)}",
            came=" and ".join(f"{name}=" for name in named),
            do="leave out all but one",
        )


def _require_beside(
    features: Given | None, theirs: Given | None, chances: Given | None, validation: Any
) -> None:
    """Refuse what would be ignored, and files that are not there, before anything is read."""
    if theirs is not None and features is None:
        raise InputError(
            expected="features= beside validation_features=", came="none", do="pass both"
        )
    if validation is not None and chances is not None:
        raise InputError(
            expected="probabilities= alone, by which validation examples cannot be ranked",
            came="validation= beside it",
            do="leave out validation=",
        )
    if validation is not None and features is not None and theirs is None:
        raise InputError(
            expected="validation_features= beside features= and validation=",
            came="none",
            do="compute them in the same way",
        )
    files = {"features": features, "validation features": theirs, "probabilities": chances}
    for what, given in files.items():
        if isinstance(given, str | os.PathLike):
            require_file(Path(given), what)


def _require_no_image(data: Where) -> None:
    path = Path(data)
    if path.suffix.lower() in SUFFIXES and is_there(path) and path.is_file():
        raise DataError(
            expected="a folder with one folder of images per class",
            came=f"the image {data}",
            do="pass the folder that holds the class folders",
        )


def _require_outside(folder: Path, data: Where) -> None:
    """Among class folders, what a check writes would be a class."""
    around = Path(split_of(os.fspath(data))[0])
    if is_there(around) and around.is_dir() and folder.resolve().is_relative_to(around.resolve()):
        raise InputError(
            expected="out= outside of the data",
            came=f"{folder} within {around}",
            do="choose another out=",
        )


def _validation(shown: Dataset, examples: Dataset) -> Dataset:
    """Those that are held out; what only the scan would refuse is refused before the training."""
    require_same_kind(examples, shown)
    copies = shared(examples, shown)
    again = int((copies.rows >= len(examples)).sum())
    if again > MOST_AGAIN * len(shown):
        raise DataError(
            expected="validation data that are not among the checked ones",
            came=f"{again:,} of {len(shown):,} that are",
            do="hold them out of DATA",
        )
    return held_out(examples, shown)
