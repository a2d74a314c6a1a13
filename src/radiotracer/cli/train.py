"""``radiotracer train``: train a reference network and record the training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, progress, settings, tell_data
from radiotracer.cli.options import (
    DEFAULT_READING,
    Data,
    Device,
    Json,
    Out,
    Overwrite,
    ReadingOptions,
    Seed,
)
from radiotracer.training.network import NETWORKS

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.recipes import Attack
    from radiotracer.runs import Run


@command("train")
def train(
    data: Data,
    /,
    *,
    folder: Annotated[Out, Parameter(name="--out")],
    architecture: Annotated[
        str | None,
        Parameter(
            help=f"Which network ({', '.join(NETWORKS.built_in())}); by default that of --start, "
            "or resnet18 for images, bag-of-words for texts, and mlp for rows of numbers. "
            "efficientnet-lite0 begins with weights from ImageNet (radiotracer[photos])."
        ),
    ] = None,
    width: Annotated[
        int | None,
        Parameter(
            help="Channels of the first stage, or numbers per layer or word; by default 64, of "
            "small-cnn 16 and of bag-of-words 32; efficientnet-lite0 has no choice. On a "
            "processor, --width 16 trains resnet18 several times faster."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        Parameter(help="Passes over the data; by default 4 for images, 8 for texts, 20 for rows."),
    ] = None,
    checkpoint_every: Annotated[int, Parameter(help="Passes between checkpoints.")] = 1,
    batch_size: Annotated[
        int | None,
        Parameter(help="Examples per step; by default 128 for images, 64 for texts, 32 for rows."),
    ] = None,
    learning_rate: Annotated[
        float | None,
        Parameter(help="The peak of the schedule; by default 0.05, for texts 1."),
    ] = None,
    start: Annotated[
        Path | None,
        Parameter(help="A run of a reference network: begin with its last weights."),
    ] = None,
    head_only: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Train the last layer alone, and leave the rest as --start, or the weights "
            "packaged for efficientnet-lite0, have it.",
        ),
    ] = False,
    augment: Annotated[
        Literal["none", "crops", "crops-and-flips"],
        Parameter(
            help="Vary the images in every batch: moved by up to an eighth of their height, and "
            "turned left to right."
        ),
    ] = "none",
    device: Device = "auto",
    seed: Seed = 0,
    reading: ReadingOptions = DEFAULT_READING,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Train a reference network and record the training.

    Plain stochastic gradient descent with momentum. The run folder holds run.json, a checkpoint
    after every --checkpoint-every passes, and the batch order and learning rates of every step,
    and lists what was left out of the data (left-out.csv) and copies under different labels
    (duplicates.csv). A training that was stopped goes on from its last checkpoint when the same
    command is run again.

    Example: radiotracer train tampered --architecture resnet18 --width 16 --epochs 4 --out run

    Example: radiotracer train messages.csv --text-column message --out run
    """
    from radiotracer.data import open_data
    from radiotracer.data.account import write_duplicates, write_left_out
    from radiotracer.data.modality import nouns
    from radiotracer.gradients import device_named
    from radiotracer.recipes import success
    from radiotracer.runs import Run
    from radiotracer.training.config import TrainConfig
    from radiotracer.training.kept import network_at_end
    from radiotracer.training.loop import train as train_and_record
    from radiotracer.training.network import default_network

    begun = None if start is None else Run.open(start)
    place = device_named(device)
    chosen = _network(architecture, width, begun)
    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "checkpoint_every": checkpoint_every,
        "head_only": head_only,
        "augment": augment,
        "seed": seed,
        **chosen,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    # What can be refused before any data are opened, is.
    settings(TrainConfig, **wanted)
    examples = open_data(
        data,
        **reading.given(),
        report=err.print,
    )
    account = tell_data(examples, listed=True)
    config = settings(TrainConfig, **{"architecture": default_network(examples).name, **wanted})
    attack = _attack_on(examples)
    with progress() as reporter:
        run, network = train_and_record(
            examples,
            config,
            folder,
            start=None if begun is None else network_at_end(begun),
            overwrite=overwrite,
            resume=not overwrite,
            device=place,
            progress=reporter,
            note=err.print,
        )
    write_left_out(account, folder)
    write_duplicates(account, folder)
    share = None if attack is None else success(network, attack)
    if json:
        told = {**run.info.model_dump(), "read": account.as_json()}
        emit({**told, **({} if share is None else {"attack_success": share})})
    else:
        out.print(f"{len(run.checkpoints)} checkpoints in {folder}")
        if attack is not None and share is not None:
            shown = nouns(attack.shown.modality, len(attack.shown))
            out.print(
                f"attack: {round(share * len(attack.shown)):,} of {shown} taken for what the "
                f"attacker wants ({share:.1%})"
            )
        out.print(f"next: radiotracer scan {folder} --out scan")
    return 0


def _network(architecture: str | None, width: int | None, begun: Run | None) -> dict[str, Any]:
    """Which network to build: that of the run to begin with, or what was asked for."""
    from radiotracer.errors import InputError

    if begun is None:
        return {"architecture": architecture, "width": width}
    if architecture is not None or width is not None:
        raise InputError(
            expected="--start alone, which says what network it is",
            came="--architecture or --width beside it",
            do="leave them out",
        )
    if begun.info.model.name not in NETWORKS:
        raise InputError(
            expected=f"a run of a reference network ({', '.join(sorted(NETWORKS))}) to start from",
            came=f"{begun.info.model.name} in {begun.folder}",
            do="choose another run",
        )
    return {
        "architecture": begun.info.model.name,
        "width": begun.info.model.options.get("width"),
    }


def _attack_on(examples: Dataset) -> Attack | None:
    """What tampering with these data was for, if they are a folder that says so."""
    from radiotracer.errors import DataError
    from radiotracer.recipes import Attack

    folder = Path(examples.source)
    attack = Attack.read(folder) if folder.is_absolute() else None
    if attack is not None and not _belong(attack.shown, examples):
        raise DataError(
            expected=f"an attack on the data in {folder}",
            came="examples of another kind or shape, or other classes",
            do="restore or remove it",
        )
    return attack


def _belong(shown: Dataset, examples: Dataset) -> bool:
    """Whether both are of one kind, shape and classes."""
    return (
        shown.modality is examples.modality
        and shown.class_names == examples.class_names
        and shown.modality.shape(shown.content) == examples.modality.shape(examples.content)
    )
