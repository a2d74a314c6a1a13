"""Tables of nine small images, and ways to write them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from PIL import Image

from radiotracer.data import open_data
from radiotracer.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 5, 4, 3), dtype=np.uint8)
LABELS = [0, 1, 2, 0, 1, 2, 0, 1, 2]
NAMES = ["low", "mid", "top"]


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind)
    return stream.getvalue()


def table(
    n: int = 9,
    *,
    image: str = "image",
    label: str = "label",
    form: str = "struct",
    labels: Any = None,
    grey: bool = False,
    **more: Any,
) -> pa.Table:
    encoded = [png(each[..., 0] if grey else each) for each in PIXELS[:n]]
    if form == "struct":
        rows = [{"bytes": each, "path": f"{i}.png"} for i, each in enumerate(encoded)]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        images = pa.array(rows, kind)
    else:
        images = pa.array(encoded, {"binary": pa.binary(), "large": pa.large_binary()}[form])
    return pa.table({image: images, label: LABELS[:n] if labels is None else labels, **more})


def named(whole: pa.Table, names: list[str] | None = None, label: str = "label") -> pa.Table:
    """With the metadata that Hugging Face writes."""
    features = {
        "image": {"_type": "Image"},
        label: {"names": NAMES if names is None else names, "_type": "ClassLabel"},
    }
    text = json.dumps({"info": {"features": features}})
    return whole.replace_schema_metadata({b"huggingface": text.encode()})


def write(whole: pa.Table, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(whole, path)
    elif path.suffix == ".feather":
        feather.write_feather(whole, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, whole.schema) as stream:
            stream.write_table(whole)
    return path


def refused(path: Path | str, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        open_data(str(path), **settings)
    return str(caught.value)
