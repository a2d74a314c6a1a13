"""Fields for FiftyOne and columns for Spotlight: plain values of the types that they document."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radiotracer import DataError, Scan
from radiotracer.integrations import fiftyone_fields, issue_table, spotlight_columns
from tiny_world import World

# What FiftyOne infers from plain values: BooleanField, FloatField, StringField, StringField.
FIELDS = {
    "is_tampered_issue": bool,
    "tampered_score": float,
    "given_label": str,
    "predicted_label": str,
}


def test_fields_by_id(found: Scan, scan_folder: Path) -> None:
    fields, table = fiftyone_fields(found), issue_table(found)
    assert fields == fiftyone_fields(scan_folder)
    assert list(fields) == list(FIELDS)
    for name, values in fields.items():
        assert {type(value) for value in values.values()} == {FIELDS[name]}
        assert list(values) == table["id"].to_pylist()
        assert list(values.values()) == table[name].to_pylist()


def test_fields_by_path(
    found: Scan, tiny: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = tiny.tampered.ids[0]
    for root in ("photos", Path("photos"), tmp_path / "photos", "other/../photos"):
        assert next(iter(fiftyone_fields(found, root=root)["tampered_score"])) == str(
            tmp_path / "photos" / first
        )


def test_columns_and_types(found: Scan, scan_folder: Path, tiny: World) -> None:
    table, dtype = spotlight_columns(found)
    assert table.equals(issue_table(scan_folder)) and list(dtype) == table.column_names
    table, dtype = spotlight_columns(scan_folder, examples=tiny.tampered)
    assert list(dtype) == table.column_names and dtype["image"] == "Image"
    frame = table.to_pandas()
    for row in (0, 95):
        shown = np.asarray(Image.open(io.BytesIO(frame["image"][row])))
        np.testing.assert_array_equal(shown, tiny.tampered.content[row, :, :, 0])
    dtype.clear()
    assert spotlight_columns(found)[1]


def test_images_of_other_data(found: Scan, tiny: World) -> None:
    rolled = tiny.tampered.take(np.roll(np.arange(96), 1))
    for other in (rolled, tiny.queries):
        with pytest.raises(DataError, match="open the data that were scanned"):
            spotlight_columns(found, examples=other)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, radiotracer.integrations, radiotracer.integrations.datalab; "
        "print([name for name in ('torch', 'cleanlab', 'pandas', 'fiftyone', 'renumics', "
        "'datasets', 'lightning', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
