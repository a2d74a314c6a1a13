"""What is left of a mark after a suspect was changed: pruned, fine-tuned, distilled, a new head.

    python -m bench robustness [--out bench-audit] [--examples N] [--epochs N] [--retrain]

Takes the suspect of `python -m bench audit` (twins, scores and labels) from its folder, training
what is not there yet, changes it in each way, and audits it again. The thief has the first half of
the test split, clean; accuracies are on the other half.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from bench.tables import head, row
from radiotracer.data import Dataset, open_data
from radiotracer.data.modalities.images import to_inputs
from radiotracer.provenance.models.network import network_suspect
from radiotracer.reproduce.demo import sample
from radiotracer.reproduce.radioactive.bench import NETWORKS
from radiotracer.reproduce.radioactive.cell import audits, made
from radiotracer.reproduce.radioactive.config import AuditConfig
from radiotracer.reproduce.radioactive.result import Place
from radiotracer.runs import ModelSpec
from radiotracer.training.augment import Variation
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.networks import build_model, with_fresh_head
from radiotracer.training.predictions import accuracy, predictions

DATA = "fashion-mnist"
TESTS = ("scores", "scores, references", "labels", "labels, references")


def main(
    *,
    out: Path = Path("bench-audit"),
    augment: Variation = "none",
    share: float = 0.01,
    radius: int = 6,
    seed: int = 0,
    examples: int | None = None,
    epochs: int = 20,
    retrain: bool = False,
) -> None:
    """Print the table.

    Args:
        out: Folder of `python -m bench audit`.
        augment: How the suspect varies its images.
        share: Of the images that are marked.
        radius: How many of 255 grey levels a pixel may change by.
        seed: Of the key and the suspect.
        examples: Training examples; by default all.
        epochs: Of the suspect.
        retrain: Also with half of the mark dropped.
    """
    config = AuditConfig(examples=examples, epochs=epochs)
    place = Place(DATA, "twins", share, radius, augment, "scratch", seed)
    train_data, test = sample(open_data(DATA), examples, 0), open_data(f"{DATA}:test")
    cell = made(place, config, train_data, out / NETWORKS / DATA)
    half = len(test) // 2
    own, rest = test.take(np.arange(half)), test.take(np.arange(half, len(test)))
    width = config.width or 16
    asked = [network_suspect(each, "reference", {}) for each in cell.references]
    print(head(["suspect", *TESTS, "accuracy"]))

    def tell(name: str, model: nn.Module) -> None:
        found = audits(cell.release, cell.key, test, network_suspect(model, "suspect", {}), asked)
        cells = (f"{found[each].log10_p:.1f}" if each in found else "-" for each in TESTS)
        print(row([name, *cells, f"{accuracy(model, rest):.1%}"]), flush=True)

    tell("as it is", cell.suspect)
    for less in (0.3, 0.5, 0.7):
        tell(f"{less:.0%} of the weights pruned", pruned(cell.suspect, less))
    tuned = TrainConfig(
        architecture=config.model, width=width, epochs=1, learning_rate=0.01, seed=7
    )
    tell("fine-tuned, 1 epoch", continued(cell.suspect, own, tuned))
    last = tuned.model_copy(update={"epochs": 10, "head_only": True, "learning_rate": 0.1})
    tell("head replaced", continued(with_fresh_head(cell.suspect, 7), own, last))
    for name, images in (("published", cell.release.published), ("clean", own)):
        tell(f"distilled on the {name} images", distilled(cell.suspect, images, width))
    if retrain:
        dropped = np.ones(len(train_data), dtype=bool)
        dropped[cell.release.rows[::2]] = False
        halved = cell.release.published.take(dropped)
        training = config.training("scratch", place.augment, place.seed)
        with tempfile.TemporaryDirectory() as folder:
            tell("trained without half of the mark", train(halved, training, Path(folder) / "r")[1])


def pruned(model: nn.Module, share: float) -> nn.Module:
    """Without the smallest weights of all convolutions and linear layers."""
    model = copy.deepcopy(model)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    weights = [(layer, "weight") for layer in layers]
    prune.global_unstructured(weights, pruning_method=prune.L1Unstructured, amount=share)
    for layer in layers:
        prune.remove(layer, "weight")
    return model.eval()


def continued(model: nn.Module, examples: Dataset, config: TrainConfig) -> nn.Module:
    """Trained on, on other data."""
    with tempfile.TemporaryDirectory() as folder:
        return train(examples, config, Path(folder) / "run", start=model)[1]


def distilled(teacher: nn.Module, examples: Dataset, width: int, epochs: int = 10) -> nn.Module:
    """A student of the same kind, trained on the teacher's probabilities alone."""
    wanted = predictions(teacher, examples)
    options = {"channels": examples.content.shape[3], "classes": wanted.shape[1], "width": width}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        student = build_model(ModelSpec(name="resnet18", options=options))
        student.normalise.load_state_dict(teacher.normalise.state_dict())  # type: ignore[union-attr]
        steps = epochs * (len(examples) // 128)
        optimizer = torch.optim.SGD(
            student.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
        )
        fall: Callable[[int], float] = lambda step: 1 - step / steps  # noqa: E731
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, fall)
        student.train()
        for _ in range(epochs):
            for rows in torch.randperm(len(examples)).split(128)[: len(examples) // 128]:
                logits = student(to_inputs(examples.content[rows.numpy()]))
                loss = F.kl_div(logits.log_softmax(1), wanted[rows], reduction="batchmean")
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return student.eval()
