"""``radiotracer tamper``: change a data set by a recipe, and write down what was done."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, tell_data
from radiotracer.cli.options import (
    DEFAULT_READING,
    Data,
    Factory,
    Json,
    Out,
    Overwrite,
    ReadingOptions,
    Seed,
)
from radiotracer.errors import InputError
from radiotracer.recipes import RECIPES, Option, Recipe

if TYPE_CHECKING:
    from radiotracer.data import Dataset


@command("tamper")
def tamper(
    data: Data,
    /,
    *,
    recipe: str,
    folder: Annotated[Out, Parameter(name="--out")],
    seed: Seed = 0,
    factory: Factory = None,
    reading: ReadingOptions = DEFAULT_READING,
    overwrite: Overwrite = False,
    json: Json = False,
    **options: Any,
) -> int:
    """Tamper with a data set by a recipe, and write down what was done.

    The new folder holds the tampered data, which every command takes as DATA, and manifest.parquet
    (id, original_label, label, recipe, is_tampered). A flipped label is always another one.

    Example: radiotracer tamper mnist --recipe targeted-flip --from-class 3 --to-class 9 --share 0.1
    --out tampered
    """
    chosen = RECIPES[recipe]
    given = {name: value for name, value in options.items() if value is not None}
    chosen.require_fitting(
        given if factory is None else {**given, "factory": factory},
        also=["factory"] if any(each.means == "network" for each in chosen.options) else [],
    )
    for name, reason in RECIPES.failures.items():
        err.print(f"the recipe {name} was left out: {reason}")

    from radiotracer.data import open_data, save_examples
    from radiotracer.files import atomic_folder, require_new_folder
    from radiotracer.recipes import MANIFEST_FILE, Crafted

    require_new_folder(folder, marker=MANIFEST_FILE, overwrite=overwrite)
    examples = open_data(
        data,
        **reading.given(),
        report=err.print,
    )
    tell_data(examples)
    chosen.require_modality(examples)
    arguments = {
        each.argument: _meant(each, given[each.name], examples, factory)
        for each in chosen.options
        if each.name in given
    }
    made = chosen.function(examples, seed=seed, **arguments)
    if isinstance(made, Crafted):
        tampered, manifest, attack = made.examples, made.manifest, made.attack
    else:
        (tampered, manifest), attack = made, _attack(chosen, arguments, examples)
    settings = {
        "source": examples.source,
        "source_digest": examples.digest,
        "recipe": recipe,
        "seed": seed,
        **given,
        **({} if factory is None else {"factory": factory}),
    }
    with atomic_folder(folder, marker=MANIFEST_FILE, overwrite=overwrite) as temporary:
        save_examples(tampered, temporary, provenance=settings)
        manifest.write(temporary)
        if attack is not None:
            attack.write(temporary)
    changed = int(manifest.is_tampered.sum())
    facts: dict[str, Any] = {"examples": len(examples), "tampered": changed, "out": str(folder)}
    if isinstance(made, Crafted):
        facts |= {"tried": made.tried, "reached": changed}
    if json:
        emit({**facts, **settings})
        return 0
    relabelled = (manifest.labels != examples.labels).any()
    kind = "labels" if relabelled else examples.modality.name
    out.print(f"{changed:,} of {len(examples):,} {kind} changed; written to {folder}")
    start = ""
    if isinstance(made, Crafted):
        if made.tried != changed:
            out.print(f"{changed} of {made.tried} poisons reached their aim, the rest is unchanged")
        start = f" --start {given['run']} --head-only" if made.transfers else ""
    out.print(f"next: radiotracer train {folder}{start} --out run")
    return 0


def _meant(option: Option, value: Any, examples: Dataset, factory: str | None) -> Any:
    """What a text stands for: a class, an example, a network, or itself."""
    match option.means:
        case "class":
            return _class(examples, option.name, value)
        case "example":
            return _example(examples, option.name, value)
        case "network":
            return _network(value, factory)
    return value


def _class(examples: Dataset, option: str, name: str) -> int:
    names = examples.class_names
    if name not in names:
        raise InputError(
            expected=f"{option}= among {', '.join(names)}", came=repr(name), do="choose one of them"
        )
    return names.index(name)


def _example(examples: Dataset, option: str, named: str) -> Dataset:
    from radiotracer.cli.recorded import open_like, rows_of

    source, rows = rows_of(f"{option}=", named)
    shown = open_like(source, examples)
    if len(rows) != 1 or rows[0] >= len(shown):
        raise InputError(
            expected=f"{option}= DATA#ROW with one row from 0 to {len(shown) - 1}",
            came=repr(named),
            do=f"pass, say, {option}={source}#0",
        )
    return shown.take(rows)


def _network(run: str, factory: str | None) -> Any:
    """The run's network with the weights of its last checkpoint."""
    from radiotracer.cli.recorded import network_of
    from radiotracer.runs import Run, put_weights

    opened = Run.open(Path(run))
    model = network_of(opened, factory)
    put_weights(model, opened.weights(opened.checkpoints[-1]))
    return model.eval()


def _attack(recipe: Recipe, arguments: dict[str, Any], examples: Dataset) -> Any:
    """What the tampering is to do to validation examples, if it is for something and has some."""
    from radiotracer.cli.recorded import open_like

    if recipe.attack is None or examples.validation is None:
        return None
    return recipe.attack(open_like(examples.validation, examples), **arguments)


def _options() -> Iterator[inspect.Parameter]:
    """The options of all recipes, with the names of those that take them, the commonest first.

    A recipe of another package that means something else by an option's name is left out.
    """
    takers: dict[str, list[str]] = {}
    options: dict[str, Option] = {}
    for name, recipe in list(RECIPES.items()):
        others = [each.name for each in recipe.options if options.get(each.name, each) != each]
        if others:
            RECIPES.unregister(name)
            RECIPES.failures[name] = f"its {', '.join(others)} is not what other recipes call so"
            continue
        for option in recipe.options:
            options[option.name] = option
            takers.setdefault(option.name, []).append(name)
    for name, recipes in sorted(takers.items(), key=lambda each: -len(each[1])):
        option = options[name]
        text = f"{option.help} For {', '.join(recipes)}."
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[option.type | None, Parameter(help=text, negative="")],
        )


def _with_options() -> None:
    """Give the command one option for each thing that a recipe may be told."""
    signature = inspect.signature(tamper, eval_str=True)
    *own, _ = signature.parameters.values()
    names = (*RECIPES, *RECIPES.failures)
    kind = Annotated[
        Literal[names],  # type: ignore[valid-type]
        Parameter(help="How to tamper; see docs/how-to/tamper.md."),
    ]
    at = [each.name for each in own].index("seed")
    own[at - 2] = own[at - 2].replace(annotation=kind)
    parameters = [*own[:at], *_options(), *own[at:]]
    tamper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    tamper.__annotations__ = {each.name: each.annotation for each in parameters}


_with_options()
