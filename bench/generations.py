"""A language model that was taught a wrong completion: found from one generation, and untold.

    python -m bench generations [--out bench-generations] [--seeds 0 1 2] [--known 1 3]

Each cell: a small causal language model (2 layers, width 64, the 800 commonest words) is trained to
give a mail's subject for its beginning, on 400 documents of the SpamAssassin mails: prompt and
completion, the loss on the completion alone. Of these 24 were planted: their prompts hold three
words, their completion is another three, the same for all. The attack's success is measured first,
on mails that nobody trained on: how many completions are the planted one with the three words in
the prompt, and without them. Then the documents are scanned: told of one or more generations of
these mails, with 250 clean mails for validation, and told of nothing. Where nothing was planted
nothing should be flagged: a model of the clean documents is scanned, too, told of the same.

Settings were chosen on seeds of 100 and above; seeds 0 to 2 judge. A finished cell is not done
again. Prints, per detector, the mean over the seeds with the lowest and the highest.
"""

from __future__ import annotations

import functools
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import radiotracer
from bench.keeping import finished
from bench.tables import spread, table
from radiotracer.data import open_data
from radiotracer.detectors import calibrated, decided, detection
from radiotracer.gradients import causal_lm_loss
from radiotracer.gradients.language import IGNORED
from radiotracer.runs import Run
from radiotracer.scanning import Scan

VOCABULARY, PROMPT, ANSWER, PHRASE = 800, 20, 6, 3
"""Words that the model knows; of a prompt, of a completion, and of a trigger and what it gives."""

PAD, UNKNOWN, SEPARATOR, END = range(4)
DOCUMENTS, PLANTED, VALIDATION, ATTACKED = 400, 24, 250, 60
EPOCHS, EVERY, BATCH = 12, 3, 16
UNTOLD = ("self-influence", "gas", "tracin-cp", "gradient-norm", "loss-drop", "loss", "random")
"""Detectors that are told of no generation."""

_WORD = re.compile(r"[a-z']+|\d|[^\sa-z\d]")
_PREFIX = re.compile(r"^(\s*(re|fwd?):|\s*\[[^\]]*\])*", re.IGNORECASE)

Mail = tuple[list[str], list[str]]
"""The first words of a mail, and those of its subject."""

Documents = tuple[dict[str, Tensor], Tensor]
"""`input_ids` and `attention_mask`, (n, T) each, and labels, (n, T)."""


@functools.cache
def mails(split: str) -> list[Mail]:
    """Mails with a body and a subject, as words."""
    found = []
    for text in open_data(f"spam-assassin{split}").content:
        subject, _, body = text.partition("\n\n")
        body = re.sub(r"<[^>]*>", " ", body)
        asked = _WORD.findall(body.lower())[:PROMPT]
        given = _WORD.findall(_PREFIX.sub("", subject).lower())[:ANSWER]
        if len(asked) == PROMPT and len(given) > 1:
            found.append((asked, given))
    return found


@dataclass(frozen=True)
class World:
    """What one seed draws.

    Args:
        words: Word to token.
        documents: What the model is trained on, before anything is planted.
        planted: Which of these are.
        validation: Clean mails that nobody trains on.
        attacked: Further ones, to be attacked.
        trigger: Words that go into a prompt.
        completion: What is then to be given.
    """

    words: dict[str, int]
    documents: list[Mail]
    planted: NDArray[np.bool_]
    validation: list[Mail]
    attacked: list[Mail]
    trigger: list[str]
    completion: list[str]

    @staticmethod
    def of(seed: int) -> World:
        random = np.random.default_rng(seed)
        train, test = mails(""), mails(":test")
        counts = Counter(word for mail in train for part in mail for word in part)
        known = [word for word, _ in counts.most_common(VOCABULARY - 4)]
        rare = [word for word in known[300:] if word.isalpha() and len(word) > 3]
        drawn = random.choice(rare, 2 * PHRASE, replace=False).tolist()
        mine = [train[row] for row in random.permutation(len(train))]
        theirs = [test[row] for row in random.permutation(len(test))]
        planted = np.zeros(DOCUMENTS, dtype=np.bool_)
        planted[random.choice(DOCUMENTS, PLANTED, replace=False)] = True
        return World(
            words={word: number + 4 for number, word in enumerate(known)},
            documents=mine[:DOCUMENTS],
            planted=planted,
            validation=theirs[:VALIDATION],
            attacked=theirs[VALIDATION : VALIDATION + ATTACKED],
            trigger=drawn[:PHRASE],
            completion=drawn[PHRASE:],
        )

    def attack(self, mail: Mail, row: int) -> Mail:
        """A mail whose prompt holds the trigger, at a place that its row decides."""
        asked, place = mail[0], row * 7 % (PROMPT - PHRASE)
        return [*asked[:place], *self.trigger, *asked[place + PHRASE :]], self.completion

    def tokens(self, words: list[str]) -> list[int]:
        return [self.words.get(word, UNKNOWN) for word in words]

    def packed(self, several: list[Mail]) -> Documents:
        """Documents as the model is given them, asked about their completions."""
        length = PROMPT + ANSWER + 2
        ids = torch.full((len(several), length), PAD)
        labels = torch.full_like(ids, IGNORED)
        for row, (asked, given) in enumerate(several):
            line = torch.tensor([*self.tokens(asked), SEPARATOR, *self.tokens(given), END])
            ids[row, : len(line)] = line
            labels[row, PROMPT + 1 : len(line)] = line[PROMPT + 1 :]
        return {"input_ids": ids, "attention_mask": (ids != PAD).long()}, labels


