"""``radiotracer train``: train a reference network and record the training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from radiotracer.cli.console import emit, err, out, progress, settings, tell_left_out
from radiotracer.cli.options import Data, Device, ImageSize, Json, Out, Overwrite, Seed
from radiotracer.data import Dataset, open_data
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import AUTO, device_named
from radiotracer.recipes import Attack, success
from radiotracer.runs import Run
from radiotracer.training.augment import Variation
from radiotracer.training.kept import network_at_end
from radiotracer.training.loop import TrainConfig
from radiotracer.training.loop import train as train_and_record
from radiotracer.training.networks import MODELS, ModelName


def train(
    data: Data,
    /,
    *,
    folder: Annotated[Out, Parameter(name="--out")],
    model: Annotated[
        ModelName | None,
        Parameter(
            help="Which network; by default resnet18, or that of --start. efficientnet-lite0 "
            "begins with weights from ImageNet (radiotracer[pretrained])."
        ),
    ] = None,
    width: Annotated[
        int | None,
        Parameter(
            help="Channels of the first stage; by default 64 for resnet18 and resnet9 (the usual "
            "networks) and 16 for small-cnn; efficientnet-lite0 has no choice. On a processor, "
            "--width 16 trains resnet18 several times faster."
        ),
    ] = None,
    epochs: Annotated[int, Parameter(help="Passes over the data.")] = 4,
    checkpoint_every: Annotated[int, Parameter(help="Passes between checkpoints.")] = 1,
    batch_size: Annotated[int, Parameter(help="Examples per step.")] = 128,
    learning_rate: Annotated[float, Parameter(help="The peak of the schedule.")] = 0.05,
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
        Variation,
        Parameter(
            help="Vary the images in every batch: moved by up to an eighth of their height, and "
            "turned left to right."
        ),
    ] = "none",
    device: Device = AUTO,
    seed: Seed = 0,
    image_size: ImageSize = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    begun = None if start is None else Run.open(start)
    place = device_named(device)
    config = settings(
        TrainConfig,
        **_network(model, width, begun),
        epochs=epochs,
        checkpoint_every=checkpoint_every,
        batch_size=batch_size,
        learning_rate=learning_rate,
        head_only=head_only,
        augment=augment,
        seed=seed,
    )
    examples = open_data(data, image_size=image_size, report=err.print)
    tell_left_out(examples)
    attack = _attack_on(examples)
    with progress() as reporter:
        run, network = train_and_record(
            examples,
            config,
            folder,
            start=None if begun is None else network_at_end(begun),
            overwrite=overwrite,
            resume=not overwrite,
            image_size=image_size,
            device=place,
            progress=reporter,
            note=err.print,
        )
    share = None if attack is None else success(network, attack)
    if json:
        emit({**run.info.model_dump(), **({} if share is None else {"attack_success": share})})
    else:
        out.print(f"{len(run.checkpoints)} checkpoints in {folder}")
        if attack is not None and share is not None:
            hits, images = round(share * len(attack.images)), len(attack.images)
            out.print(
                f"attack: {hits:,} of {images:,} images taken for what the attacker wants "
                f"({share:.1%})"
            )
        out.print(f"next: radiotracer scan {folder} --out scan")
    return 0


def _network(model: str | None, width: int | None, begun: Run | None) -> dict[str, Any]:
    """Which network to build: that of the run to begin with, or what was asked for."""
    if begun is None:
        return {"model": model or "resnet18", "width": width}
    if model is not None or width is not None:
        raise InputError(
            expected="--start alone, which says what network it is",
            came="--model or --width beside it",
            do="leave them out",
        )
    if begun.info.model.name not in MODELS:
        raise InputError(
            expected=f"a run of a reference network ({', '.join(MODELS)}) to start from",
            came=f"{begun.info.model.name} in {begun.folder}",
            do="choose another run",
        )
    return {"model": begun.info.model.name, "width": begun.info.model.options.get("width")}


def _attack_on(examples: Dataset) -> Attack | None:
    """What tampering with these data was for, if they are a folder that says so."""
    folder = Path(examples.source)
    attack = Attack.read(folder) if folder.is_absolute() else None
    if attack is not None and (
        attack.images.shape[1:] != examples.content.shape[1:]
        or max(attack.true_labels.max(), attack.intended.max()) >= len(examples.class_names)
    ):
        raise DataError(
            expected=f"an attack on the data in {folder}",
            came="images of another shape, or unknown classes",
            do="restore or remove it",
        )
    return attack
