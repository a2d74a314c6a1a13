"""Lightning's Trainer: recorded by the callback, and traced exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from script_helpers import (
    N,
    Script,
    choose,
    cross_entropy,
    draw,
    items,
    loader,
    made,
    net,
    per_example,
    require_exact,
)
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import radiotracer
from radiotracer.errors import InputError
from radiotracer.integrations import lightning_callback

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
]
X = draw(N, 4)
Y = choose(3, N)


class Module(lightning.LightningModule):
    """A module of the manual: a network, a loss, an optimiser."""

    def __init__(self, network: nn.Module, loss: Callable[[Any, Any], Tensor]) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, *inputs: Tensor) -> Any:
        return self.network(*inputs)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.loss(self(*batch[:-1]), batch[-1]).mean()

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.01)


class Named(Module):
    """Batches are mappings."""

    def forward(self, a: Tensor, b: Tensor) -> Any:
        return self.network(torch.cat([a, b], dim=1))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.loss(self(batch["a"], batch["b"]), batch["labels"]).mean()


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return per_example((outputs - targets).square())


def classification() -> Script:
    model = made(lambda: Module(net(4, 3), cross_entropy))
    return Script(model, loader(TensorDataset(X, Y)), cross_entropy)


def regression() -> Script:
    data = loader(TensorDataset(X, draw(N, 2)))
    return Script(made(lambda: Module(net(4, 2), squared)), data, squared)


def mappings() -> Script:
    return Script(
        made(lambda: Named(net(6, 3), cross_entropy)),
        loader(items(a=X, b=draw(N, 2), labels=Y, idx=torch.arange(N))),
        cross_entropy,
        step=lambda model, batch: (model(batch["a"], batch["b"]), batch["labels"]),
    )


def normalised(batch: list[Any]) -> tuple[Tensor, Tensor]:
    inputs, labels = torch.utils.data.default_collate(batch)
    return (inputs - 0.1) / 2, labels


def a_collate_function() -> Script:
    model = made(lambda: Module(net(4, 3), cross_entropy))
    return Script(model, loader(TensorDataset(X, Y), collate_fn=normalised), cross_entropy)


SCRIPTS = [classification, regression, mappings, a_collate_function]


def trained(made: Script, folder: Path, data: Any = None) -> radiotracer.Run:
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[lightning_callback(folder / "run", data)],
    )
    trainer.fit(made.model, made.loader)
    return radiotracer.Run.open(folder / "run")


@pytest.mark.parametrize("build", SCRIPTS, ids=lambda build: build.__name__)
def test_recorded_and_traced(build: Callable[[], Script], tmp_path: Path) -> None:
    made = build()
    require_exact(made, trained(made, tmp_path))


def test_a_collate_function_is_part_of_the_data(tmp_path: Path) -> None:
    made = a_collate_function()
    run = trained(made, tmp_path)
    with pytest.raises(InputError, match="in a DataLoader where a collate_fn made batches"):
        radiotracer.scan(made.model, run, made.loader.dataset)
    assert len(radiotracer.scan(made.model, run, made.loader).decision.ranks) == N


def noisy(batch: list[Any]) -> tuple[Tensor, Tensor]:
    inputs, labels = torch.utils.data.default_collate(batch)
    return inputs + 0.1 * torch.randn(inputs.shape), labels


def test_random_transforms(tmp_path: Path) -> None:
    made = classification()
    made.loader = loader(TensorDataset(X, Y), collate_fn=noisy)
    with pytest.raises(InputError, match="without random transforms as data="):
        trained(made, tmp_path)
    made.data, made.alone = TensorDataset(X, Y), loader(TensorDataset(X, Y))
    require_exact(made, trained(made, tmp_path, made.data))
