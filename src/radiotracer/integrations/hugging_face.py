"""Record what Hugging Face's Trainer trains: a callback, in one added line.

trainer = transformers.Trainer(..., callbacks=[hugging_face_callback("run", data)])
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.integrations.watched_training import WatchedTraining
    from radiotracer.runs.schema import Scalar


def hugging_face_callback(
    out: str | os.PathLike[str],
    data: Any = None,
    *,
    checkpoint_every: int = 1,
    overwrite: bool = False,
) -> Any:
    """A callback that records `Trainer.train` into the folder `out`, as `radiotracer.record` does.

    Evaluations are not recorded. With ``resume_from_checkpoint=`` the recording in `out` goes on
    where its checkpoint was written at the same step. The trainer tells its callbacks of no error:
    after one the run is marked `interrupted` when the trainer is no longer used, at the latest when
    Python ends.

    Rows of several batches before one step add up. A replay takes the mean loss over them, without
    clipping and without what the trainer adds to the loss: `max_grad_norm`, which is 1 unless set,
    has to be 0 for an exact one.

    Args:
        out: A new folder, or that of the training that is resumed.
        data: The training examples; row ``i`` is what row ``i`` of `train_dataset` means. None is
            `train_dataset` as the collator makes it, without the columns that the network does not
            take. Where either draws random numbers, pass the same examples without them.
        checkpoint_every: Epochs between checkpoints; 0 writes one at the end.
        overwrite: Replace an earlier recording in `out` when a training begins.

    Returns:
        A `TrainerCallback` for `transformers.Trainer`.

    Raises:
        InputError: transformers is not installed, or `checkpoint_every` is negative. From within
            `train`: a batch size that is searched for, or a training set whose order cannot be
            seen; and what `radiotracer.record` raises.
    """
    try:
        base: Any = importlib.import_module("transformers").TrainerCallback
        importlib.import_module("accelerate")
    except ImportError as error:
        raise InputError(
            expected="transformers with accelerate, whose Trainer is to be recorded",
            came="an environment without it",
            do="run pip install 'radiotracer[transformers]'",
        ) from error
    from radiotracer.integrations.watched_training import WatchedTraining

    training = WatchedTraining(out, data, checkpoint_every=checkpoint_every, overwrite=overwrite)

    class HuggingFaceCallback(base):  # type: ignore[misc]  # only known when it is installed
        """Records what the trainer does."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Weights and optimiser are there, from a checkpoint or not."""
            _require_recordable(args, checkpoint_every)
            _watch_loader(kwargs["train_dataloader"], training)
            training.begin(
                kwargs["model"],
                # accelerate wraps the optimiser that takes the steps.
                getattr(kwargs["optimizer"], "optimizer", kwargs["optimizer"]),
                steps=state.global_step,
                seed=args.seed,
                settings=_settings(args),
            )

        def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """A batch whose gradient is kept for a later step."""
            training.take()
            training.learn()

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """The last batch before a step."""
            training.take()
            training.learn()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """A step that was left out, for its gradients overflowed, learned from nothing."""
            training.forget()

        def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """An epoch ends after its last batch, or where the training stops."""
            training.end_pass(
                whole=float(state.epoch).is_integer(), last=control.should_training_stop
            )

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """All went well."""
            training.end()

    return HuggingFaceCallback()


def _require_recordable(args: Any, checkpoint_every: int) -> None:
    if args.auto_find_batch_size:
        raise _unrecorded(
            "a batch size that is given",
            "auto_find_batch_size",
            "pass per_device_train_batch_size alone",
        )
    if args.load_best_model_at_end and checkpoint_every != 1:
        # The best weights are loaded before the callbacks hear that the training has ended.
        raise _unrecorded(
            "checkpoint_every=1 with load_best_model_at_end",
            f"checkpoint_every={checkpoint_every}",
            "pass checkpoint_every=1",
        )


def _watch_loader(loader: Any, training: WatchedTraining) -> None:
    """Let accelerate's loader, which iterates over another one, iterate over one that is watched.

    It was made for this training alone.
    """
    shard = importlib.import_module("accelerate.data_loader").DataLoaderShard
    if type(loader) is not shard:  # it says that it is of the class of the other loader
        raise _unrecorded(
            "a training loader that accelerate prepared",
            type(loader).__name__,
            "return self.accelerator.prepare(loader) from get_train_dataloader, and leave "
            "dispatch_batches out",
        )
    loader.base_dataloader = training.watch(loader.base_dataloader)


def _settings(args: Any) -> dict[str, Scalar]:
    return {
        "trainer": "transformers",
        "trainer_version": version("transformers"),
        "gradient_accumulation_steps": args.gradient_accumulation_steps,
        "max_grad_norm": float(args.max_grad_norm or 0),
        "label_smoothing_factor": float(args.label_smoothing_factor),
    }


def _unrecorded(expected: str, came: str, do: str) -> InputError:
    return InputError(expected=f"{expected}, to record it exactly", came=came, do=do)
