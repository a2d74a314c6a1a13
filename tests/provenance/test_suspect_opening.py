from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from suspect_asked import pixels
from suspect_helpers import by_the_book, network, refusal

from radiotracer.data import IMAGES, TEXTS, Dataset
from radiotracer.errors import RunError
from radiotracer.provenance.models import KINDS, Request, Suspect, open_suspect, reopened
from radiotracer.provenance.models.answering import Answering
from radiotracer.runs import ModelSpec
from radiotracer.training.making import reference_spec
from tiny_world import World

SOURCE = """
from suspect_helpers import by_the_book, network
def scores(images):
    return by_the_book(network(), images)
def make():
    return network(1)
"""


def opened(text: object, **settings: Any) -> Suspect:
    settings = {"channels": 3, "classes": 5} | settings
    return open_suspect(str(text), **settings)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same network in every form."""
    module = network()
    save_file(module.state_dict(), tmp_path / "it.safetensors")
    torch.save(module.state_dict(), tmp_path / "it.PT")
    torch.save(module.state_dict(), tmp_path / "it.pth")
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            module, (torch.rand(1, 3, 12, 12),), str(tmp_path / "it.onnx"), dynamo=False
        )
    (tmp_path / "opened_functions.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "settings", "kind"),
    [
        ("it.safetensors", {"architecture": "small-cnn,width=2"}, "safetensors"),
        ("it.PT", {"architecture": "small-cnn,width=2"}, "pt"),
        ("it.pth", {"factory": "opened_functions:make"}, "pth"),
        ("it.onnx", {}, "onnx"),
        ("python:opened_functions:scores", {}, "python"),
    ],
)
def test_every_form_gives_the_same_scores(
    folder: Path, text: str, settings: dict[str, str], kind: str
) -> None:
    suspect = opened(text, **settings)
    images = pixels(5)
    np.testing.assert_allclose(suspect.scores(images), by_the_book(network(), images), atol=1e-5)
    assert suspect.identity["kind"] == kind
    assert suspect.classes == 5


def test_a_run(tiny: World) -> None:
    step = tiny.run.checkpoints[0].step
    suspect = opened(tiny.folder, channels=1, classes=3, step=step)
    assert suspect.identity["checkpoint"] == tiny.run.checkpoints[0].file
    assert suspect.scores(tiny.queries.content).shape == (36, 3)
    assert "a run on images of 3 channels" in refusal(lambda: opened(tiny.folder))


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert refusal(lambda: opened(tmp_path), RunError).startswith(
        f"expected a recorded run in {tmp_path}; got no run.json there; "
    )


def test_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_HEADERS", "Authorization: Bearer x")
    suspect = opened("HTTPS://x.example/ask", headers_from="MODEL_HEADERS")
    assert suspect.access == {"scores", "labels"}
    assert opened("http://x.example/ask", outputs="labels").access == {"labels"}
    assert refusal(lambda: opened("http://x.example/ask", outputs="logits")) == (
        'expected a service that says itself whether it gives "logits" or "probabilities"; '
        'got outputs="logits"; leave it out'
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nothing", "'nothing', which is not there"),
        ("notes.txt", "'notes.txt', another file"),
        ("model.pkl", "'model.pkl', which is not there"),
    ],
)
def test_what_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    assert refusal(lambda: opened(text)) == (
        "expected a suspect model: an http(s) address, a .onnx file, python:module:function, "
        f"a run folder, or a .safetensors, .pt or .pth file; got {what}; "
        "check the path, or wrap the model in a Python function"
    )


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (
            "it.onnx",
            {"factory": "a:b", "step": 3},
            "expected options that it.onnx has a use for (layout, mean, scale, size, std); "
            "got factory, step; leave them out",
        ),
        (
            "it.safetensors",
            {"architecture": "small-cnn", "headers_from": "X"},
            "expected options that it.safetensors has a use for (architecture, factory, "
            "layout, mean, scale, size, std); "
            "got headers_from; leave them out",
        ),
        (
            "it.safetensors",
            {"architecture": "small-cnn", "factory": "a:b"},
            "expected either a reference network (architecture=) or a factory=; got both; "
            "leave one out",
        ),
        (
            "it.safetensors",
            {},
            "expected the network that the weights are for; got the weights alone; "
            "pass architecture= for a reference network, or factory= module:function",
        ),
        (
            "https://x.example",
            {"architecture": "small-cnn"},
            "expected options that https://x.example has a use for (headers_from); "
            "got architecture; leave them out",
        ),
    ],
)
def test_options_that_do_not_fit(
    folder: Path, text: str, settings: dict[str, Any], message: str
) -> None:
    assert refusal(lambda: opened(text, **settings)) == message


def test_reference_networks() -> None:
    assert reference_spec("resnet18,width=16", channels=1, classes=10) == ModelSpec(
        name="resnet18", options={"channels": 1, "classes": 10, "width": 16}
    )
    assert reference_spec("small-cnn,classes=7", channels=1).options["classes"] == 7
    assert refusal(lambda: reference_spec("small-cnn", channels=1)) == (
        "expected the number of classes of small-cnn; got none; "
        "write small-cnn,classes=10 or as many as it has"
    )
    for text in ("small-cnn,width", "small-cnn,width=x", "small-cnn,=3", "small-cnn,width=-1"):
        assert refusal(lambda text=text: reference_spec(text, channels=1, classes=2)) == (
            "expected a reference network and its options, such as resnet18,width=16; "
            f"got {text!r}; write it so"
        )


def test_a_reference_network_that_is_none(folder: Path) -> None:
    assert "expected a reference network (bag-of-words," in refusal(
        lambda: opened("it.safetensors", architecture="resnet99")
    )


def test_importing_the_room_imports_nothing_heavy() -> None:
    code = (
        "import sys, radiotracer.provenance.models; "
        "print([n for n in ('torch', 'onnxruntime', 'httpx', 'pyarrow') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


class Oracle:
    """A kind of suspect of somebody's own: it knows everything."""

    name = "oracle"
    form = "oracle:NAME"
    options = frozenset[str]()

    def matches(self, given: object) -> bool:
        return isinstance(given, str) and given.startswith("oracle:")

    def open(self, request: Request) -> Suspect:
        def ask(content: Any) -> np.ndarray:
            return np.ones((request.modality.length(content), request.classes or 1))

        return Answering(ask, str(request.given), {"kind": self.name}, modality=request.modality)

    def arguments(self, identity: Mapping[str, str]) -> Mapping[str, Any] | None:
        return {"given": "oracle:again"} if identity.get("kind") == self.name else None


