"""Every kind of suspect, asked about every kind of example: one battery."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from suspect_asked import pixels
from suspect_helpers import listing, refusal
from torch import nn

from radiotracer.data import IMAGES, MODALITIES, TEXTS, Dataset
from radiotracer.data.inputs import call
from radiotracer.data.modalities.tables import TABLES
from radiotracer.data.modalities.vectors import VECTORS
from radiotracer.data.table import Column, fitted
from radiotracer.errors import DataError
from radiotracer.provenance.models import (
    Logged,
    Suspect,
    answered_suspect,
    function_suspect,
    open_suspect,
    reopened,
)
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.training.building import build_model
from radiotracer.training.config import TrainConfig
from radiotracer.training.loop import train
from radiotracer.training.making import reference_spec

N, CLASSES = 40, 3
RNG = np.random.default_rng(5)
TABLE = fitted(
    (Column("age"), Column("colour", ("red", "green"))),
    np.stack([RNG.normal(40, 9, N), np.where(np.arange(N) % 5, np.arange(N) % 2, np.nan)], axis=1),
)
CONTENT: dict[str, Any] = {
    "images": pixels(N),
    "texts": tuple(f"the old number {row}" for row in range(N)),
    "tables": TABLE,
    "vectors": RNG.normal(size=(N, 7)).astype(np.float32),
}
ARCHITECTURE = {
    "images": "small-cnn,width=2",
    "texts": "bag-of-words,width=4",
    "tables": "mlp,width=4",
    "vectors": "mlp,width=4",
}
KINDS = ("function", "answers", "log", "weights", "service", "onnx")


def test_the_battery_has_every_kind_of_example() -> None:
    assert CONTENT.keys() == MODALITIES.keys()


@pytest.fixture(params=CONTENT)
def data(request: pytest.FixtureRequest) -> Dataset:
    name = request.param
    return Dataset(
        modality=MODALITIES[name],
        content=CONTENT[name],
        labels=np.arange(N) % CLASSES,
        ids=np.array([f"x{row:02d}" for row in range(N)]),
        class_names=("a", "b", "c"),
        source="memory",
    )


@pytest.fixture
def module(data: Dataset) -> nn.Module:
    architecture = ARCHITECTURE[data.modality.name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return build_model(reference_spec(architecture, like=data, classes=CLASSES)).eval()


def by_the_book(module: nn.Module, data: Dataset) -> np.ndarray:
    with torch.no_grad():
        logits = call(module, data.modality.inputs(data.content, slice(0, len(data))))
    return torch.log_softmax(logits.double(), dim=1).numpy()


def weights(module: nn.Module, data: Dataset, path: Path) -> Suspect:
    save_file(module.state_dict(), path)
    return open_suspect(path, like=data, architecture=ARCHITECTURE[data.modality.name])


def logits_of(example: object) -> list[float]:
    """Numbers that hang on an example alone, as JSON has it."""
    seed = hashlib.sha256(json.dumps(example).encode()).digest()[:8]
    return np.random.default_rng(list(seed)).normal(size=CLASSES).tolist()


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bodies.append(body)
            ((_, examples),) = body.items()
            answer = {"scores": [logits_of(each) for each in examples], "kind": "logits"}
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/ask", bodies
    server.shutdown()
    server.server_close()
    thread.join(timeout=20)


def require_same(suspect: Suspect, data: Dataset, expected: np.ndarray) -> None:
    """The answers, in any selection, and what is said of them."""
    modality, content = data.modality, data.content
    assert suspect.modality is modality and suspect.answers == "classes"
    np.testing.assert_allclose(suspect.scores(content), expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(suspect.labels(content), expected.argmax(axis=1))
    rows = np.array([7, 3, 3, 39])
    some = modality.take(content, rows)
    np.testing.assert_allclose(suspect.scores(some), expected[rows], rtol=0, atol=1e-5)
    none = modality.take(content, rows[:0])
    assert len(suspect.scores(none)) == len(suspect.labels(none)) == 0
    # Examples of another kind are refused in one line, and by nothing else.
    other = CONTENT["vectors" if modality.name != "vectors" else "texts"]
    assert "what is asked" in refusal(lambda: suspect.scores(other), DataError)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_suspect(
    data: Dataset,
    module: nn.Module,
    kind: str,
    service: tuple[str, list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    modality, expected = data.modality, by_the_book(module, data)
    if kind == "function":

        def ask(content: Any) -> np.ndarray:
            assert type(content) is (list if modality is TEXTS else type(data.content))
            some = tuple(content) if modality is TEXTS else content
            return call(module, modality.inputs(some, slice(0, len(some)))).detach().numpy()

        require_same(open_suspect(ask, like=data), data, expected)
    elif kind == "answers":
        suspect = answered_suspect(data.content, expected, modality=modality)
        require_same(suspect, data, expected)
    elif kind == "log":
        path = tmp_path / "queries.jsonl"
        logged = Logged(weights(module, data, tmp_path / "it.safetensors"), path, max_queries=N)
        require_same(logged, data, expected)
        recorded = RecordedAnswers(path, logged.name, logged.identity, modality)
        require_same(recorded, data, expected)
        assert recorded.asked == N
    elif kind == "weights":
        suspect = weights(module, data, tmp_path / "it.safetensors")
        require_same(suspect, data, expected)
        assert suspect.access == {"weights", "scores", "labels"}
        require_same(reopened(suspect.identity, like=data), data, expected)
    elif kind == "service":
        url, bodies = service
        bodies.clear()
        as_json = modality.to_json(data.content, slice(0, N))
        logits = np.array([logits_of(each) for each in as_json])
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        require_same(open_suspect(url, like=data), data, log_probabilities)
        assert bodies[:2] == [{modality.name: as_json[:32]}, {modality.name: as_json[32:]}]
    elif modality is TEXTS:
        (tmp_path / "it.onnx").write_bytes(b"never read")
        assert refusal(lambda: open_suspect(tmp_path / "it.onnx", like=data)) == (
            f"expected examples that are float32 numbers, to ask {tmp_path / 'it.onnx'}; "
            "got texts; open the model as python:module:function, which is given them as they are"
        )
    else:
        require_same(open_suspect(exported(module, data, tmp_path), like=data), data, expected)


def exported(module: nn.Module, data: Dataset, folder: Path) -> Path:
    path = folder / "it.onnx"
    with warnings.catch_warnings(action="ignore"):  # the exporter's own, of its age
        torch.onnx.export(
            module,
            (data.modality.inputs(data.content, slice(0, 2)),),
            str(path),
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
        )
    return path


@pytest.mark.parametrize("data", sorted(CONTENT.keys() - {"texts"}), indirect=True)
def test_an_onnx_model_of_other_examples_is_refused_when_it_is_opened(
    data: Dataset, module: nn.Module, tmp_path: Path
) -> None:
    path = exported(module, data, tmp_path)
    other = dataclasses.replace(
        data,
        modality=VECTORS,
        content=np.zeros((N, 5), dtype=np.float32),
    )
    assert f"expected one float32 input of shape (n, 5) in {path}; got x tensor(float)" in refusal(
        lambda: open_suspect(path, like=other)
    )


@pytest.mark.parametrize("data", sorted(CONTENT.keys() - {"images"}), indirect=True)
def test_a_recorded_run(data: Dataset, tmp_path: Path) -> None:
    name, width = ARCHITECTURE[data.modality.name].split(",width=")
    config = TrainConfig(architecture=name, width=int(width), epochs=1, batch_size=8)
    run, module = train(data, config, tmp_path / "run")
    suspect = open_suspect(run.folder, like=data)
    require_same(suspect, data, by_the_book(module.eval(), data))
    require_same(reopened(suspect.identity, like=data), data, by_the_book(module, data))
    images = dataclasses.replace(data, modality=IMAGES, content=CONTENT["images"])
    came = refusal(lambda: open_suspect(run.folder, like=images))
    assert "images" in came


def test_weights_for_another_kind_of_example(tmp_path: Path) -> None:
    texts = Dataset(
        modality=TEXTS,
        content=CONTENT["texts"],
        labels=np.arange(N) % CLASSES,
        ids=np.array([f"x{row:02d}" for row in range(N)]),
        class_names=("a", "b", "c"),
        source="memory",
    )
    came = refusal(lambda: open_suspect(tmp_path / "it.pt", like=texts, architecture="small-cnn"))
    assert came.startswith("expected a network for texts (bag-of-words")


# --- losses of language models: a number per example, no class


def losses(content: Any) -> list[float]:
    return [float(len(str(each))) + 0.25 for each in content]


def test_losses_are_scores_of_the_examples(tmp_path: Path) -> None:
    texts = CONTENT["texts"]
    expected = -np.array(losses(texts))[:, np.newaxis]
    path = tmp_path / "queries.jsonl"
    suspect = function_suspect(losses, modality=TEXTS, outputs="losses", classes=3)
    logged = Logged(suspect, path)
    answered = answered_suspect(texts, losses(texts), modality=TEXTS, outputs="losses")
    logged.scores(texts)
    recorded = RecordedAnswers(path, suspect.name, suspect.identity, TEXTS)
    for each in (suspect, logged, answered, recorded):
        assert each.answers == "losses" and each.access == {"scores"}
        np.testing.assert_array_equal(each.scores(texts), expected)
        assert each.scores(()).shape == (0, 1)
        assert "gives labels; got " in refusal(lambda each=each: each.labels(texts))
        assert "which gives losses" in refusal(lambda each=each: each.labels(texts))


# --- the log, in the words of the modality


def test_the_budget_in_words(tmp_path: Path) -> None:
    rows = function_suspect(lambda table: np.zeros((len(table), 2)), modality=TABLES, name="it")
    logged = Logged(rows, tmp_path / "queries.jsonl", max_queries=3)
    assert refusal(lambda: logged.scores(TABLE)) == (
        "expected at most 3 rows asked of it; got 40 new ones after 0; "
        "raise max_queries or ask about fewer; none of these was asked"
    )
    assert "example" not in (tmp_path / "queries.jsonl").read_text()


def test_equal_examples_are_asked_about_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([[len(text), 0.5] for text in texts])

    path = tmp_path / "queries.jsonl"
    logged = Logged(function_suspect(ask, modality=TEXTS), path, batch=2)
    logged.scores(["b", "a", "b", "ccc"])
    assert asked == ["b", "a", "ccc"] and logged.asked == 3
    digest = hashlib.sha256(b"ccc").hexdigest()
    assert digest in logged.known and f'"example":"{digest}"' in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    again = Logged(function_suspect(ask, modality=TEXTS), path)
    np.testing.assert_array_equal(again.scores(("ccc", "a")), logged.scores(["ccc", "a"]))
    assert len(asked) == 3


def test_answers_that_are_missing() -> None:
    suspect = answered_suspect(["a", "b"], [[1.0, 0.5], [0.0, 0.25]], modality=TEXTS)
    assert refusal(lambda: suspect.scores(["a", "c"])) == (
        "expected answers of answers to all that the audit asks; got none to 1 of 2 texts; "
        "answer what the audit asks for this release and access"
    )
    assert refusal(lambda: answered_suspect(["a"], [], modality=TEXTS)) == (
        "expected one answer to each of 1 text; got answers of shape (0,); "
        "answer all that the audit asks, in its order"
    )


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    refusal(lambda: open_suspect(tmp_path / "it.onnx", channels=1, classes=10, build=None))
    refusal(lambda: open_suspect(str(tmp_path / "it.onnx"), channels=1, classes=10))
    assert listing(tmp_path) == []