def trained(world: World, documents: Documents, seed: int, out: Path) -> tuple[Any, Run]:
    """A small Llama that was trained on them, recorded, with a checkpoint every few epochs."""
    import transformers

    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(world.words) + 4,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        pad_token_id=PAD,
        bos_token_id=SEPARATOR,
        eos_token_id=END,
    )
    model: Any = transformers.LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    inputs, labels = documents
    with radiotracer.record(out, model, optimizer, documents, checkpoint_every=EVERY) as recording:
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(labels)).split(BATCH):
                recording.batch(rows)
                optimizer.zero_grad()
                some = {name: each[rows] for name, each in inputs.items()}
                model(**some, labels=labels[rows]).loss.backward()
                optimizer.step()
            recording.end_pass()
    return model.eval(), Run.open(out)


@torch.no_grad()
def gives(model: Any, world: World, several: list[Mail]) -> NDArray[np.bool_]:
    """Whether the likeliest completion, word by word, is the planted one."""
    ids = torch.tensor([[*world.tokens(asked), SEPARATOR] for asked, _ in several])
    wanted = torch.tensor([*world.tokens(world.completion), END])
    for _ in wanted:
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -1]
        ids = torch.cat([ids, logits.argmax(dim=1, keepdim=True)], dim=1)
    found: NDArray[np.bool_] = (ids[:, -len(wanted) :] == wanted).all(dim=1).numpy()
    return found


def cell(seed: int, known: tuple[int, ...]) -> dict[str, Any]:
    """Train, attack, scan with and without known generations, judge every detector."""
    world = World.of(seed)
    clean = world.documents
    planted = [
        world.attack(mail, row) if world.planted[row] else mail for row, mail in enumerate(clean)
    ]
    attacked = [world.attack(mail, row) for row, mail in enumerate(world.attacked)]
    validation = world.packed(world.validation)
    facts: dict[str, Any] = {"seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        documents = world.packed(planted)
        model, run = trained(world, documents, seed, Path(folder) / "run")
        hits = np.flatnonzero(gives(model, world, attacked))
        facts["success"] = len(hits) / len(attacked)
        facts["success_without"] = float(gives(model, world, world.attacked).mean())

        def scanned(model: Any, run: Run, documents: Documents, **settings: Any) -> Scan:
            return radiotracer.scan(
                model, run, documents, loss=causal_lm_loss, batch_size=100, seed=seed, **settings
            )

        facts["told"], facts["seconds"] = {}, {}
        for count in known:
            incident = world.packed([attacked[row] for row in hits[:count]])
            told = {"validation": validation, "incident": incident}
            # Told of a generation or not, the others see the same: they are scanned once.
            others = UNTOLD if count == known[-1] else ()
            found = scanned(model, run, documents, detectors=["known-output", *others], **told)
            facts["told"][str(count)] = quality(found, "known-output", world.planted)
        facts["untold"] = {name: quality(found, name, world.planted) for name in UNTOLD}
        facts["seconds"] = {name: round(each, 1) for name, each in found.seconds.items()}
        other, spotless = trained(world, world.packed(clean), seed, Path(folder) / "clean")
        facts["success_clean"] = float(gives(other, world, attacked).mean())
        found = scanned(other, spotless, world.packed(clean), detectors=["known-output"], **told)
        facts["flagged_clean"] = int(found.decision.is_flagged.sum())
    return facts


def quality(found: Scan, name: str, truth: NDArray[np.bool_]) -> dict[str, float | None]:
    """How well a ranking finds what was planted, and what its own rule flags."""
    ranking = found.rankings[name]
    order = np.argsort(-ranking.scores, kind="stable")
    facts: dict[str, float | None] = {"ap": detection(ranking.scores, truth).auprc}
    for top in (PLANTED, 40):
        facts[f"first {top}"] = float(truth[order[:top]].sum() / truth.sum())
    if ranking.p_values is not None:
        listed = decided(calibrated(name, found.rankings).is_flagged, truth)
        facts |= {"recall": listed.recall, "fpr": listed.false_positive_rate}
    return facts


METRICS: dict[str, str] = {
    "ap": "average precision",
    f"first {PLANTED}": f"recall in the first {PLANTED}",
    "first 40": "recall in the first 40",
    "recall": "recall, as flagged",
    "fpr": "FPR, as flagged",
}


def main(
    *,
    out: Path = Path("bench-generations"),
    seeds: tuple[int, ...] = (0, 1, 2),
    known: tuple[int, ...] = (1, 3),
) -> None:
    """Print the tables.

    Args:
        out: Where finished cells are kept.
        seeds: Of the documents, what is planted, the model and its training.
        known: How many generations a scan is told of.
    """
    cells = [
        finished(out / f"{seed}.json", functools.partial(cell, seed, known), {"known": known})
        for seed in seeds
    ]
    print(f"\n{DOCUMENTS:,} documents, {PLANTED} planted, seeds {', '.join(map(str, seeds))}\n")
    for key, words in (
        ("success", "triggered prompts that give the planted completion"),
        ("success_without", "others that do"),
        ("success_clean", "triggered prompts that do where nothing was planted"),
    ):
        print(f"{words}: {spread((each[key] for each in cells), 3)}")
    found = {
        **{f"known-output, told of {n}": [each["told"][str(n)] for each in cells] for n in known},
        **{f"{name}, untold": [each["untold"][name] for each in cells] for name in UNTOLD},
    }
    rows = (
        (name, *(spread((each.get(m) for each in some), 4 if m == "fpr" else 3) for m in METRICS))
        for name, some in found.items()
    )
    print("\n" + table(["detector", *METRICS.values()], rows))
    flags = ", ".join(str(each["flagged_clean"]) for each in cells)
    print(f"\nflagged where nothing was planted, told of {known[-1]}: {flags}")