def test_a_kind_of_ones_own(monkeypatch: pytest.MonkeyPatch, tiny: World) -> None:
    monkeypatch.chdir(tiny.folder)
    KINDS.register(Oracle())
    try:
        suspect = opened("oracle:delphi", modality=TEXTS)
        assert suspect.scores(["a", "b"]).shape == (2, 5) and suspect.name == "oracle:delphi"
        assert "headers_from" in refusal(lambda: opened("oracle:delphi", headers_from="X"))
        assert reopened(suspect.identity, like=tiny.queries).name == "oracle:again"
        assert "or oracle:NAME; got 'nothing'" in refusal(lambda: opened("nothing"))
    finally:
        KINDS.unregister("oracle")
    assert "'oracle:delphi', which is not there" in refusal(lambda: opened("oracle:delphi"))


def test_a_kind_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(KINDS) == ["http", "onnx", "python", "run", "weights"]
    monkeypatch.setitem(KINDS.failures, "grpc", "grpc_suspects:KIND, which failed")
    assert refusal(lambda: opened("grpc://x")).endswith(" (grpc: grpc_suspects:KIND, which failed)")
    assert opened("https://x.example").name == "x.example/"


def test_a_path_or_a_text(folder: Path) -> None:
    for given in (folder / "it.onnx", "it.onnx", str(folder / "it.onnx")):
        assert open_suspect(given, channels=3, classes=5).classes == 5
        assert open_suspect(given).classes is None


def test_evidence_names_no_code_that_is_run(folder: Path) -> None:
    suspect = opened("it.pth", factory="opened_functions:make")
    examples = Dataset(
        modality=IMAGES,
        content=pixels(5),
        labels=np.arange(5),
        ids=np.array(list("abcde")),
        class_names=tuple("vwxyz"),
        source="memory",
    )
    assert refusal(lambda: reopened(suspect.identity, like=examples)) == (
        "expected evidence about a reference network, to open the suspect again; "
        "got one that 'opened_functions:make' makes; code that evidence names is not run; "
        "pass the suspect (suspect=) and its factory=, if you trust them"
    )
    known = opened("it.PT", architecture="small-cnn,width=2")
    again = reopened(known.identity, like=examples)
    assert again.identity == known.identity
    assert refusal(lambda: reopened({"kind": "http"}, like=examples)) == (
        "expected evidence about a run or a file of weights; got a suspect of kind 'http'; "
        "pass the suspect (suspect=)"
    )
