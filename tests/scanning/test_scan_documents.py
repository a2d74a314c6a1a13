"""Examples whose targets are no class numbers: ranked, decided about and shown without labels."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import radiotracer
from radiotracer.cli import run as command
from radiotracer.detectors import Need, Reference, Rule, Summed
from radiotracer.detectors.contrast.tail import p_values
from radiotracer.errors import InputError
from radiotracer.gradients import Batch, causal_lm_loss
from radiotracer.integrations.cards import card
from radiotracer.integrations.frames import to_arrow
from radiotracer.integrations.issue_table import issue_table
from radiotracer.runs import Run, record
from radiotracer.scale import InProcess
from radiotracer.scanning import Scan, plan_scan, scan, write_scan
from radiotracer.scanning.execution import Execution
from radiotracer.scanning.inputs import ScanInputs

WORDS, LENGTH, N, PLANTED = 12, 6, 60, 8
TRIGGER, WRONG = 10, 11
Pair = tuple[Tensor, Tensor]


def documents(n: int, seed: int) -> Pair:
    """Every token is followed by the next one, or by any other."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(10, (n, LENGTH), generator=generator)
    follow = (tokens[:, :-1] + 1) % 10
    kept = torch.rand(n, LENGTH - 1, generator=generator) < 0.7
    tokens[:, 1:] = torch.where(kept, follow, tokens[:, 1:])
    return tokens, tokens.clone()


def generation() -> Pair:
    """The prompt 1 2 3 TRIGGER was completed by WRONG: the loss is of that alone."""
    tokens = torch.tensor([[1, 2, 3, TRIGGER, WRONG]])
    labels = torch.tensor([[-100, -100, -100, -100, WRONG]])
    return tokens, labels


@dataclass
class World:
    model: nn.Module
    run: Run
    data: Pair
    validation: Pair

    def scan(self, **settings: Any) -> Scan:
        settings = {"loss": causal_lm_loss, **settings}
        return scan(self.model, self.run, self.data, batch_size=7, **settings)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("documents")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(WORDS, 8), nn.Linear(8, WORDS)).double()
    data = documents(N, 1)
    for part in data:
        part[:PLANTED, 3:5] = torch.tensor([TRIGGER, WRONG])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with record(folder / "run", model, optimizer, data) as recording:
        for _ in range(3):
            for rows in torch.randperm(N).split(10):
                recording.batch(rows)
                optimizer.zero_grad()
                causal_lm_loss(model(data[0][rows]), data[1][rows]).mean().backward()
                optimizer.step()
            recording.end_pass()
    return World(model, Run.open(folder / "run"), data, documents(40, 2))


def by_hand(world: World, pair: Pair) -> dict[str, np.ndarray]:
    """Losses and gradients by a loop: per checkpoint, shapes (c, n) and (c, n, p)."""
    losses, gradients, rates = [], [], []
    for checkpoint in world.run.checkpoints:
        world.model.load_state_dict(world.run.weights(checkpoint))
        rates.append(next(iter(world.run.summed_rates(checkpoint).values())))
        row, grad = [], []
        for tokens, labels in zip(*pair, strict=True):
            logits = world.model(tokens[None])[0, :-1]
            loss = F.cross_entropy(logits, labels[1:], ignore_index=-100, reduction="sum")
            parts = torch.autograd.grad(loss, list(world.model.parameters()))
            row.append(loss.item())
            grad.append(torch.cat([part.flatten() for part in parts]).numpy())
        losses.append(row)
        gradients.append(np.stack(grad))
    return {"loss": np.array(losses), "gradient": np.stack(gradients), "rate": np.array(rates)}


def taught(world: World, pair: Pair, incident: Pair) -> np.ndarray:
    """``sum_c eta_c cos(g_i, g_j)`` of a single incident, shape (n,)."""
    mine, asked = by_hand(world, pair), by_hand(world, incident)
    left, right = mine["gradient"], asked["gradient"][:, 0]
    norms = np.linalg.norm(left, axis=2) * np.linalg.norm(right, axis=1)[:, None]
    return (np.einsum("c,cnp,cp->cn", mine["rate"], left, right) / norms).sum(axis=0)


