"""What of Lightning's Trainer cannot be recorded is refused in one line, before it begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning_helpers import QUIET, Blobs, blobs, make_trainer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

import radiotracer
from radiotracer.errors import DataError, InputError, RunError
from radiotracer.integrations import lightning_callback

pytestmark = QUIET


@pytest.fixture
def module() -> Blobs:
    torch.manual_seed(0)
    return Blobs()


def test_a_training_that_was_not_recorded_so_far(module: Blobs, tmp_path: Path) -> None:
    data, state = blobs(), tmp_path / "state.ckpt"
    loader = DataLoader(data, 10, shuffle=True)
    trainer = make_trainer(max_epochs=1)
    trainer.fit(module, loader)
    trainer.save_checkpoint(state)
    with pytest.raises(RunError, match=r"no run\.json there"):
        make_trainer(lightning_callback(tmp_path / "run", data)).fit(
            Blobs(), loader, ckpt_path=state, weights_only=False
        )
    assert not (tmp_path / "run").exists()
    make_trainer(lightning_callback(tmp_path / "run", data)).fit(Blobs(), loader)
    with pytest.raises(RunError, match="end of a recorded epoch"):
        make_trainer(lightning_callback(tmp_path / "run", data)).fit(
            Blobs(), loader, ckpt_path=state, weights_only=False
        )
    assert radiotracer.Run.open(tmp_path / "run").info.status == "complete"


class Numbers(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from blobs()


class Manual(Blobs):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False


class TakesTheIterator(Blobs):
    def training_step(self, dataloader_iter: Any) -> Tensor:
        return super().training_step(next(dataloader_iter)[0], 0)


def bad(**changed: Any) -> dict[str, Any]:
    data = blobs()
    return {"kind": Blobs, "loader": DataLoader(data, 10), "data": data, "options": {}} | changed


REFUSED = {
    "an iterable set": (bad(loader=DataLoader(Numbers(), 10)), "DataLoader over numbered examples"),
    "a list": (bad(loader=[list(blobs())[:4]]), "whose order cannot be seen"),
    "several loaders": (bad(loader={"a": DataLoader(blobs(), 10)}), "one training loader"),
    "manual": (bad(kind=Manual), "automatic optimisation"),
    "an iterator": (bad(kind=TakesTheIterator), "training step that is given its batch"),
    "other data": (bad(data=blobs(90)), "the 96 examples of the training loader; got 90"),
    "reloading": (bad(options={"reload_dataloaders_every_n_epochs": 1}), "all epochs"),
}


@pytest.mark.filterwarnings("ignore:Found `dataloader_iter` argument:UserWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_recorded(case: str, tmp_path: Path) -> None:
    made, words = REFUSED[case]
    trainer = make_trainer(lightning_callback(tmp_path / "run", made["data"]), **made["options"])
    with pytest.raises(Exception, match="expected") as caught:
        trainer.fit(made["kind"](), made["loader"])
    assert words in str(caught.value) and "InputError" in repr(type(caught.value).__mro__)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_several_devices(module: Blobs, tmp_path: Path) -> None:
    callback = lightning_callback(tmp_path / "run", blobs())
    trainer = make_trainer(callback, devices=2, strategy="ddp_fork")
    # As each of its processes calls it first.
    with pytest.raises(InputError, match=r"expected one device.* got 2"):
        callback.setup(trainer, module, "fit")


def test_a_folder_in_use(module: Blobs, tmp_path: Path) -> None:
    data = blobs()
    loader = DataLoader(data, 10)
    make_trainer(lightning_callback(tmp_path / "run", data), max_epochs=1).fit(module, loader)
    with pytest.raises(InputError, match="run"):
        make_trainer(lightning_callback(tmp_path / "run", data)).fit(Blobs(), loader)
    again = lightning_callback(tmp_path / "run", data, overwrite=True)
    make_trainer(again, max_epochs=2).fit(Blobs(), loader)
    assert len(radiotracer.Run.open(tmp_path / "run").checkpoints) == 2
    with pytest.raises(InputError, match="checkpoint_every= of at least 0"):
        lightning_callback(tmp_path / "run", data, checkpoint_every=-1)


def test_a_batch_that_comes_again(module: Blobs, tmp_path: Path) -> None:
    class Again(lightning.Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            trainer.fit_loop.epoch_loop.batch_progress.current.ready = 1

    data = blobs()
    trainer = make_trainer(lightning_callback(tmp_path / "run", data), Again())
    with pytest.raises(InputError, match="expected batch 2 of the epoch or a later one; got batch"):
        trainer.fit(module, DataLoader(data, 10))


def test_without_a_length(module: Blobs, tmp_path: Path) -> None:
    callback = lightning_callback(tmp_path / "run", 7)
    with pytest.raises(DataError, match="a data set with a length"):
        make_trainer(callback).fit(module, DataLoader(blobs(), 10))


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, radiotracer.integrations; "
        "print({'torch', 'lightning', 'pytorch_lightning', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_lightning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'radiotracer\[lightning\]'"):
        lightning_callback(tmp_path / "run")
