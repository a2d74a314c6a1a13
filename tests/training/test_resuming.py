"""A training that was stopped, wherever that was, ends with the bytes of one that never was."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiotracer.errors import InputError, NotFiniteError, StorageError
from radiotracer.runs import Run, RunInfo
from radiotracer.runs.texts import parsed_digested
from radiotracer.training.kept import trained_once
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.resuming import kept_training, ledger_beside
from tiny_world import World

CONFIG = TrainConfig(
    architecture="small-cnn", width=2, epochs=3, batch_size=32, seed=3, augment="crops-and-flips"
)
CONFIGS = {
    "crops": CONFIG,
    "every second": CONFIG.model_copy(update={"checkpoint_every": 2}),
    "resnet": CONFIG.model_copy(update={"architecture": "resnet9", "augment": "none"}),
    "plain": CONFIG.model_copy(update={"momentum": 0.0, "schedule": "constant"}),
}

HEAD = CONFIG.model_copy(update={"head_only": True, "augment": "none"})


def content(folder: Path) -> dict[str, Any]:
    """Every file below a folder; of run.json all but the time."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    info = json.loads(files.pop("run.json"))
    return {
        **files,
        "run": {name: info[name] for name in info if name not in ("created", "digest")},
    }


def stop_at(epoch: int, done: int, error: type[BaseException] = KeyboardInterrupt) -> Any:
    def progress(what: str, now: int, _: int) -> None:
        if (what, now) == (f"epoch {epoch} of 3", done):
            raise error

    return progress


def hidden(out: Path) -> Path:
    return out.with_name(f".{out.name}.training")


