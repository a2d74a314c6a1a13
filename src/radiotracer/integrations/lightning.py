"""Record what Lightning's Trainer trains: a callback, in one added line.

trainer = lightning.Trainer(callbacks=[lightning_callback("run", data)])
"""

from __future__ import annotations

import importlib
import inspect
import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.integrations.watched_training import WatchedTraining
    from radiotracer.runs.schema import Scalar


def lightning_callback(
    out: str | os.PathLike[str],
    data: Any = None,
    *,
    checkpoint_every: int = 1,
    overwrite: bool = False,
) -> Any:
    """A callback that records `Trainer.fit` into the folder `out`, as `radiotracer.record` does.

    The run is of the `LightningModule`: its `forward` should give the logits. Validation and sanity
    checks are not recorded. With ``ckpt_path=`` the recording in `out` goes on where its checkpoint
    was written at the same step; an error ends the run as `interrupted`.

    Rows of several batches before one step add up. A replay takes the mean loss over them, without
    clipping: that is what was trained where batches are of equal size and nothing was clipped.

    Args:
        out: A new folder, or that of the training that is resumed.
        data: The training examples; row ``i`` is what index ``i`` of the training loader means.
            None is the loader's own data set as its collate function makes it. Where either draws
            random numbers, pass the same examples without them.
        checkpoint_every: Epochs between checkpoints; 0 writes one at the end.
        overwrite: Replace an earlier recording in `out` when a training begins.

    Returns:
        A `Callback` for `lightning.Trainer` and for `pytorch_lightning.Trainer`.

    Raises:
        InputError: Neither is installed, or `checkpoint_every` is negative. From within `fit`:
            several devices or optimisers, manual optimisation, several training loaders, or one
            whose order cannot be seen; and what `radiotracer.record` raises.
    """
    package = _lightning()
    from radiotracer.integrations.watched_training import WatchedTraining

    base: Any = package.Callback
    training = WatchedTraining(out, data, checkpoint_every=checkpoint_every, overwrite=overwrite)

    class LightningCallback(base):  # type: ignore[misc]  # only known when it is installed
        """Records what the trainer does."""

        def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
            """See the training loader before it hands anything out."""
            if stage == "fit":
                _require_recordable(trainer, pl_module)
                _watch_loader(trainer, training)

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Weights and optimiser are there, from a checkpoint or not."""
            _require_one_loader(trainer, training)
            training.begin(
                pl_module,
                trainer.optimizers[0],
                steps=trainer.global_step,
                settings=_settings(trainer),
            )

        def on_train_batch_start(
            self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
        ) -> None:
            """A batch is at hand."""
            training.take(batch_idx)

        def on_before_zero_grad(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            """A step that was left out, for its gradients overflowed, learned from nothing."""
            training.forget()

        def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
            """No training step of the module left the batch out."""
            training.learn()

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            """An epoch ends after its last batch, or where the training stops."""
            training.end_pass(
                whole=trainer.is_last_batch, last=trainer.current_epoch + 1 == trainer.max_epochs
            )

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """All went well."""
            training.end()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            """Something went wrong, or somebody interrupted."""
            _watch_no_more(trainer)
            training.end(exception)

        def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
            """Leave the strategy as it was."""
            _watch_no_more(trainer)

    return LightningCallback()


def _lightning() -> Any:
    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise InputError(
        expected="lightning, whose Trainer is to be recorded",
        came="an environment without it",
        do="run pip install 'radiotracer[lightning]'",
    )


def _require_recordable(trainer: Any, module: Any) -> None:
    if trainer.world_size != 1:
        raise _unrecorded("one device", f"{trainer.world_size}", "pass Trainer(devices=1)")
    if not module.automatic_optimization:
        raise _unrecorded(
            "automatic optimisation",
            "automatic_optimization = False",
            "use radiotracer.record in a loop of your own",
        )
    if "dataloader_iter" in inspect.signature(module.training_step).parameters:
        raise _unrecorded(
            "a training step that is given its batch",
            "training_step(dataloader_iter)",
            "take batch and batch_idx",
        )
    if trainer.reload_dataloaders_every_n_epochs:
        raise _unrecorded(
            "one training loader for all epochs",
            f"reload_dataloaders_every_n_epochs={trainer.reload_dataloaders_every_n_epochs}",
            "leave it out, and shuffle by a sampler",
        )


def _watch_loader(trainer: Any, training: WatchedTraining) -> None:
    # A strategy may exchange each loader before it is used. Later hooks come after workers have
    # been asked for the first batches.
    process = trainer.strategy.process_dataloader

    def process_and_watch(loader: Any) -> Any:
        processed = process(loader)
        return training.watch(processed) if trainer.training else processed

    trainer.strategy.process_dataloader = process_and_watch


def _watch_no_more(trainer: Any) -> None:
    vars(trainer.strategy).pop("process_dataloader", None)


def _require_one_loader(trainer: Any, training: WatchedTraining) -> None:
    if not training.is_watched(trainer.train_dataloader):
        raise _unrecorded(
            "one training loader",
            type(trainer.train_dataloader).__name__,
            "train from a single DataLoader",
        )
    if len(trainer.optimizers) != 1:
        raise _unrecorded(
            "one optimiser", str(len(trainer.optimizers)), "use parameter groups of one optimiser"
        )


def _settings(trainer: Any) -> dict[str, Scalar]:
    return {
        "trainer": "lightning",
        "trainer_version": version(type(trainer).__module__.partition(".")[0].replace("_", "-")),
        "accumulate_grad_batches": trainer.accumulate_grad_batches,
        "gradient_clip_val": float(trainer.gradient_clip_val or 0),
        "precision": str(trainer.precision),
    }


def _unrecorded(expected: str, came: str, do: str) -> InputError:
    return InputError(expected=f"{expected}, to record it exactly", came=came, do=do)
