"""``radiotracer tamper``: change a data set by a recipe, and write down what was done."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.console import emit, err, out
from radiotracer.cli.options import Data, ImageSize, Json, Out, Overwrite, Seed
from radiotracer.data import open_data, save_examples
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder
from radiotracer.recipes import MANIFEST_FILE, random_flip, require_fraction, targeted_flip


def tamper(
    data: Data,
    /,
    *,
    recipe: Annotated[Literal["random-flip", "targeted-flip"], Parameter(help="How to tamper.")],
    fraction: Annotated[
        float,
        Parameter(help="Share to change, in (0, 1): of all examples, or of the source class."),
    ],
    folder: Annotated[Out, Parameter(name="--out")],
    seed: Seed = 0,
    from_class: Annotated[
        str | None, Parameter(help="targeted-flip: name of the class whose labels change.")
    ] = None,
    to_class: Annotated[
        str | None, Parameter(help="targeted-flip: name of the class that they change to.")
    ] = None,
    image_size: ImageSize = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    require_fraction(fraction)
    targeted = recipe == "targeted-flip"
    both = {"--from-class": from_class, "--to-class": to_class}
    given = [f"{option} {name}" for option, name in both.items() if name is not None]
    if targeted != (from_class is not None) or targeted != (to_class is not None):
        raise InputError(
            expected="--from-class and --to-class with targeted-flip, and only with it",
            came=f"{recipe} with {' and '.join(given) or 'neither'}",
            do="add or remove them",
        )
    examples = open_data(data, image_size=image_size, report=err.print)
    options: dict[str, int] = {}
    if from_class is not None and to_class is not None:
        options = {
            "source": _class(examples.class_names, "--from-class", from_class),
            "target": _class(examples.class_names, "--to-class", to_class),
        }
        tampered, manifest = targeted_flip(examples, fraction=fraction, seed=seed, **options)
    else:
        tampered, manifest = random_flip(examples, fraction=fraction, seed=seed)
    provenance = {
        "source": examples.source,
        "source_digest": examples.digest,
        "recipe": recipe,
        "fraction": fraction,
        "seed": seed,
        **options,
    }
    with atomic_folder(folder, marker=MANIFEST_FILE, overwrite=overwrite) as temporary:
        save_examples(tampered, temporary, provenance=provenance)
        manifest.write(temporary)
    changed = int(manifest.is_tampered.sum())
    if json:
        emit({"examples": len(tampered), "tampered": changed, "out": str(folder), **provenance})
    else:
        out.print(f"{changed:,} of {len(tampered):,} labels changed; written to {folder}")
        out.print(f"next: radiotracer train {folder} --out run")
    return 0


def _class(names: tuple[str, ...], option: str, name: str) -> int:
    if name not in names:
        raise InputError(
            expected=f"{option} among {', '.join(names)}", came=repr(name), do="choose one of them"
        )
    return names.index(name)