@pytest.mark.parametrize("name", CONFIGS)
def test_an_interrupted_training_goes_on(tiny: World, tmp_path: Path, name: str) -> None:
    config, noted = CONFIGS[name], list[str]()
    whole, network = train(tiny.tampered, config, tmp_path / "whole")
    out = tmp_path / "out"
    before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        train(tiny.tampered, config, out, progress=stop_at(3, 64), note=noted.append)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(5)  # the state of whoever calls plays no part
    shown: list[str] = []
    run, again = train(
        tiny.tampered, config, out, progress=lambda *what: shown.append(what[0]), note=noted.append
    )
    assert content(out) == content(tmp_path / "whole")
    assert run.info.checkpoints == whole.info.checkpoints
    assert all(
        torch.equal(value, again.state_dict()[key]) for key, value in network.state_dict().items()
    )
    assert set(shown) == {"epoch 3 of 3"}
    assert noted == [
        f"what is done is kept in {out}: the same command goes on from its last checkpoint",
        f"{out} goes on after epoch 2 (step 6)",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_the_head_alone(tiny: World, tmp_path: Path) -> None:
    train(tiny.tampered, HEAD, tmp_path / "whole", start=tiny.model)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(tiny.tampered, HEAD, tmp_path / "out", start=tiny.model, progress=stop_at(2, 64))
    train(tiny.tampered, HEAD, tmp_path / "out", start=tiny.model)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def described(out: Path) -> RunInfo:
    """What a run that was stopped at any moment says of itself."""
    file = out / "run.json"
    if file.is_file():
        return parsed_digested(RunInfo, file.read_bytes())
    return RunInfo.model_construct(checkpoints=())


def killed_at(operation: int, do: Callable[[], object]) -> bool:
    """Whether a child that is killed before its nth change of a file or folder got that far."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                nonlocal count
                count += 1
                if count == operation:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*given, **named)

            return call

        for name in ("replace", "unlink", "rmdir", "mkdir"):
            setattr(os, name, counted(getattr(os, name)))
        try:
            do()
        except BaseException:
            os._exit(1)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


@pytest.mark.parametrize(
    ("first", "step"), [(1, 3), *(pytest.param(n, 3, marks=pytest.mark.nightly) for n in (2, 3))]
)
def test_killed_before_every_write(tiny: World, tmp_path: Path, first: int, step: int) -> None:
    """Whatever is on the disk at any moment, the same call makes the same of it."""
    config = CONFIG.model_copy(update={"epochs": 2})
    train(tiny.tampered, config, tmp_path / "whole")
    wanted = content(tmp_path / "whole")
    operation = first
    while True:
        home = tmp_path / str(operation)
        home.mkdir()
        out = home / "out"
        if not killed_at(operation, lambda out=out: train(tiny.tampered, config, out)):
            break
        for checkpoint in (found := described(out)).checkpoints if out.exists() else ():
            Run(out, found).weights(checkpoint)  # which is as it was written
        try:
            train(tiny.tampered, config, out)
        except InputError as error:
            # Complete, and all that would say that it was stopped is gone.
            assert "which already holds run.json" in str(error)
            assert Run.open(out).info.status == "complete"
        assert content(out) == wanted, operation
        assert [path.name for path in home.iterdir()] == ["out"], operation
        shutil.rmtree(home)
        operation += step
    assert operation > 30


@pytest.mark.parametrize(
    "operation", [1, 10, 19, *(pytest.param(n, marks=pytest.mark.nightly) for n in (4, 7, 13, 16))]
)
def test_killed_while_it_replaces(tiny: World, tmp_path: Path, operation: int) -> None:
    """Of another run, with --overwrite."""
    out = tmp_path / "out"
    train(tiny.tampered, CONFIG.model_copy(update={"seed": 4}), out)
    again = {"overwrite": True, "resume": False}
    assert killed_at(operation, lambda: train(tiny.tampered, CONFIG, out, **again))
    train(tiny.tampered, CONFIG, out, **again)
    train(tiny.tampered, CONFIG, tmp_path / "whole")
    assert content(out) == content(tmp_path / "whole")


def stopped(tiny: World, out: Path, config: TrainConfig = CONFIG) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tiny.tampered, config, out, progress=stop_at(3, 64))


OTHERS = {
    "learning rate: 0.1, begun with 0.05": {"learning_rate": 0.1},
    "seed: 4, begun with 3; weights to begin with: ": {"seed": 4},
    "epochs: 9, begun with 3": {"epochs": 9},
}


@pytest.mark.parametrize("differs", OTHERS)
def test_another_training_is_refused(tiny: World, tmp_path: Path, differs: str) -> None:
    out = tmp_path / "out"
    stopped(tiny, out)
    before = content(out)
    with pytest.raises(InputError) as caught:
        train(tiny.tampered, CONFIG.model_copy(update=OTHERS[differs]), out)
    assert differs in str(caught.value)
    assert str(caught.value).endswith("or pass overwrite=True to begin anew")
    with pytest.raises(InputError, match="training data: "):
        train(tiny.clean, CONFIG, out)
    assert content(out) == before
    noted: list[str] = []
    train(tiny.tampered, CONFIG, out, note=noted.append)
    assert noted == [f"{out} goes on after epoch 2 (step 6)"]


def test_other_threads_are_refused(tiny: World, tmp_path: Path) -> None:
    stopped(tiny, tmp_path / "out")
    torch.set_num_threads(2)
    try:
        with pytest.raises(InputError, match="threads: 2, begun with 1"):
            train(tiny.tampered, CONFIG, tmp_path / "out")
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("changed", [{}, {"seed": 4}])
def test_overwriting_begins_anew(tiny: World, tmp_path: Path, changed: dict[str, Any]) -> None:
    out, config = tmp_path / "out", CONFIG.model_copy(update=changed)
    stopped(tiny, out)
    shown: list[str] = []
    train(
        tiny.tampered, config, out, overwrite=True, resume=False,
        progress=lambda *what: shown.append(what[0]),
    )  # fmt: skip
    assert "epoch 1 of 3" in shown
    train(tiny.tampered, config, tmp_path / "whole")
    assert content(out) == content(tmp_path / "whole")


def spoil_state(out: Path) -> None:
    (state,) = hidden(out).glob("step-*.safetensors")
    state.write_bytes(state.read_bytes()[:-1] + b"?")


def spoil_vouching(out: Path) -> None:
    (state,) = hidden(out).glob("step-*.json")
    state.write_text("{}")


def spoil_checkpoint(out: Path) -> None:
    first = min(out.glob("checkpoints/*"))
    first.write_bytes(first.read_bytes()[:-1] + b"?")


def spoil_steps(out: Path) -> None:
    min(out.glob("steps/*")).unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_state, "step-0000000006 in HIDDEN was damaged since it was written"),
        (spoil_vouching, "step-0000000006 in HIDDEN was damaged since it was written"),
        (spoil_checkpoint, "checkpoints/00000003.safetensors in OUT was damaged since it was"),
        (spoil_steps, "steps/00000003.parquet in OUT was damaged since it was written"),
    ],
)
def test_what_is_damaged_is_told_and_done_again(
    tiny: World, tmp_path: Path, spoil: Callable[[Path], None], told: str
) -> None:
    out, noted = tmp_path / "out", list[str]()
    stopped(tiny, out)
    spoil(out)
    train(tiny.tampered, CONFIG, out, note=noted.append)
    told = told.replace("HIDDEN", str(hidden(out))).replace("OUT", str(out))
    assert noted[0].startswith(told)
    assert noted[1:] == [f"{out} begins anew: there is no checkpoint to go on from"]
    train(tiny.tampered, CONFIG, tmp_path / "whole")
    assert content(out) == content(tmp_path / "whole")


def test_what_cannot_be_trained_is_not_kept(tiny: World, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"learning_rate": 1e30})
    for matches in ("finite training loss", "which already holds run.json"):
        with pytest.raises(InputError, match=matches):
            train(tiny.tampered, config, tmp_path / "out")
        assert not hidden(tmp_path / "out").exists()
    assert issubclass(NotFiniteError, InputError)


def test_a_full_disk(tiny: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"

    def full(*_: object) -> None:
        raise StorageError(expected="to write", came="a refusal", do="free space")

    with monkeypatch.context() as patch, pytest.raises(StorageError):
        train(
            tiny.tampered, CONFIG, out,
            progress=lambda what, *_: what == "epoch 3 of 3"
            and patch.setattr("radiotracer.runs.keeping.save_weights", full),
        )  # fmt: skip
    noted: list[str] = []
    train(tiny.tampered, CONFIG, out, note=noted.append)
    assert noted == [f"{out} goes on after epoch 2 (step 6)"]
    train(tiny.tampered, CONFIG, tmp_path / "whole")
    assert content(out) == content(tmp_path / "whole")


def test_things_of_others_stay(tiny: World, tmp_path: Path) -> None:
    """A training was begun here, and then somebody put something else in its place."""
    out = tmp_path / "out"
    stopped(tiny, out)
    shutil.rmtree(out)
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="which holds other things"):
        train(tiny.tampered, CONFIG, out)
    assert (out / "thesis.txt").read_text() == "mine"
    shutil.rmtree(out)
    stopped(tiny, out)
    shutil.rmtree(out)
    shutil.copytree(tiny.folder, out)  # another run
    with pytest.raises(InputError, match=r"which already holds run\.json"):
        train(tiny.tampered, CONFIG, out)
    assert Run.open(out).info == tiny.run.info


def test_one_process_at_a_time(tiny: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        kept_training(out, overwrite=False, note=print),
        pytest.raises(InputError, match=f"in use by process {os.getpid()}; wait for it"),
    ):
        train(tiny.tampered, CONFIG, out)
    train(tiny.tampered, CONFIG, out)


def test_trained_once_goes_on(tiny: World, tmp_path: Path) -> None:
    out, noted = tmp_path / "out", list[str]()
    stopped(tiny, out)
    run, _ = trained_once(tiny.tampered, CONFIG, out, note=noted.append)
    assert noted == [f"{out} goes on after epoch 2 (step 6)"] and not hidden(out).exists()
    ledger_beside(out).begin({})  # killed before the last of it was removed
    assert trained_once(tiny.tampered, CONFIG, out)[0].info == run.info
    assert not hidden(out).exists()
    stopped(tiny, tmp_path / "other")
    changed = CONFIG.model_copy(update={"seed": 8})
    other, _ = trained_once(tiny.tampered, changed, tmp_path / "other")
    assert other.info.seed == 8 and np.array_equal(other.info.status, run.info.status)
