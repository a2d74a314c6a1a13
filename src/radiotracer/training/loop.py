"""The reference training loop: plain stochastic gradient descent on a classifier, recorded."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from torch import nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from radiotracer.data import Dataset
from radiotracer.data.modalities.images import to_inputs
from radiotracer.data.tensors import Tensors
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.gradients import PENULTIMATE, device_of, find_head, in_batches, represent
from radiotracer.runs import ModelSpec, Recording, Run, RunInfo, put_weights, record
from radiotracer.runs.weights import digest_of_weights
from radiotracer.training.augment import Variation, varied
from radiotracer.training.backbones import PRETRAINED, pretrained
from radiotracer.training.moving import Moving
from radiotracer.training.networks import ModelName, build_model, normalise_like
from radiotracer.training.resuming import Keeping, begin, kept_training
from radiotracer.training.schedule import Schedule, share_of_peak

CPU = torch.device("cpu")

FEATURE_BATCH = 64
"""Examples per forward pass when only the head is trained; wide networks are slower on more."""


class TrainConfig(BaseModel):
    """Settings of the reference loop.

    Args:
        model: A reference network.
        width: Channels of its first stage; None is the network's own default.
        epochs: Passes over the data.
        batch_size: Examples per step; the last, smaller batch of a pass is left out.
        learning_rate: The peak.
        schedule: ``rise-and-fall``: the peak is reached linearly over the first 15 % of the steps,
            and lowered linearly to 2 % of it over the rest; ``constant``: the peak at every step.
        momentum: Nesterov momentum.
        weight_decay: L2 penalty.
        augment: How images are varied, anew in every batch.
        checkpoint_every: Passes between checkpoints.
        head_only: Train the last linear layer alone, on top of given or packaged weights. The
            network stays in evaluation mode, so that the running statistics of batch normalisation
            stay too.
        seed: Weights and batch order follow from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName = "resnet18"
    width: int | None = Field(default=None, ge=1)
    epochs: int = Field(default=4, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=0.05, gt=0)
    schedule: Schedule = "rise-and-fall"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    augment: Variation = "none"
    checkpoint_every: int = Field(default=1, ge=1)
    head_only: bool = False
    seed: int = Field(default=0, ge=0)