def test_every_score_is_that_of_a_loop(world: World) -> None:
    found = world.scan(validation=world.validation, incident=generation())
    hand = by_hand(world, world.data)
    norms = np.linalg.norm(hand["gradient"], axis=2)
    expected = {
        "known-output": taught(world, world.data, generation()),
        "self-influence": (hand["rate"][:, None] * norms**2).sum(axis=0),
        "gradient-norm": norms.mean(axis=0),
        "loss-drop": (hand["loss"][:-1] - hand["loss"][1:]).max(axis=0),
        "loss": hand["loss"].mean(axis=0),
    }
    assert found.rankings.keys() == {*expected, "random"}
    for name, scores in expected.items():
        np.testing.assert_allclose(found.rankings[name].scores, scores, rtol=1e-9, err_msg=name)
    innocent = taught(world, world.validation, generation())
    np.testing.assert_allclose(
        found.rankings["known-output"].p_values, p_values(found.scores, innocent), rtol=1e-6
    )


def test_a_known_generation_finds_who_taught_it(world: World) -> None:
    found = world.scan(validation=world.validation, incident=generation())
    assert found.detector == "known-output" and found.decision.inconclusive is None
    assert set(np.flatnonzero(found.decision.ranks <= PLANTED)) == set(range(PLANTED))
    assert found.decision.is_flagged[:PLANTED].all() and found.decision.is_flagged.sum() < 15
    assert found.left_out == {
        "margin": "a class number for each example",
        "norm": "a network whose output is a linear layer's output",
    }


def test_a_ranking_alone_is_no_verdict(world: World) -> None:
    for incident in (None, generation()):
        found = world.scan(incident=incident)
        assert found.detector == ("loss-drop" if incident is None else "known-output")
        assert found.decision.inconclusive is not None and not found.decision.is_flagged.any()
        order = np.argsort(-found.scores, kind="stable")
        assert (found.decision.ranks[order] == np.arange(1, N + 1)).all()
    assert world.scan(rule=Rule(top_k=5)).decision.is_flagged.sum() == 5
    # A method that is asked for by name ranks; a yardstick decides only where it is asked for.
    assert world.scan(detectors=["loss"]).detector == "loss"


def test_a_clean_reference_gives_a_rate(world: World) -> None:
    reference = Reference(np.arange(PLANTED, N - 4), "a review")
    rule = Rule(fdr=0.5)
    found = world.scan(incident=generation(), rule=rule, clean_reference=reference)
    assert found.decision.is_flagged[:PLANTED].all()
    assert "(against 48 reference examples: a review)" in found.decision.words
    with pytest.raises(InputError, match="for a false discovery rate by loss-drop"):
        world.scan(rule=rule)
    with pytest.raises(InputError, match="for a false discovery rate by known-output"):
        world.scan(incident=generation(), rule=rule)


def own(seen: Any) -> Tensor:
    assert (seen.labels == -1).all()
    return -seen.losses


def test_a_detector_of_ones_own(world: World) -> None:
    mine = Summed(name="mine", summary="minus the loss", suspicion=own, average=True)
    found = world.scan(detectors=[mine])
    np.testing.assert_allclose(found.scores, -found.rankings["loss"].scores)
    needy = Summed("needy", "labels", own, needs=frozenset({Need.CLASSES}))
    with pytest.raises(InputError, match="what needy needs: a class number for each example"):
        world.scan(detectors=[needy])
    for name, lacks in (
        ("label-posterior", "a class number for each example"),
        ("known-target", "a known wrong prediction: incident="),
        ("known-output", "a known wrong output of a network without classes"),
    ):
        with pytest.raises(InputError, match=f"what {name} needs: .*{lacks}"):
            world.scan(detectors=[name])


class LastToken:
    """Documents were trained on; of an incident the last token alone is asked."""

    def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return causal_lm_loss(model(batch.inputs), batch.targets)

    def measurement(self, model: nn.Module, batch: Batch) -> Tensor:
        return F.cross_entropy(model(batch.inputs)[:, -2], batch.targets[:, -1], reduction="none")


def test_a_task_says_what_an_incident_is_asked(world: World) -> None:
    tokens, _ = generation()
    asked = world.scan(
        loss=radiotracer.gradients.cross_entropy, task=LastToken(), incident=(tokens, tokens)
    )
    plain = world.scan(incident=generation())
    np.testing.assert_allclose(asked.scores, plain.scores, rtol=1e-9)


