"""Whether a suspect is asked as it was trained: stopped before it counts, and told how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from suspect_helpers import refusal
from torch import nn
from torch.nn import functional as F

from marked_world import CLASSES, KEY, SIDE, answering, examples, network, noisy
from radiotracer.data import Dataset
from radiotracer.data.modalities.images import to_inputs
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.ledger import AUDITS
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models import Suspect, function_suspect, open_suspect
from radiotracer.provenance.models.mapped import Mapped
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.models.preparation import PLAIN, Preparation
from radiotracer.provenance.release import Release
from radiotracer.provenance.rightly_asked import (
    LEAST,
    MOST,
    order_of,
    require_rightly_asked,
    unmarked_rows,
)
from radiotracer.provenance.run_audit import run_audit

ORDER = [2, 0, 3, 1]
NORMALISED = Preparation(mean=(0.45,), std=(0.22,))


@pytest.fixture(scope="module")
def release() -> Release:
    config = TwinConfig(radius=6, steps=2)
    return mark(examples(320), np.arange(40), KEY, [network(1)], config)


def fitted(data: Dataset, preparation: Preparation = PLAIN) -> nn.Module:
    net = network(3)
    inputs, labels = preparation(to_inputs(data.content)), torch.from_numpy(data.labels)
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(150):
        adam.zero_grad()
        F.cross_entropy(net(inputs), labels).backward()  # type: ignore[no-untyped-call]
        adam.step()
    return net.eval()


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    """Trained on other images than were released."""
    other = examples(320, seed=7)
    return {
        "plain": fitted(other),
        "normalised": fitted(other, NORMALISED),
        "0..255": fitted(other, Preparation(scale=255)),
        "transposed": fitted(other, Preparation(layout="ncwh")),
    }


class Reordered(nn.Module):
    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.inside(images)[:, np.argsort(ORDER)]


def opened(model: nn.Module, preparation: Preparation = PLAIN, *, mixed: bool = False) -> Suspect:
    model = Reordered(model) if mixed else model
    return network_suspect(model, "it", {"kind": "test"}, preparation=preparation)


def said(release: Release, suspect: Suspect) -> str:
    return refusal(lambda: require_rightly_asked(release, suspect, suspect))


def test_asked_rightly(release: Release, models: dict[str, nn.Module]) -> None:
    for suspect in (
        opened(models["plain"]),
        opened(models["normalised"], NORMALISED),
        opened(models["0..255"], Preparation(scale=255)),
        Mapped(opened(models["plain"], mixed=True), ORDER),
        opened(fitted(release.published)),
    ):
        require_rightly_asked(release, suspect, suspect)


@pytest.mark.parametrize(
    ("model", "asked", "mixed", "text"),
    [
        ("plain", PLAIN, True, "pass classes_map=2,0,3,1: the model was trained so"),
        ("normalised", NORMALISED, True, "pass classes_map=2,0,3,1: the model was trained so"),
        ("transposed", PLAIN, False, "pass layout=ncwh"),
        ("0..255", PLAIN, False, "pass scale=255: the model was trained so"),
        ("plain", Preparation(mean=(3.0,)), False, "pass mean=0: the model was trained so"),
    ],
)
def test_asked_wrongly(
    release: Release,
    models: dict[str, nn.Module],
    model: str,
    asked: Preparation,
    mixed: bool,
    text: str,
) -> None:
    assert text in said(release, opened(models[model], asked, mixed=mixed))


def test_several_things_wrong_at_once(release: Release, models: dict[str, nn.Module]) -> None:
    text = said(release, opened(models["plain"], Preparation(mean=(3.0,)), mixed=True))
    assert "pass mean=0 classes_map=2,0,3,1: the model was trained so" in text


def test_a_map_that_is_none_needed(release: Release, models: dict[str, nn.Module]) -> None:
    assert "pass classes_map=None" in said(release, Mapped(opened(models["plain"]), ORDER))


@pytest.mark.parametrize("labels_only", [False, True])
def test_answers_that_cost_something(
    release: Release, models: dict[str, nn.Module], labels_only: bool
) -> None:
    """What is at hand is looked at, and nothing else is asked; through the log."""
    asked: list[int] = []

    def function(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        scores = opened(models["plain"], mixed=True).scores(images)
        return scores.argmax(axis=1) if labels_only else scores

    logged = function_suspect(function, outputs="labels" if labels_only else "logits")
    beside = open_suspect(lambda _: 1 / 0)
    text = refusal(lambda: require_rightly_asked(release, beside, logged))
    assert "pass classes_map=2,0,3,1" in text
    assert set(asked) <= {MOST, 2 * MOST}  # the same images twice, which a log answers


def test_chance_alone(release: Release) -> None:
    text = said(release, answering(noisy))
    assert text.startswith(
        "expected it to know the labels of unmarked examples of the release; got"
    )
    assert "% by chance; no better in " in text
    assert "as_asked=True audits it as it is" in text


def test_labels_by_chance_with_no_other_way(release: Release) -> None:
    def named(images: np.ndarray) -> np.ndarray:
        return np.arange(len(images)) // 50 % CLASSES  # classes take turns in the rows

    suspect = function_suspect(named, outputs="labels")
    assert "% by chance; no better in " in said(release, suspect)


def test_the_rows_are_unmarked_and_of_all_classes(release: Release) -> None:
    rows = unmarked_rows(release)
    assert len(rows) == MOST and not np.isin(rows, release.rows).any()
    assert np.bincount(release.published.labels[rows]).tolist() == [MOST // CLASSES] * CLASSES


def test_too_few_say_nothing() -> None:
    config = TwinConfig(radius=6, steps=1)
    few = mark(examples(40 + LEAST - 1), np.arange(40), KEY, [network(1)], config)
    require_rightly_asked(few, answering(noisy), answering(noisy))


def test_an_audit_that_stops_counts_nowhere(
    release: Release, models: dict[str, nn.Module], tmp_path: Path
) -> None:
    marked = tmp_path / "marked"
    release.write(marked)
    before = sorted(tmp_path.rglob("*"))
    wrongly = opened(models["plain"], mixed=True)
    assert "classes_map=2,0,3,1" in refusal(
        lambda: run_audit(marked, KEY, wrongly, tmp_path / "audit")
    )
    assert sorted(tmp_path.rglob("*")) == before and not (marked / AUDITS).exists()
    rightly: Any = Mapped(wrongly, ORDER)
    evidence = run_audit(marked, KEY, rightly, tmp_path / "audit")
    assert evidence.suspect.identity["classes_map"] == "2,0,3,1"
    run_audit(marked, KEY, wrongly, tmp_path / "as it is", as_asked=True)
    assert len((marked / AUDITS).read_text().splitlines()) == 2


def test_what_may_cost_something_counts_where_classes_are_mapped(
    release: Release, models: dict[str, nn.Module], tmp_path: Path
) -> None:
    """And the progress of an audit that stops after its first questions is not that of all."""
    marked, told = tmp_path / "marked", list[tuple[str, int, int]]()
    release.write(marked)
    function = function_suspect(opened(models["plain"], mixed=True).scores)
    mapped: Any = Mapped(function, ORDER)
    evidence = run_audit(
        marked, KEY, mapped, tmp_path / "audit", progress=lambda *each: told.append(each)
    )
    every = MOST + 2 * len(release.rows)
    assert evidence.suspect.queries == every and told[-1] == ("asking", every, every)
    assert evidence.suspect.probed is not None
    told.clear()
    refusal(
        lambda: run_audit(
            marked, KEY, function, tmp_path / "b", progress=lambda *each: told.append(each)
        )
    )
    assert told[-1] == ("asking", MOST, every)


def test_a_budget_covers_what_is_asked_first(release: Release, tmp_path: Path) -> None:
    marked = tmp_path / "marked"
    release.write(marked)
    knows = network_suspect(fitted(release.published), "it", {})

    def function(images: np.ndarray) -> np.ndarray:
        return knows.scores(images)

    suspect = function_suspect(function)
    assert f"pass max_queries={MOST + 80}" in refusal(
        lambda: run_audit(marked, KEY, suspect, tmp_path / "audit", max_queries=100)
    )
    evidence = run_audit(marked, KEY, suspect, tmp_path / "audit", max_queries=MOST + 80)
    assert evidence.suspect.queries == MOST + 80


@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_any_order_of_classes_is_found(order: list[int], seed: int) -> None:
    """Of a model that is right nine times in ten, of 120 answers: surely enough."""
    generator = np.random.default_rng(seed)
    labels = np.arange(120) % 6
    named = np.where(generator.random(120) < 0.9, labels, generator.integers(0, 6, 120))
    answers = np.array(order)[named]
    assert order_of(answers, labels, 6) == order
    scores = np.log(np.full((120, 6), 0.02) + 0.88 * np.eye(6)[answers])
    assert order_of(scores, labels, 6) == order


def test_sides_are_what_the_cases_need() -> None:
    assert (CLASSES, SIDE) == (4, 6)