def train(
    examples: Dataset,
    config: TrainConfig,
    out: Path,
    *,
    start: nn.Module | None = None,
    overwrite: bool = False,
    resume: bool = True,
    image_size: int | None = None,
    device: torch.device = CPU,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[Run, nn.Module]:
    """Train a reference network on `examples` and record it into the folder `out`.

    A training that was stopped in `out`, by whatever means, goes on from its last checkpoint when
    it is called again with the same arguments, and ends with the same bits. What that needs is in
    the hidden folder ``.OUT.training`` beside `out` until the training is complete.

    torch's global random state is left as it was found.

    Args:
        examples: What to train on; every class needs an example.
        config: Settings.
        out: A new folder, or that of the same training, stopped.
        start: A network of the same kind and size whose weights to begin with, input normalisation
            included; only read. None begins with the packaged weights of a pretrained network;
            for others it draws fresh weights, normalised like `examples`.
        overwrite: Replace an earlier run in `out`.
        resume: Go on with the same training; False begins it anew, which needs `overwrite`.
        image_size: What `examples` were opened with, noted so that they can be opened again.
        device: Where to train. Another one gives other bits, and counts as another training.
        progress: Told the epoch, how many examples of it are done, and how many there are.
        note: Told, in words, where a stopped training goes on, and what was damaged of it.

    Returns:
        The run, and the network with its final weights, on the CPU.

    Raises:
        DataError: An empty class, or fewer examples than one batch.
        InputError: `head_only` without given or packaged weights, or with `augment`; a network
            without a last linear layer; a pretrained network without its packages; `out` holds
            another training, stopped or not, or another process trains into it.
        RunError: `start` is another kind of network.
        NotFiniteError: The loss became NaN or infinite; the run stays `interrupted`.
        StorageError: The disk refused; the same call goes on once it does not.
    """
    started = start is not None or config.model in PRETRAINED
    _require_possible(examples, config, started=started)
    options = {
        "channels": examples.content.shape[3],
        "classes": len(examples.class_names),
        **({} if config.width is None else {"width": config.width}),
    }
    spec = ModelSpec(name=config.model, options=options)
    settings = config.model_dump(exclude={"seed", "model", "width"})
    if image_size is not None:
        settings["image_size"] = image_size

    def is_wanted(info: RunInfo) -> bool:
        same = (info.model, info.seed, info.settings) == (spec, config.seed, settings)
        return same and info.data.digest == examples.digest

    with (
        kept_training(out, overwrite=overwrite, note=note) as ledger,
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(config.seed)
        model = _network(spec, examples, start)
        about: dict[str, JsonValue] = {
            "radiotracer": version("radiotracer"),
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
            "device": device.type,
            "training data": examples.digest,
            "network": spec.name,
            **options,
            "seed": config.seed,
            **{name.replace("_", " "): value for name, value in settings.items()},
            "weights to begin with": digest_of_weights(model),
        }
        found = begin(ledger, out, about, is_wanted, overwrite=overwrite, resume=resume, note=note)
        if isinstance(found, RunInfo):
            complete = Run.open(out)
            put_weights(model, complete.weights(complete.checkpoints[-1]))
        else:

            def recorded(optimizer: torch.optim.Optimizer) -> Recording:
                return record(
                    out,
                    model,
                    optimizer,
                    examples,
                    checkpoint_every=config.checkpoint_every,
                    seed=config.seed,
                    model_spec=spec,
                    settings=settings,
                    overwrite=overwrite,
                )

            keeping = Keeping(ledger, out, found, recorded, note)
            _descend(model.to(device), examples, config, keeping, progress)
    return Run.open(out), model.to(CPU).eval().requires_grad_(True)


def _network(spec: ModelSpec, examples: Dataset, start: nn.Module | None) -> nn.Module:
    """The network as the training begins with it."""
    model = build_model(spec).to(  # type: ignore[call-overload]
        memory_format=torch.channels_last
    )
    if start is None and spec.name in PRETRAINED:
        channels, classes = examples.content.shape[3], len(examples.class_names)
        start = pretrained(spec.name, channels, classes)
    if start is None:
        normalise_like(model, examples)
    else:
        put_weights(model, start.state_dict())
    _require_fit(model, examples)
    return model  # type: ignore[no-any-return]


def _descend(
    model: nn.Module,
    examples: Dataset,
    config: TrainConfig,
    keeping: Keeping,
    progress: Callable[[str, int, int], None],
) -> None:
    """Every epoch that is not done, recorded and kept."""
    device = device_of(model)
    trained, shown = (
        _head_and_features(model, examples) if config.head_only else (model, Tensors(examples))
    )
    # The recording takes down which parameters got a gradient.
    model.requires_grad_(False)
    trained.requires_grad_(True)
    sampler = RandomSampler(examples.ids)
    loader = DataLoader(
        shown,
        sampler=BatchSampler(sampler, config.batch_size, drop_last=True),
        batch_size=None,
    )
    optimizer = torch.optim.SGD(
        trained.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )
    steps = config.epochs * len(loader)
    per_epoch = len(loader) * config.batch_size  # the last, smaller batch is left out
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, share_of_peak(config.schedule, steps))
    draws = torch.Generator().manual_seed(config.seed)
    moving = Moving(model, optimizer, scheduler, draws)
    with keeping.recording(moving, config.checkpoint_every) as recording:
        trained.train()
        for epoch in range(keeping.epochs + 1, config.epochs + 1):
            done = 0
            for inputs, labels in recording.batches(loader):
                shown_now = varied(inputs, config.augment, draws).to(device)
                loss = F.cross_entropy(trained(shown_now), labels.to(device))
                _require_finite(loss, epoch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                done += len(labels)
                progress(f"epoch {epoch} of {config.epochs}", done, per_epoch)
            keeping.keep(recording, moving)


def _require_possible(examples: Dataset, config: TrainConfig, *, started: bool) -> None:
    """Raise unless such a training can be on such data."""
    if config.head_only and not started:
        raise InputError(
            expected="a network to start from with --head-only",
            came="none",
            do=f"pass --start RUN or --model {' or '.join(PRETRAINED)}, or train the whole network",
        )
    if config.head_only and config.augment != "none":
        raise InputError(
            expected="--augment none with --head-only, whose features are computed once",
            came=config.augment,
            do="leave one of them out",
        )
    examples.require_every_class()
    if len(examples) < config.batch_size:
        raise DataError(
            expected=f"at least one batch of {config.batch_size} examples",
            came=str(len(examples)),
            do="pass a smaller --batch-size",
        )


def _head_and_features(model: nn.Module, examples: Dataset) -> tuple[nn.Module, TensorDataset]:
    """The last linear layer, and what it is given for each example: all else never changes."""
    model.eval()
    name = find_head(model, to_inputs(examples.content[:1]))
    if name is None:
        raise InputError(
            expected="a network whose output is that of a linear layer",
            came="one without such a head",
            do="train the whole network",
        )
    with torch.no_grad():
        parts = [
            represent(model, batch.inputs, (PENULTIMATE,), head=name).layers[PENULTIMATE].cpu()
            for batch in in_batches(examples, FEATURE_BATCH, device=device_of(model))
        ]
    return model.get_submodule(name), TensorDataset(
        torch.cat(parts), torch.from_numpy(examples.labels)
    )


def _require_fit(model: nn.Module, examples: Dataset) -> None:
    try:
        with torch.no_grad():
            model.eval()(to_inputs(examples.content[:1]))
    except RuntimeError as error:
        _, height, width, _ = examples.content.shape
        raise DataError(
            expected="images large enough for the network",
            came=f"{height} x {width} pixels",
            do="pass a larger --image-size, or another --model",
        ) from error


def _require_finite(loss: torch.Tensor, epoch: int) -> None:
    if not torch.isfinite(loss):
        raise NotFiniteError(
            expected="a finite training loss",
            came=f"{loss.item()} in epoch {epoch}",
            do="lower --learning-rate",
        )
