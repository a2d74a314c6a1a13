"""Data that lie in memory: arrays, lists, frames, data sets of torch and of Hugging Face."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radiotracer.data.class_folders import as_text
from radiotracer.data.dataset import Dataset
from radiotracer.data.encoded import Encoded
from radiotracer.data.format import Options, is_there
from radiotracer.data.items import split as item_and_target
from radiotracer.data.labels import Given
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.modalities.vectors import VECTORS
from radiotracer.data.modality import Modality
from radiotracer.data.npz import numbered
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rows import PLACE, Read, Rows, assembled, to_examples, to_texts
from radiotracer.data.scaling import as_content
from radiotracer.data.splits import WHOLE
from radiotracer.errors import DataError, InputError

EXAMPLES = ("images", "texts", "vectors", "features", "x")
LABELS = ("labels", "y")

_FORMS = (
    "a pair (examples, labels), a frame with a column of labels, or a data set of torch or "
    "Hugging Face"
)


def open_in_memory(data: Any, options: Options) -> Dataset:
    """Examples from what a program has at hand.

    Args:
        data: A pair of examples and labels, or a mapping of them (``images``, ``texts`` or
            ``vectors``, ``labels``, and perhaps ``ids`` and ``class_names``); a pandas or polars
            frame or an Arrow table; a data set of Hugging Face; a data set of torch, of which the
            files or arrays behind it are taken where it shows them (as torchvision's do), without
            its transforms. Examples are an array or tensor (n, …), or a list of texts, of arrays,
            of PIL images, of encoded images, or of paths.
        options: What `open_data` was told.

    Raises:
        DataError: Something else, or what cannot be used.
    """
    require_image_size(options.image_size)
    if isinstance(data, Dataset):
        if options.given():
            raise InputError(
                expected="a data set alone, which is open already",
                came=f"{', '.join(f'{name}=' for name in options.given())} beside it",
                do="open it with them",
            )
        return data
    if _is_of("datasets", ("Dataset", "DatasetDict"), data):
        from radiotracer.data.hugging_face import from_hugging_face  # loads pyarrow

        return from_hugging_face(data, options=options)
    if _is_of("pandas", ("DataFrame",), data) or _is_of("polars", ("DataFrame",), data):
        from radiotracer.data.frames import from_frame  # loads pyarrow

        return from_frame(data, options)
    if _is_of("pyarrow", ("Table",), data):
        from radiotracer.data.frames import from_arrow

        return from_arrow(data, options)
    if isinstance(data, Mapping):
        return _of_mapping(data, options)
    return _of_sequence(data, options)


def is_encoded(data: Any) -> bool:
    """Whether `open_in_memory` decodes images, or looks whether there are some."""
    if hasattr(data, "dataset") and hasattr(data, "indices"):
        return is_encoded(data.dataset)
    if isinstance(data, Mapping) and not hasattr(data, "features"):
        data = next((data[name] for name in EXAMPLES if name in data), ())
    elif isinstance(data, tuple) and len(data) == 2:
        data = data[0]
    elif isinstance(data, Dataset) or hasattr(data, "tensors") or hasattr(data, "targets"):
        return isinstance(getattr(data, "samples", None), list)
    first = next(iter(data), None) if isinstance(data, list | tuple) else None
    if first is None:
        return not _is_array(data)
    return not _is_array(first) and (not isinstance(first, str) or _is_picture(first))


def _of_sequence(data: Any, options: Options) -> Dataset:
    if isinstance(data, tuple) and len(data) == 2:
        return _of_pair(data[0], data[1], options)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, list):
        return _of_dataset(data, options)
    raise DataError(
        expected=f"a DATA argument, {_FORMS}",
        came=f"a {type(data).__name__}",
        do="pass (examples, labels)",
    )


def _of_mapping(data: Mapping[str, Any], options: Options) -> Dataset:
    examples = [name for name in EXAMPLES if name in data]
    labels = [name for name in LABELS if name in data]
    if len(examples) != 1 or len(labels) != 1:
        raise DataError(
            expected=f"a mapping with one of {', '.join(EXAMPLES)} and with labels",
            came=f"the keys {', '.join(map(str, data))[:100]}",
            do="name them so",
        )
    names = data.get("class_names")
    return _of_pair(
        data[examples[0]],
        data[labels[0]],
        options,
        names=None if names is None else tuple(map(str, names)),
        ids=data.get("ids"),
    )


def _of_pair(
    examples: Any,
    labels: Any,
    options: Options,
    *,
    names: tuple[str, ...] | None = None,
    ids: Any = None,
    notes: Sequence[str] = (),
) -> Dataset:
    values = _values(labels)
    if not len(examples) == len(values):
        raise DataError(
            expected="as many labels as examples",
            came=f"{len(examples)} examples and {len(values)} labels",
            do="give data that belong together",
        )
    named = numbered("", len(values)).tolist() if ids is None else [str(each) for each in ids]
    given = Given(values, names)

    def read(items: Sequence[Any]) -> Read[Any]:
        return Read({WHOLE: [Rows(items, given, named)]}, WHOLE, PLACE, notes=notes)

    if _is_array(examples):
        if options.image_size is not None:
            raise DataError(
                expected="image_size= with encoded images, files or PIL images",
                came="an array",
                do="resize it, or leave out image_size=",
            )
        content, said = as_content(_array(examples), PLACE)
        return _of_array(content, read([None] * len(values)), said)
    first = next((each for each in examples if each is not None), None)
    if isinstance(first, str) and not _is_picture(first):
        return to_texts(read(list(examples)))
    if _is_array(first):
        arrays = [_array(each) for each in examples]
        if len({each.shape for each in arrays}) == 1:
            content, said = as_content(np.stack(arrays), PLACE)
            return _of_array(content, read([None] * len(values)), said)
    items = [None if each is None else _encoded(each) for each in examples]
    return to_examples(read(items), image_size=options.image_size, decoding=options.decoding)


def _of_array(content: Any, read: Read[Any], notes: Sequence[str]) -> Dataset:
    modality: Modality = IMAGES if content.ndim == 4 else VECTORS
    return assembled(
        read, read.classes(), modality, lambda kept: content[kept], do="give labels", notes=notes
    )


def _of_dataset(data: Any, options: Options) -> Dataset:
    """A data set of torch: what lies behind it where it shows that, else its items."""
    if hasattr(data, "dataset") and hasattr(data, "indices"):
        return open_in_memory(data.dataset, options).take(list(data.indices))
    names = getattr(data, "classes", None)
    classes = tuple(map(str, names)) if isinstance(names, list | tuple) else None
    plain = ("the transforms of the data set were not applied",)
    transforms = getattr(data, "transform", None) or getattr(data, "transforms", None)
    notes = plain if transforms is not None else ()
    samples = getattr(data, "samples", None)
    if isinstance(samples, list) and samples and isinstance(samples[0], tuple):
        paths, labels = zip(*samples, strict=True)
        ids = _relative([str(path) for path in paths], getattr(data, "root", None))
        return _of_pair(
            [Path(path) for path in paths], labels, options, names=classes, ids=ids, notes=notes
        )
    if hasattr(data, "data") and hasattr(data, "targets") and _is_array(data.data):
        return _of_pair(data.data, data.targets, options, names=classes, notes=notes)
    tensors = getattr(data, "tensors", None)
    if isinstance(tensors, tuple) and len(tensors) == 2:
        return _of_pair(tensors[0], tensors[1], options)
    pairs = [item_and_target(data[row], f"item {row}") for row in range(len(data))]
    if pairs and not _same(pairs[0][0], item_and_target(data[0], "item 0")[0]):
        raise DataError(
            expected="a data set whose items stay the same",
            came="item 0, which differs when it is read again",
            do="leave out its random transforms",
        )
    return _of_pair([each for each, _ in pairs], [each for _, each in pairs], options)


def _values(labels: Any) -> list[Any]:
    array = _array(labels) if _is_array(labels) or hasattr(labels, "to_numpy") else None
    if array is None:
        return [each.tolist() if hasattr(each, "tolist") else each for each in labels]
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            expected="labels of shape (n,)",
            came=f"shape {array.shape}: several labels (multi-label) or one-hot",
            do="give one class per example, for example y.argmax(1) if one-hot",
        )
    values: list[Any] = array.tolist()
    return values


def _is_array(thing: Any) -> bool:
    return isinstance(thing, np.ndarray) or _is_of("torch", ("Tensor",), thing)


def _array(thing: Any) -> Any:
    if hasattr(thing, "detach"):
        thing = thing.detach().cpu()
    return thing.to_numpy() if hasattr(thing, "to_numpy") else np.asarray(thing)


def _encoded(thing: Any) -> Encoded:
    if isinstance(thing, bytes | Path):
        return thing
    if isinstance(thing, str):
        return Path(thing)
    if isinstance(thing, memoryview | bytearray):
        return bytes(thing)
    if _is_array(thing):
        from PIL import Image

        thing = Image.fromarray(_array(thing))
    if hasattr(thing, "save") and hasattr(thing, "mode"):
        stream = io.BytesIO()
        lossless = "PNG" if thing.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "TIFF"
        thing.save(stream, lossless)
        return stream.getvalue()
    raise DataError(
        expected="texts, arrays, PIL images, encoded images or paths as examples",
        came=f"a {type(thing).__name__}",
        do="convert them",
    )


def _is_picture(text: str) -> bool:
    return Path(text).suffix.lower() in SUFFIXES and is_there(Path(text))


def _same(one: Any, two: Any) -> bool:
    if _is_array(one):
        return bool(np.array_equal(_array(one), _array(two)))
    if hasattr(one, "tobytes"):
        return bool(one.tobytes() == two.tobytes())
    if isinstance(one, tuple):
        return all(_same(*parts) for parts in zip(one, two, strict=True))
    return bool(one == two)


def _relative(paths: Sequence[str], root: object) -> list[str]:
    if isinstance(root, str | os.PathLike):
        top = os.fspath(root)
        if all(Path(each).is_relative_to(top) for each in paths):
            return [as_text(Path(each).relative_to(top).as_posix()) for each in paths]
    return [as_text(each) for each in paths]


def _is_of(package: str, names: Sequence[str], thing: Any) -> bool:
    """Whether a thing is of a class of a package: whoever has one has loaded that package."""
    module = sys.modules.get(package)
    return module is not None and any(
        isinstance(thing, kind) for name in names if (kind := getattr(module, name, None))
    )
