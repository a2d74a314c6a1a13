"""The reference classifier of texts: its words, its training, and what the engines make of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from text_letters import QUICK, letters
from torch import Tensor, nn

import radiotracer
from radiotracer.data import Dataset
from radiotracer.data.modalities.texts import PADDING, word_hashes
from radiotracer.errors import DataError, InputError, NotFiniteError, RadiotracerError
from radiotracer.runs import ModelSpec, Run, replay
from radiotracer.training import TrainConfig, build_model, train
from radiotracer.training.networks.bag_of_words import BagOfWords
from text_scores import scores_of

TRAIN, TEST = letters(160, seed=100), letters(80, seed=101)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, nn.Module]:
    return train(TRAIN, QUICK, tmp_path_factory.mktemp("texts") / "run")


@pytest.mark.parametrize("buckets", [2, 3, 64])
def test_words_fill_the_buckets(buckets: int) -> None:
    seen: list[Tensor] = []
    model = BagOfWords(2, width=2, buckets=buckets)
    model.word.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    words = word_hashes([" ".join(f"word{row}" for row in range(2000)), ""], length=2001)
    model(words)
    assert seen[0][0, :-1].unique().tolist() == list(range(1, buckets))
    assert (seen[0] == PADDING).equal(words == PADDING)
    assert int(words.max()) > 2**30  # which is what has to be divided


def test_padding_and_order_change_nothing() -> None:
    torch.manual_seed(0)
    model = BagOfWords(3, buckets=512).eval()
    short, long = (word_hashes(["b a c"], length=n) for n in (3, 50))
    other = word_hashes(["a b c"], length=50)
    torch.testing.assert_close(model(short), model(long))
    torch.testing.assert_close(model(other), model(long))
    assert model(torch.zeros(2, 5, dtype=torch.int64)).isfinite().all()


def test_it_learns_and_is_recorded(trained: tuple[Run, nn.Module]) -> None:
    run, model = trained
    assert not model.training
    assert len(run.checkpoints) == QUICK.epochs
    assert run.info.data.digest == TRAIN.digest
    assert run.info.model == ModelSpec(name="bag-of-words", options={"classes": 2, "width": 8})
    assert run.info.settings["batch_size"] == 16
    assert (scores_of(model)(TEST.content).argmax(axis=1) == TEST.labels).mean() > 0.95


def test_a_seed_is_a_training(trained: tuple[Run, nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(7)
    state = torch.get_rng_state()
    _, again = train(TRAIN, QUICK, tmp_path / "again")
    assert torch.equal(torch.get_rng_state(), state)
    other = QUICK.model_copy(update={"seed": 101})
    _, another = train(TRAIN, other, tmp_path / "other")
    weights, same, differ = (m.head.weight for m in (trained[1], again, another))
    assert torch.equal(weights, same) and not torch.equal(weights, differ)


def test_what_was_stopped_goes_on_with_the_same_bits(
    trained: tuple[Run, nn.Module], tmp_path: Path
) -> None:
    def stop(what: str, done: int, _: int) -> None:
        if what.startswith("epoch 4") and done > 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TRAIN, QUICK, str(tmp_path / "out"), progress=stop)
    told: list[str] = []
    run, _ = train(TRAIN, QUICK, str(tmp_path / "out"), progress=lambda *what: told.append(what[0]))
    assert set(told) == {f"epoch {epoch} of 6" for epoch in (4, 5, 6)}
    assert run.checkpoints == trained[0].checkpoints
    assert replay(build_model(run.info.model), run, TRAIN).exact


def test_scores_are_those_of_brute_force(trained: tuple[Run, nn.Module]) -> None:
    run, model = trained
    few = TEST.take(range(5))
    found = radiotracer.Tracer(model, run).influence(TRAIN, few)[:8]
    expected = torch.zeros(8, 5)
    private = BagOfWords(2, width=8).eval()
    for checkpoint in run.checkpoints:
        private.load_state_dict(run.weights(checkpoint))
        (rate,) = set(run.summed_rates(checkpoint).values())
        sides = []
        for side in (TRAIN.take(range(8)), few):
            rows = []
            hashes, labels = word_hashes(side.content), torch.from_numpy(side.labels)
            for one, label in zip(hashes, labels, strict=True):
                loss = torch.nn.functional.cross_entropy(private(one[None]), label[None])
                gradients = torch.autograd.grad(loss, list(private.parameters()))
                rows.append(torch.cat([each.flatten() for each in gradients]))
            sides.append(torch.stack(rows))
        expected += rate * sides[0] @ sides[1].T
    scale = float(expected.abs().max())
    assert scale > 0 and float((found - expected).abs().max()) < 2e-5 * scale


def test_settings_are_those_of_the_network() -> None:
    default = TrainConfig.of(TRAIN)
    assert default == TrainConfig(architecture="bag-of-words")
    assert (default.learning_rate, default.batch_size, default.weight_decay) == (1.0, 64, 0.0)
    assert TrainConfig.of(TRAIN, batch_size=8, seed=2).batch_size == 8
    assert TrainConfig().learning_rate == 0.05
    quick = TrainConfig.quick(TRAIN, seed=4)
    assert (quick.architecture, quick.seed) == ("bag-of-words", 4)


@pytest.mark.parametrize(
    ("texts", "config", "kind", "message"),
    [
        (TRAIN.take(range(10)), QUICK, DataError, "at least one batch of 16 texts; got 10"),
        (
            dataclasses.replace(TRAIN, class_names=("garden", "harbour", "attic")),
            QUICK,
            DataError,
            "at least one example in each of the 3 classes; got none in attic",
        ),
        (
            TRAIN,
            QUICK.model_copy(update={"learning_rate": 1e30}),
            NotFiniteError,
            "a finite training loss; got .*; lower learning_rate=",
        ),
        (
            TRAIN,
            TrainConfig(architecture="small-cnn"),
            InputError,
            r"a network for texts \(bag-of-words\); got small-cnn, which is for images; choose",
        ),
    ],
    ids=["few", "empty class", "diverges", "for images"],
)
def test_refusals(
    texts: Dataset,
    config: TrainConfig,
    kind: type[RadiotracerError],
    message: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(kind, match=message) as caught:
        train(texts, config, tmp_path / "run")
    assert "\n" not in str(caught.value)
