"""Croissant 1.0 metadata of data that were stored, marked or cleaned."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import Any

from radiotracer.data.modality import nouns
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
}

_MARKED = (
    "Some {examples} were changed under a secret key with radiotracer, so that training on these "
    "data can be shown. How they were marked, and how models will be audited, is fixed by the "
    "commitment, SHA-256 {commitment}."
)
_CLEANED = (
    "Training examples that a radiotracer scan found suspicious were reviewed by a person: some "
    "were dropped or relabelled. CHANGES.md counts them."
)


def croissant(folder: str | os.PathLike[str], **options: Any) -> dict[str, Any]:
    """Metadata to be written beside the data, as ``croissant.json`` in the folder published.

    Files are listed with their SHA-256, folders as sets of files, and the classes as a record
    set. The commitment to marks is among the identifiers, in the description, and in
    ``rai:dataManipulationProtocol``.
    Licence, address and citation are the publisher's to add: they are not known here.

    Args:
        folder: What `radiotracer mark`, `review --export` or `data store` wrote, or the folder
            ``release`` of marked data. Nothing sealed is read.
        options: Of `open_data`, for cleaned data that need some: ``image_size=32``.

    Raises:
        InputError: It is none of these.
        DataError: It is damaged.
    """
    data = published(folder, **options)
    examples, name = data.examples, visible(data.name)
    modality = examples.modality
    found: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": f"{nouns(modality, len(examples))} with labels of "
        f"{len(examples.class_names)} classes, {data.kind} with radiotracer.",
        "conformsTo": CONFORMS_TO,
        "identifier": [_identifier("radiotracer-data-sha256", examples.digest)],
        "keywords": ["radiotracer", f"{data.kind} data"],
        "distribution": [*_files(data), *_sets(data)],
        "recordSet": [_classes(examples.class_names)],
    }
    protocol = []
    if data.commitment is not None:
        found["identifier"].append(_identifier("radiotracer-commitment-sha256", data.commitment))
        protocol.append(_MARKED.format(commitment=data.commitment, examples=f"{modality.noun}s"))
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
            "encodingFormat": _type(file),
            "sha256": sha256_file(data.base / file),
        }
        for file in data.files
    ]


def _type(file: str) -> str:
    """The media type of a file by its name."""
    known = _TYPES.get(Path(file).suffix.lower())
    return known or mimetypes.guess_type(file)[0] or "application/octet-stream"


def _sets(data: Published) -> list[dict[str, str]]:
    plural = f"{data.examples.modality.noun}s"
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"{plural}{suffix}",
            "name": f"{plural}{suffix}",
            "description": f"{plural.capitalize()}, each in the folder of its class.",
            "encodingFormat": _type(f"file{suffix}"),
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
