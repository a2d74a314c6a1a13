"""--device and --precision on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from radiotracer.cli import run
from tiny_world import World

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: None)

    def called(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([str(each) for each in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return called


COMMANDS = {
    "scan": ["scan", "{run}", "--out", "out"],
    "explain": ["explain", "{run}", "--query", "{data}#0"],
    "train": ["train", "{data}", "--architecture", "small-cnn", "--out", "out"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_is_not_here_is_refused_in_one_line(
    command: str, call: Call, tiny: World, tmp_path: Path
) -> None:
    given = [each.format(run=tiny.folder, data=tiny.data) for each in COMMANDS[command]]
    status, out, err = call(*given, "--device", "cuda:1")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "expected a device that is here (auto, cpu); got 'cuda:1'" in err
    assert list(tmp_path.iterdir()) == []


def test_the_cpu_is_auto_here(call: Call, tiny: World) -> None:
    scores = []
    for device in ("auto", "cpu"):
        status, out, err = call(
            "scan", tiny.folder, "--out", device, "--device", device, "--top-k", "3", "--json"
        )
        assert status == 1, err
        scores.append(Path(device, "scores.parquet").read_bytes())
        assert json.loads(out)["flagged"] == 3
    assert scores[0] == scores[1]


def test_mixed_precision_is_told(call: Call, tiny: World) -> None:
    asked = ["scan", tiny.folder, "--out", "out", "--precision", "bfloat16", "--max-flagged", "96"]
    status, out, err = call(*asked)
    assert status == 0, err
    assert "contrast in bfloat16: relative errors of at most" in " ".join(out.split())
    summary = json.loads(Path("out", "summary.json").read_text())
    assert any("loss in bfloat16" in note for note in summary["notes"])
    assert 0 < summary["precision"]["loss"]["largest"] < 0.2
    status, out, err = call(*asked[:2], "--out", "plan", *asked[4:6], "--plan", "--json")
    assert status == 0, err
    assert json.loads(out)["seconds"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ray", "local", "--device", "cuda"], "expected --device cpu with --ray"),
        (["--precision", "float16"], "float16"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], words: str, call: Call, tiny: World, tmp_path: Path
) -> None:
    status, out, err = call("scan", tiny.folder, "--out", "out", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(tmp_path.iterdir()) == []
