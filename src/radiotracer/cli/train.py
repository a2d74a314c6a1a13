"""``radiotracer train``: train a reference network and record the training."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.console import emit, err, out, progress, settings, tell_quarantined
from radiotracer.cli.options import Data, ImageSize, Json, Out, Overwrite, Seed
from radiotracer.data import open_data
from radiotracer.lab.train import TrainConfig
from radiotracer.lab.train import train as train_and_record


def train(
    data: Data,
    /,
    *,
    folder: Annotated[Out, Parameter(name="--out")],
    model: Annotated[
        Literal["resnet18", "small-cnn"], Parameter(help="Which network.")
    ] = "resnet18",
    width: Annotated[
        int | None,
        Parameter(
            help="Channels of the first stage; by default 64 for resnet18 (the standard network) "
            "and 16 for small-cnn. On a processor, --width 16 trains resnet18 several times faster."
        ),
    ] = None,
    epochs: Annotated[int, Parameter(help="Passes over the data.")] = 4,
    checkpoint_every: Annotated[int, Parameter(help="Passes between checkpoints.")] = 1,
    batch_size: Annotated[int, Parameter(help="Examples per step.")] = 128,
    learning_rate: Annotated[float, Parameter(help="The peak of the schedule.")] = 0.05,
    seed: Seed = 0,
    image_size: ImageSize = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    config = settings(
        TrainConfig,
        model=model,
        width=width,
        epochs=epochs,
        checkpoint_every=checkpoint_every,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    examples = open_data(data, image_size=image_size, report=err.print)
    tell_quarantined(examples)
    with progress() as reporter:
        run, _ = train_and_record(
            examples,
            config,
            folder,
            overwrite=overwrite,
            image_size=image_size,
            progress=reporter,
        )
    if json:
        emit(run.info.model_dump())
    else:
        out.print(f"{len(run.checkpoints)} checkpoints in {folder}")
        out.print(f"next: radiotracer scan {folder} --out scan")
    return 0
