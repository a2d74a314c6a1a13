"""The reference training loop: plain stochastic gradient descent on a classifier, recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from radiotracer.data import Examples
from radiotracer.data.tensors import ImageTensors, to_inputs
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.lab.models import build_model, normalise_like
from radiotracer.runs import ModelSpec, Run, record


class TrainConfig(BaseModel):
    """Settings of the reference loop.

    Args:
        model: A reference network.
        width: Channels of its first stage; None is the network's own default.
        epochs: Passes over the data.
        batch_size: Examples per step; the last, smaller batch of a pass is left out.
        learning_rate: The peak: reached linearly over the first 15 % of the steps, and lowered
            linearly to 2 % of it over the rest.
        momentum: Nesterov momentum.
        weight_decay: L2 penalty.
        checkpoint_every: Passes between checkpoints.
        seed: Weights and batch order follow from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["resnet18", "small-cnn"] = "resnet18"
    width: int | None = Field(default=None, ge=1)
    epochs: int = Field(default=4, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=0.05, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    checkpoint_every: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)


def train(
    examples: Examples,
    config: TrainConfig,
    out: Path,
    *,
    overwrite: bool = False,
    image_size: int | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> tuple[Run, nn.Module]:
    """Train a reference network on `examples` and record it into the folder `out`.

    torch's global random state is left as it was found.

    Args:
        examples: What to train on; every class needs an example.
        config: Settings.
        out: A new folder.
        overwrite: Replace an earlier run in `out`.
        image_size: What `examples` were opened with, noted so that they can be opened again.
        progress: Told the epoch, how many examples of it are done, and how many there are.

    Returns:
        The run, and the network with its final weights.

    Raises:
        DataError: An empty class, or fewer examples than one batch.
        NotFiniteError: The loss became NaN or infinite; the run stays `interrupted`.
    """
    examples.require_every_class()
    if len(examples) < config.batch_size:
        raise DataError(
            expected=f"at least one batch of {config.batch_size} examples",
            came=str(len(examples)),
            do="pass a smaller --batch-size",
        )
    options = {
        "channels": examples.images.shape[3],
        "classes": len(examples.class_names),
        **({} if config.width is None else {"width": config.width}),
    }
    spec = ModelSpec(name=config.model, options=options)
    settings = config.model_dump(exclude={"seed", "model", "width"})
    if image_size is not None:
        settings["image_size"] = image_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build_model(spec).to(  # type: ignore[call-overload]
            memory_format=torch.channels_last
        )
        normalise_like(model, examples)
        _require_fit(model, examples)
        sampler = RandomSampler(examples.ids)
        loader = DataLoader(
            ImageTensors(examples),
            sampler=BatchSampler(sampler, config.batch_size, drop_last=True),
            batch_size=None,
        )
        optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=config.momentum > 0,
        )
        steps = config.epochs * len(loader)
        per_epoch = len(loader) * config.batch_size  # the last, smaller batch is left out
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
        with record(
            out,
            model,
            optimizer,
            examples,
            every=config.checkpoint_every,
            seed=config.seed,
            model_spec=spec,
            settings=settings,
            overwrite=overwrite,
        ) as recording:
            model.train()
            for epoch in range(1, config.epochs + 1):
                done = 0
                for inputs, labels in recording.batches(loader):
                    loss = F.cross_entropy(model(inputs), labels)
                    _require_finite(loss, epoch)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    scheduler.step()
                    done += len(labels)
                    progress(f"epoch {epoch} of {config.epochs}", done, per_epoch)
    model.eval()
    return Run.open(out), model


def _require_fit(model: nn.Module, examples: Examples) -> None:
    try:
        with torch.no_grad():
            model.eval()(to_inputs(examples.images[:1]))
    except RuntimeError as error:
        _, height, width, _ = examples.images.shape
        raise DataError(
            expected="images large enough for the network",
            came=f"{height} x {width} pixels",
            do="pass a larger --image-size, or another --model",
        ) from error


def _rate(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step: up over the first 15 %, then down to 2 %."""
    warm = max(1.0, 0.15 * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return max(0.02, 1 - (step - warm) / max(1.0, steps - warm))


def _require_finite(loss: torch.Tensor, epoch: int) -> None:
    if not torch.isfinite(loss):
        raise NotFiniteError(
            expected="a finite training loss",
            came=f"{loss.item()} in epoch {epoch}",
            do="lower --learning-rate",
        )
