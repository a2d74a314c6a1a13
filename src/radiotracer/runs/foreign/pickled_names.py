"""What a file of ``torch.save`` is made of, read without unpickling it."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from pathlib import Path

from radiotracer.errors import InputError

_TENSORS = re.compile(
    r"torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2"
    r"|torch(\.storage)?\.\w+Storage|torch\.nn\.parameter\.Parameter|torch\.serialization\._get_layout"
    r"|torch\.(b?float\w+|complex\d+|u?int\d+|bool|device|Size)"
    r"|collections\.OrderedDict|_codecs\.encode|(builtins|__builtin__)\.(set|bytearray|complex)"
)
"""What pickles of tensors name, as ``module.name``; torch's own list, which decides, is shorter."""

_ZIP = b"PK\x03\x04"
"""How a zip file with anything in it begins."""

_BY_STACK = ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4")
"""Ways of naming that do not say here what they name; ``torch.save`` uses none of them."""


def require_harmless_archive(content: bytes, path: Path, *, most: int) -> None:
    """Raise unless it is a zip file as ``torch.save`` writes it, whose pickle names only tensors.

    This refuses early and says why; it is no proof. The older format, without the zip file, cannot
    be measured before it is unpickled, and is refused.

    Args:
        content: The file's bytes.
        path: Names the file in errors.
        most: The most that it may unpack to, in bytes.

    Raises:
        InputError: It is another kind of file, packed, larger than itself, or names other things.
    """
    try:
        # Torch takes whatever begins otherwise for the older format; zip files may end as one.
        if not content.startswith(_ZIP):
            raise zipfile.BadZipFile
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(
            expected=f"a state dict that torch 1.6 or newer saved at {path}",
            came="no zip file",
            do="fetch it again, or have its owner save it as safetensors",
        ) from error
    _require_small(entries, len(content), path, most)
    foreign = [name for name in _names(content) if not _TENSORS.fullmatch(name)]
    if foreign:
        raise InputError(
            expected=f"nothing but tensors in {path}",
            came=f"a file that wants {foreign[0][:100]}, which may run code",
            do="have its owner save the state dict alone, as safetensors",
        )


def _require_small(entries: list[zipfile.ZipInfo], size: int, path: Path, most: int) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > min(most, size) or any(entry.compress_type for entry in entries):
        raise InputError(
            expected=f"an uncompressed state dict of at most {min(most, size)} bytes in {path}",
            came=f"one of {unpacked} bytes, packed into {size}",
            do="have its owner save it as safetensors",
        )


def _names(content: bytes) -> list[str]:
    """What the pickles of an archive name, as ``module.name``, up to where they are damaged."""
    found = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".pkl"):
                    for opcode, argument, _ in pickletools.genops(archive.read(entry)):
                        if opcode.name in ("GLOBAL", "INST"):
                            found.append(str(argument).replace(" ", "."))
                        elif opcode.name in _BY_STACK:
                            found.append("names that it hides")
    except Exception:  # damaged files raise what they like; the loader will refuse this one
        return found
    return found
