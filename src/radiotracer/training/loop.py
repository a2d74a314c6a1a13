"""The reference training loop: plain stochastic gradient descent on a classifier, recorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import JsonValue
from torch import nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from radiotracer.data import Dataset, require_images
from radiotracer.data.inputs import Inputs, call, each
from radiotracer.data.tensors import Tensors
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.gradients import PENULTIMATE, device_of, find_head, in_batches, represent
from radiotracer.gradients.batches import first_input
from radiotracer.runs import ModelSpec, Recording, Run, RunInfo, put_weights, record
from radiotracer.runs.weights import digest_of_weights
from radiotracer.training.augment import varied
from radiotracer.training.building import build_model, pretrained, spec_for, with_packaged_weights
from radiotracer.training.config import TrainConfig
from radiotracer.training.moving import Moving
from radiotracer.training.network import NETWORKS
from radiotracer.training.resuming import Keeping, begin, kept_training
from radiotracer.training.schedule import share_of_peak

__all__ = ["TrainConfig", "train"]

CPU = torch.device("cpu")

FEATURE_BATCH = 64
"""Examples per forward pass when only the head is trained; wide networks are slower on more."""


def train(
    examples: Dataset,
    config: TrainConfig,
    out: str | os.PathLike[str],
    *,
    start: nn.Module | None = None,
    overwrite: bool = False,
    resume: bool = True,
    device: str | torch.device = CPU,
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
    out, device = Path(out), torch.device(device)
    spec = spec_for(examples, config.architecture, config.width)
    _require_possible(examples, config, started=start is not None or NETWORKS[spec.name].packaged)
    settings = config.model_dump(exclude={"seed", "architecture", "width"})

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
            "device": torch.device(device).type,
            "training data": examples.digest,
            "network": spec.name,
            **spec.options,
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
    network = NETWORKS[spec.name]
    if start is None and network.packaged:
        start = pretrained(spec)
    if start is None:
        network.fit(model, examples)
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
                shown_now = _varied(inputs, config, draws)
                logits = call(trained, each(shown_now, lambda value: value.to(device)))
                loss = F.cross_entropy(logits, labels.to(device))
                _require_finite(loss, epoch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                done += len(labels)
                progress(f"epoch {epoch} of {config.epochs}", done, per_epoch)
            keeping.keep(recording, moving)


def _varied(inputs: Inputs, config: TrainConfig, draws: torch.Generator) -> Inputs:
    """What a batch of examples is shown as; only images, which are one tensor, can be varied."""
    return varied(inputs, config.augment, draws) if isinstance(inputs, torch.Tensor) else inputs


def _require_possible(examples: Dataset, config: TrainConfig, *, started: bool) -> None:
    """Raise unless such a training can be on such data."""
    if config.head_only and not started:
        raise InputError(
            expected="a network to start from with head_only=True",
            came="none",
            do=f"pass start= or architecture={' or '.join(with_packaged_weights())}, or train the "
            "whole network",
        )
    if config.head_only and config.augment != "none":
        raise InputError(
            expected='augment="none" with head_only=True, whose features are computed once',
            came=config.augment,
            do="leave one of them out",
        )
    if config.augment != "none":
        require_images(examples, f"augment={config.augment}")
    examples.require_every_class()
    if len(examples) < config.batch_size:
        raise DataError(
            expected=f"at least one batch of {config.batch_size} {examples.modality.name}",
            came=str(len(examples)),
            do="pass a smaller batch_size=",
        )


def _head_and_features(model: nn.Module, examples: Dataset) -> tuple[nn.Module, TensorDataset]:
    """The last linear layer, and what it is given for each example: all else never changes."""
    model.eval()
    name = find_head(model, first_input(examples))
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
            call(model.eval(), first_input(examples))
    except RuntimeError as error:
        shape = examples.modality.shape(examples.content)
        raise DataError(
            expected=f"{examples.modality.name} that the network can take",
            came=", ".join(f"{name} {size}" for name, size in shape.items()) or "others",
            do="pass larger ones (image_size=), or another architecture=",
        ) from error


def _require_finite(loss: torch.Tensor, epoch: int) -> None:
    if not torch.isfinite(loss):
        raise NotFiniteError(
            expected="a finite training loss",
            came=f"{loss.item()} in epoch {epoch}",
            do="lower learning_rate=",
        )
