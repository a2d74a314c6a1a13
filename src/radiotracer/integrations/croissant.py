"""Croissant 1.0 metadata of data that were stored, marked or cleaned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radiotracer.files import sha256_file
from radiotracer.integrations.published import Published, published
from radiotracer.legible import visible

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"

_CROISSANT = (
    "citeAs column conformsTo data dataType equivalentProperty examples extract field fileProperty "
    "fileObject fileSet format includes isLiveDataset jsonPath key md5 parentField path recordSet "
    "references regex repeated replace samplingRate separator source subField transform"
)

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in _CROISSANT.split()},
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}
"""The context that version 1.0 prescribes."""

_TYPES = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".parquet": "application/x-parquet",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}

_MARKED = (
    "Some images were changed under a secret key with radiotracer, so that training on these data "
    "can be shown. How they were marked, and how models will be audited, is fixed by the "
    "commitment, SHA-256 {commitment}."
)
_CLEANED = (
    "Training examples that a radiotracer scan found suspicious were reviewed by a person: some "
    "were dropped or relabelled. CHANGES.md counts them."
)


def croissant(folder: str | Path, *, image_size: int | None = None) -> dict[str, Any]:
    """Metadata to be written beside the data, as ``croissant.json`` in the folder published.

    Files are listed with their SHA-256, image folders as sets of files, and the classes as a record
    set. The commitment to marks is among the identifiers, in the description, and in
    ``rai:dataManipulationProtocol``.
    Licence, address and citation are the publisher's to add: they are not known here.

    Args:
        folder: What `radiotracer mark`, `review --export` or `data store` wrote, or the folder
            ``release`` of marked data. Nothing sealed is read.
        image_size: Of images in folders whose sizes differ.

    Raises:
        InputError: It is none of these.
        DataError: It is damaged.
    """
    data = published(Path(folder), image_size=image_size)
    examples, name = data.examples, visible(data.name)
    found: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": f"{len(examples):,} labelled images of {len(examples.class_names)} classes, "
        f"{data.kind} with radiotracer.",
        "conformsTo": CONFORMS_TO,
        "identifier": [_identifier("radiotracer-data-sha256", examples.digest)],
        "keywords": ["radiotracer", f"{data.kind} data"],
        "distribution": [*_files(data), *_sets(data)],
        "recordSet": [_classes(examples.class_names)],
    }
    protocol = []
    if data.commitment is not None:
        found["identifier"].append(_identifier("radiotracer-commitment-sha256", data.commitment))
        protocol.append(_MARKED.format(commitment=data.commitment))
    if data.kind == "cleaned":
        protocol.append(_CLEANED)
    if protocol:
        found["rai:dataManipulationProtocol"] = " ".join(protocol)
        found["description"] = " ".join([found["description"], *protocol])
    return found


def _identifier(name: str, value: str) -> dict[str, str]:
    return {"@type": "sc:PropertyValue", "propertyID": name, "value": value}


def _files(data: Published) -> list[dict[str, str]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": file,
            "name": Path(file).name,
            "contentUrl": file,
            "contentSize": f"{(data.base / file).stat().st_size} B",
            "encodingFormat": _TYPES.get(Path(file).suffix.lower(), "application/octet-stream"),
            "sha256": sha256_file(data.base / file),
        }
        for file in data.files
    ]


def _sets(data: Published) -> list[dict[str, str]]:
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"images{suffix}",
            "name": f"images{suffix}",
            "description": "Images, each in the folder of its class.",
            "encodingFormat": _TYPES.get(suffix, f"image/{suffix[1:]}"),
            "includes": f"data/**/*{suffix}",
        }
        for suffix in data.sets
    ]


def _classes(names: tuple[str, ...]) -> dict[str, Any]:
    """The label's numbers and names, as an enumeration that readers can load."""
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "The number that stands for each class in the labels, and its name.",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/number"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": "classes/number",
                "name": "number",
                "description": "In the labels.",
                "dataType": "sc:Integer",
            },
            {
                "@type": "cr:Field",
                "@id": "classes/name",
                "name": "name",
                "description": "For people.",
                "dataType": "sc:Text",
            },
        ],
        "data": [
            {"classes/number": number, "classes/name": visible(name)}
            for number, name in enumerate(names)
        ],
    }
