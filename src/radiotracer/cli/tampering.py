"""What each recipe of ``radiotracer tamper`` takes, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from radiotracer.cli.recorded import network_of, open_like, rows_of
from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.recipes import (
    Attack,
    Crafted,
    Manifest,
    bullseye_polytope,
    clean_label_backdoor,
    confusion_flip,
    feature_collision,
    gradient_matching,
    nearest_flip,
    patch_backdoor,
    random_flip,
    require_fraction,
    targeted_flip,
    triggered,
)
from radiotracer.runs import Run, put_weights
from radiotracer.training.predictions import confusion

RecipeName = Literal[
    "random-flip",
    "targeted-flip",
    "nearest-flip",
    "confusion-flip",
    "feature-collision",
    "bullseye-polytope",
    "gradient-matching",
    "patch-backdoor",
    "clean-label-backdoor",
]

_AIMED = ("run", "target", "base_class", "count")
_NEEDS: dict[str, tuple[str, ...]] = {
    "random-flip": ("fraction",),
    "targeted-flip": ("fraction", "from_class", "to_class"),
    "nearest-flip": ("fraction", "run"),
    "confusion-flip": ("fraction", "run"),
    "feature-collision": _AIMED,
    "bullseye-polytope": _AIMED,
    "gradient-matching": _AIMED,
    "patch-backdoor": ("fraction", "to_class"),
    "clean-label-backdoor": ("fraction", "to_class", "run"),
}
_TAKE_EPSILON = (
    "feature-collision",
    "bullseye-polytope",
    "gradient-matching",
    "clean-label-backdoor",
)
_POISONS: dict[str, Callable[..., Crafted]] = {
    "feature-collision": feature_collision,
    "bullseye-polytope": bullseye_polytope,
    "gradient-matching": gradient_matching,
}


@dataclass(frozen=True)
class Wanted:
    """The command's options; None where one was not given."""

    recipe: RecipeName
    seed: int
    fraction: float | None
    from_class: str | None
    to_class: str | None
    target: str | None
    base_class: str | None
    count: int | None
    epsilon: float | None
    layers: list[str] | None
    run: Path | None
    factory: str | None

    def settings(self) -> dict[str, Any]:
        """What was given, as JSON can hold it."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: str(v) if isinstance(v, Path) else v for name, v in given.items()}


@dataclass(frozen=True, eq=False)
class Tampered:
    """What came out.

    Args:
        examples: The data after.
        manifest: The truth.
        attack: What it is to do to its victim, if it aims at something.
        tried: How many poisons were tried, if some may fail.
        transfers: Whether the attack is on networks that keep the attacker's features.
    """

    examples: Dataset
    manifest: Manifest
    attack: Attack | None = None
    tried: int | None = None
    transfers: bool = False


def require_fitting(wanted: Wanted) -> None:
    """Raise `InputError` where an option is missing, or is none of the recipe's."""
    needed = _NEEDS[wanted.recipe]
    optional = ["factory"] if "run" in needed else []
    optional += ["epsilon"] if wanted.recipe in _TAKE_EPSILON else []
    optional += ["layers"] if wanted.recipe == "gradient-matching" else []
    given = [name for name in wanted.settings() if name not in ("recipe", "seed")]
    missing = [name for name in needed if name not in given]
    surplus = [name for name in given if name not in (*needed, *optional)]
    if missing or surplus:
        came = [f"no {_option(name)}" for name in missing] + [_option(name) for name in surplus]
        raise InputError(
            expected=f"{wanted.recipe} with {_joined(needed)}"
            + (f" (and perhaps {_joined(optional)})" if optional else ""),
            came=", ".join(came),
            do="add what is missing and remove the rest",
        )
    if wanted.fraction is not None:
        require_fraction(wanted.fraction)


def apply(wanted: Wanted, examples: Dataset) -> Tampered:
    """Tamper with the examples.

    Raises:
        InputError: What the recipe raises, an unknown class, or a target that is no single row.
    """
    fraction, seed = wanted.fraction or 0.0, wanted.seed
    match wanted.recipe:
        case "random-flip":
            return Tampered(*random_flip(examples, fraction=fraction, seed=seed))
        case "targeted-flip":
            source = _class(examples, "--from-class", wanted.from_class)
            target = _class(examples, "--to-class", wanted.to_class)
            return Tampered(
                *targeted_flip(examples, fraction=fraction, seed=seed, source=source, target=target)
            )
        case "nearest-flip":
            return Tampered(*nearest_flip(examples, _network(wanted), fraction=fraction, seed=seed))
        case "confusion-flip":
            table = confusion(_network(wanted), examples)
            return Tampered(*confusion_flip(examples, table, fraction=fraction, seed=seed))
        case "patch-backdoor" | "clean-label-backdoor":
            return _backdoor(wanted, examples, fraction)
        case "feature-collision" | "bullseye-polytope" | "gradient-matching":
            crafted = _poison(wanted, examples)
            return Tampered(
                crafted.examples,
                crafted.manifest,
                crafted.attack,
                crafted.tried,
                transfers=wanted.recipe != "gradient-matching" or wanted.layers is not None,
            )


def _backdoor(wanted: Wanted, examples: Dataset, fraction: float) -> Tampered:
    to_class = _class(examples, "--to-class", wanted.to_class)
    if wanted.recipe == "patch-backdoor":
        changed = patch_backdoor(examples, to_class=to_class, fraction=fraction, seed=wanted.seed)
    else:
        limit: Any = {} if wanted.epsilon is None else {"epsilon": wanted.epsilon}
        changed = clean_label_backdoor(
            examples,
            _network(wanted),
            to_class=to_class,
            fraction=fraction,
            seed=wanted.seed,
            **limit,
        )
    attack = None
    if examples.validation is not None:
        attack = triggered(open_like(examples.validation, examples), to_class)
    return Tampered(*changed, attack)


def _poison(wanted: Wanted, examples: Dataset) -> Crafted:
    source, rows = rows_of("--target", str(wanted.target))
    shown = open_like(source, examples)
    if len(rows) != 1 or rows[0] >= len(shown):
        raise InputError(
            expected=f"--target DATA#ROW with one row from 0 to {len(shown) - 1}",
            came=repr(wanted.target),
            do=f"pass, say, --target {source}#0",
        )
    if shown.class_names != examples.class_names:
        raise InputError(
            expected=f"a --target of the classes {', '.join(examples.class_names[:10])}",
            came=", ".join(shown.class_names[:10]),
            do="choose an image of data with the same classes",
        )
    given = {"epsilon": wanted.epsilon, "layers": wanted.layers}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return _POISONS[wanted.recipe](
        examples,
        _network(wanted),
        shown.content[rows[0]],
        int(shown.labels[rows[0]]),
        base=_class(examples, "--base-class", wanted.base_class),
        count=int(wanted.count or 0),
        seed=wanted.seed,
        **options,
    )


def _network(wanted: Wanted) -> nn.Module:
    """The run's network with the weights of its last checkpoint."""
    run = Run.open(Path(str(wanted.run)))
    model = network_of(run, wanted.factory)
    put_weights(model, run.weights(run.checkpoints[-1]))
    return model.eval()


def _class(examples: Dataset, option: str, name: str | None) -> int:
    names = examples.class_names
    if name not in names:
        raise InputError(
            expected=f"{option} among {', '.join(names)}", came=repr(name), do="choose one of them"
        )
    return names.index(name)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _joined(names: list[str] | tuple[str, ...]) -> str:
    options = [_option(name) for name in names]
    return options[0] if len(options) == 1 else f"{', '.join(options[:-1])} and {options[-1]}"