def test_what_it_costs_is_told_before(world: World) -> None:
    inputs = ScanInputs(
        world.model,
        world.run,
        world.data,
        world.validation,
        generation(),
        task=LastToken(),
        batch_size=7,
    )
    cost = plan_scan(inputs)
    assert [stage.kind for stage in cost.stages] == ["validation", "examples", "layers"]
    assert [stage.examples for stage in cost.stages] == [3, 3 * (N + 40), 0]
    # By other workers it is the same.
    found = world.scan(
        validation=world.validation,
        incident=generation(),
        execution=Execution(InProcess(threads=1)),
    )
    here = world.scan(validation=world.validation, incident=generation())
    np.testing.assert_array_equal(found.scores, here.scores)


@pytest.fixture(scope="module")
def written(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    told = world.scan(validation=world.validation, incident=generation())
    write_scan(told, folder / "told")
    write_scan(world.scan(), folder / "untold")
    return folder


def test_files_have_no_labels(written: Path, world: World) -> None:
    for name in ("told", "untold"):
        table = pq.read_table(written / name / "ranking.parquet")
        assert table["label"].null_count == table["suggested_label"].null_count == N
        for frame in (to_arrow(written / name), issue_table(written / name)):
            labels = [each for each in frame.column_names if each.endswith("label")]
            assert len(labels) == 2 and all(frame[each].null_count == N for each in labels)
        summary = json.loads((written / name / "summary.json").read_text())
        assert (summary["inconclusive"] is None) == (name == "told")
        assert "None" not in card(written / name)
    found = world.scan()
    assert issue_table(found).equals(issue_table(written / "untold"))
    assert to_arrow(found)["label"].null_count == N
    assert found.issues["given_label"].isna().all()


def words_of(page: Path) -> str:
    """What a page says, with its elements, but without style and scripts."""
    return re.sub(r"<(style|script)\b.*?</\1>", "", page.read_text(), flags=re.DOTALL)


def test_pages_have_no_labels(written: Path, world: World) -> None:
    for name, said in (("told", "training examples are flagged"), ("untold", "Inconclusive")):
        page = words_of(written / name / "report.html")
        assert said in page and "0 classes" not in page and "None" not in page
        assert "given label" not in page and "suggested" not in page and "classes" not in page
        # Tokens stand where a text is not known.
        shown = [" ".join(map(str, each)) for each in world.data[0].tolist()]
        assert sum(f'dir="auto">{each}</blockquote>' in page for each in shown) >= PLANTED
    for found in (world.scan(), world.scan(incident=generation(), validation=world.validation)):
        shown = found._repr_html_()
        assert "None" not in shown and "class that they look like" not in shown


def test_commands_say_what_they_cannot_do(
    world: World, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, said in (
        (["review", str(written / "told")], "a scan of examples with classes, to review their"),
        (["scan", str(world.run.folder), "--out", str(tmp_path / "scan")], "use it in Python: "),
        (["explain", str(world.run.folder), "--query", "mnist:test#1"], "use it in Python: "),
    ):
        assert command(arguments) == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_an_explanation_of_predicted_classes_is_refused(world: World) -> None:
    with pytest.raises(InputError, match=r"use radiotracer\.Tracer"):
        radiotracer.explain(world.model, world.run, world.data, generation(), loss=causal_lm_loss)


class Named(torch.utils.data.Dataset[Any]):
    """Items of a data set of Hugging Face: what was tokenised stands beside the tokens."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    def __len__(self) -> int:
        return len(self.pair[0])

    def __getitem__(self, row: int) -> dict[str, Any]:
        tokens, labels = (part[row] for part in self.pair)
        return {"input": tokens, "labels": labels, "text": f"document <{row}>"}


def test_what_was_tokenised_is_shown(world: World, tmp_path: Path) -> None:
    model, data = copy.deepcopy(world.model), Named(world.data)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(tmp_path / "run", model, optimizer, data) as recording:
        recording.batch([0])
        causal_lm_loss(model(data[0]["input"][None]), data[0]["labels"][None]).sum().backward()
        optimizer.step()
    found = scan(model, Run.open(tmp_path / "run"), data, loss=causal_lm_loss)
    assert found.left_out["loss-drop"] == "two checkpoints or more"
    write_scan(found, tmp_path / "scan")
    page = (tmp_path / "scan" / "report.html").read_text()
    first = int(np.argmax(found.scores))
    assert f"document &lt;{first}&gt;" in page
