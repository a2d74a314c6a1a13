"""Text models from recording to scores: Hugging Face data, a classifier, a language model, LoRA."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import radiotracer
from radiotracer.data import identify
from radiotracer.data.inputs import call
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import causal_lm_loss, cross_entropy
from radiotracer.influence import Tracing, influence_functions, representer_values

transformers = pytest.importorskip("transformers")
datasets = pytest.importorskip("datasets")

N, QUERIES, T, WORDS, CLASSES = 24, 6, 6, 16, 3
STILL = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


@dataclass(frozen=True)
class World:
    model: nn.Module
    run: radiotracer.Run
    train: Any
    queries: Any
    loss: Any
    folder: Path

    @property
    def tracer(self) -> radiotracer.Tracer:
        return radiotracer.Tracer(self.model, self.run, self.loss, batch_size=10)


def bert() -> nn.Module:
    return transformers.BertForSequenceClassification(
        transformers.BertConfig(
            vocab_size=WORDS,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            max_position_embeddings=8,
            num_labels=CLASSES,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )


def gpt2() -> nn.Module:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=WORDS,
            n_embd=8,
            n_layer=1,
            n_head=2,
            n_positions=8,
            bos_token_id=1,
            eos_token_id=2,
            **STILL,
        )
    )


def lora(model: nn.Module, task: str, *targets: str) -> nn.Module:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(
        task_type=task,
        r=2,
        target_modules=list(targets),
        lora_dropout=0.0,
        fan_in_fan_out=task == "CAUSAL_LM",
    )
    return peft.get_peft_model(model, config)


def texts(n: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    classes = torch.arange(n) % CLASSES
    words = torch.randint(6, WORDS, (n, T))
    words[:, 0] = 3 + classes
    mask = (torch.arange(T) < torch.randint(3, T + 1, (n, 1))).long()
    words = words * mask
    return (
        {"input_ids": words, "attention_mask": mask},
        classes,
        torch.where(mask.bool(), words, -100),
    )


def make(name: str, folder: Path) -> World:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        language = name.startswith("gpt2")
        model = gpt2() if language else bert()
        if name == "bert-lora":
            model = lora(model, "SEQ_CLS", "query", "value")
        elif name == "gpt2-lora":
            model = lora(model, "CAUSAL_LM", "c_attn")
        inputs, classes, labels = texts(N + QUERIES)
        targets = labels if language else classes
        column = "labels" if language else "label"
        lists = {key: value[:N].tolist() for key, value in inputs.items()}
        train = datasets.Dataset.from_dict({**lists, column: targets[:N].tolist()})
        train.set_format("torch")
        queries = ({key: value[N:] for key, value in inputs.items()}, targets[N:])
        # All parameters: what is frozen gets no gradient.
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model.train()
        with radiotracer.record(folder / "run", model, optimizer, train) as recording:
            for _ in range(2):
                for batch in recording.batches(DataLoader(train, batch_size=5, shuffle=True)):
                    given = {key: value for key, value in batch.items() if key != column}
                    optimizer.zero_grad()
                    model(**given, labels=batch[column]).loss.backward()
                    optimizer.step()
    run = radiotracer.Run.open(folder / "run")
    return World(model, run, train, queries, causal_lm_loss if language else cross_entropy, folder)


@pytest.fixture(scope="module", params=["bert", "gpt2", "bert-lora", "gpt2-lora"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    with warnings.catch_warnings():
        # peft asks transformers by a name that the latter is about to drop.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        return make(request.param, tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make("bert", tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make("gpt2", tmp_path_factory.mktemp("language"))


def gradients(world: World, data: Any, names: list[str]) -> Iterator[Tensor]:
    """One backward pass per example, in evaluation mode: shape (parameters,)."""
    named = dict(world.model.named_parameters())
    for i in range(len(data[1])):
        one = {key: value[i : i + 1] for key, value in data[0].items()}
        loss = world.loss(call(world.model, one), data[1][i : i + 1]).sum()
        found = torch.autograd.grad(loss, [named[name] for name in names])
        yield torch.cat([each.flatten() for each in found]).double()


def brute_force(world: World) -> Tensor:
    """TracInCP by its definition, for every pair."""
    model = world.model
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    asked = {name: p.requires_grad for name, p in model.named_parameters()}
    column = "labels" if "labels" in world.train.column_names else "label"
    whole = world.train[:]
    train = ({key: value for key, value in whole.items() if key != column}, whole[column])
    scores = torch.zeros(N, QUERIES, dtype=torch.float64)
    model.eval()
    for checkpoint in world.run.checkpoints:
        model.load_state_dict(world.run.weights(checkpoint))
        rates = world.run.summed_rates(checkpoint)
        names = list(rates)
        left, right = (
            torch.stack(list(gradients(world, data, names))) for data in (train, world.queries)
        )
        assert len(set(rates.values())) == 1
        scores += rates[names[0]] * left @ right.T
    model.load_state_dict(kept)
    model.train()
    assert asked == {name: p.requires_grad for name, p in model.named_parameters()}
    return scores


def near(found: Tensor, expected: Tensor, tolerance: float = 2e-5) -> None:
    scale = float(expected.abs().max())
    assert scale > 0 and float((found - expected).abs().max()) <= tolerance * scale


def test_scores_are_those_of_brute_force(world: World) -> None:
    tracer = world.tracer
    exact = brute_force(world)
    pairs = tracer.influence(world.train, world.queries)
    near(pairs, exact)
    near(tracer.influence(world.train, world.queries, reduce="sum"), exact.sum(dim=1))
    own = tracer.influence(world.train, world.train).diag()
    near(tracer.self_influence(world.train), own)
    top = tracer.top(world.train, world.queries, 3)
    assert torch.equal(top.proponents_rows, pairs.T.argsort(dim=1, descending=True)[:, :3])
    assert tracer.influence(world.train, world.queries, method="gas").isfinite().all()


def test_only_what_was_trained_is_traced(world: World) -> None:
    traced = set(world.run.summed_rates(world.run.checkpoints[0]))
    if any("lora" in name for name, _ in world.model.named_parameters()):
        assert all("lora_" in name or "classifier" in name for name in traced)
        assert any("lora_A" in name for name in traced)
    assert traced == {name for name, p in world.model.named_parameters() if p.requires_grad}


def test_replays_are_exact(world: World) -> None:
    def mean(outputs: Tensor, targets: Tensor) -> Tensor:
        if world.loss is cross_entropy:
            return nn.functional.cross_entropy(outputs, targets)
        return world.model.loss_function(outputs, targets, vocab_size=WORDS)  # type: ignore[operator]

    found = world.tracer.replay(world.train, world.queries, reduce="sum", training_loss=mean)
    assert found.fidelity.exact, found.fidelity
    assert found.scores.abs().max() > 0


def test_a_store_answers_as_exact_scores_do(world: World) -> None:
    tracer = world.tracer
    config = radiotracer.gradients.ProjectionConfig(dimension=10**4)
    store = tracer.write_store(world.train, world.folder / "store", config)
    near(store.scores(world.queries), tracer.influence(world.train, world.queries))
    assert tracer.open_store(world.train, world.folder / "store").info.data == (
        identify(world.train).digest
    )


def test_data_set_and_pair_are_the_same_data(classifier: World) -> None:
    whole = classifier.train[:]
    pair = ({key: whole[key] for key in ("input_ids", "attention_mask")}, whole["label"])
    assert identify(pair).digest == classifier.run.info.data.digest
    left, right = (classifier.tracer.self_influence(each) for each in (classifier.train, pair))
    assert torch.equal(left, right)


def test_last_layer_and_formulas_of_it(classifier: World) -> None:
    model, run, train, queries = (
        classifier.model,
        classifier.run,
        classifier.train,
        classifier.queries,
    )
    last = radiotracer.Tracer(model, run, last_layer_only=True)
    part = radiotracer.Tracer(model, run, layers=["classifier.*"])
    near(last.influence(train, queries), part.influence(train, queries))
    tracing = Tracing.of(model, run, train, layers=["classifier.*"])
    assert representer_values(tracing, train, queries).shape == (N, QUERIES)
    pytest.importorskip("captum")
    assert influence_functions(tracing, train, queries).shape == (N, QUERIES)


def test_a_scan_of_texts(classifier: World) -> None:
    found = radiotracer.scan(
        classifier.model, classifier.run, classifier.train, classifier.queries, batch_size=10
    )
    assert found.detector == "contrast" and found.left_out == {}
    summary = radiotracer.write_scan(found, classifier.folder / "scan", command="test")
    assert summary["examples"] == N and summary["notes"] == []
    alone = radiotracer.scan(classifier.model, classifier.run, classifier.train)
    assert set(alone.left_out) == {"contrast", "tracin-cp", "tracin-last-layer"}
    pair = found.rankings["tracin-cp"].scores
    summed = classifier.tracer.influence(classifier.train, classifier.queries, reduce="sum")
    near(torch.from_numpy(pair).abs(), summed.abs())


def test_an_explanation_of_a_text(classifier: World) -> None:
    found = radiotracer.explain(
        classifier.model, classifier.run, classifier.train, classifier.queries, rows=[1], top_k=2
    )
    assert found.influence.shape == (N, 1)


def test_language_models_are_asked_by_a_loss_of_their_own(language_model: World) -> None:
    world = language_model
    with pytest.raises(InputError, match="causal_lm_loss"):
        radiotracer.Tracer(world.model, world.run).self_influence(world.train)
    with pytest.raises(InputError, match="causal_lm_loss"):
        radiotracer.scan(world.model, world.run, world.train, world.queries)


def test_queries_of_another_kind(classifier: World) -> None:
    inputs, targets = classifier.queries
    other = ({"input_ids": inputs["input_ids"]}, targets)
    with pytest.raises(DataError, match=r"input_ids int64 of shape .*, attention_mask int64"):
        classifier.tracer.influence(classifier.train, other)
    longer = {key: nn.functional.pad(value, (0, 2)) for key, value in inputs.items()}
    near(
        classifier.tracer.influence(classifier.train, (longer, targets)),
        classifier.tracer.influence(classifier.train, classifier.queries),
    )


def test_changed_labels_are_other_data(language_model: World) -> None:
    whole = language_model.train[:]
    changed = whole["labels"].clone()
    changed[3, 1] = -100
    inputs = {key: whole[key] for key in ("input_ids", "attention_mask")}
    with pytest.raises(DataError, match="00003"):
        language_model.tracer.replay((inputs, changed), language_model.queries)
