"""A design of somebody's own: one class and one registration, and it is marked, audited, checked.

Sealed words: a secret word per marked text, one of two by a coin, at the end. No test of it is
here, because the test of preferences is there already.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from radiotracer.cli import run
from radiotracer.errors import InputError
from radiotracer.provenance.coins import coin_names, published_twins
from radiotracer.provenance.design import Change, Design, Inputs
from radiotracer.provenance.designs import DESIGNS, designs_for
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.preferences import audit_preferences, preference
from radiotracer.provenance.release import Opened, Release
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.verify import verify
from text_world import KEY, letters, noisy, of_texts


class WordConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    digits: int = Field(default=8, ge=4, le=32, description="Hexadecimal digits of a word.")


class Words(Design[WordConfig]):
    name = "words"
    settings = WordConfig
    modalities = frozenset({"texts"})
    announced: ClassVar[Mapping[str, JsonValue]] = {"scores": "sign-flip test of the two words"}
    accesses = ("scores",)
    choices = "one fair coin for each text"

    def prepare(
        self, chosen: Any, key: Any, networks: Sequence[Any], settings: WordConfig, **_: Any
    ) -> Laid:
        ids, size = chosen.ids.tolist(), settings.digits
        words = [[key.derive(f"word/{w}/{i}").hex()[:size] for w in (0, 1)] for i in ids]
        return Laid(coin_names(ids), {"words": np.array(words)})

    def publish(
        self, laid: Laid, chosen: Any, coins: Any, networks: Any, settings: WordConfig, **_: Any
    ) -> Planted:
        tossed = published_twins(coins, chosen.ids.tolist()).tolist()
        texts = zip(chosen.content, laid.arrays["words"].tolist(), tossed, strict=True)
        return Planted(tuple(f"{text} {pair[coin]}" for text, pair, coin in texts), {})

    def change(self, release: Release) -> Change:
        digits = float(str(release.protocol.settings["digits"]))
        return Change(f"a word of {digits:.0f} digits in each", {"digits": digits})

    def questions(self, opened: Opened, access: Access, inputs: Inputs) -> Any:
        return tuple(opened.release.laid.arrays["words"].ravel().tolist())

    def test(self, opened: Opened, suspect: Suspect, access: Access, inputs: Inputs) -> Finding:
        words = opened.release.laid.arrays["words"]
        first, second = (suspect.scores(tuple(words[:, w].tolist())) for w in (0, 1))
        release = opened.release
        return audit_preferences(
            preference(first, second, release.labels),
            None,
            opened.coins,
            release.ids.tolist(),
            access,
        )

    def least_log10_p(self, release: Release, access: Access) -> float:
        return -len(release.rows) * math.log10(2)


@pytest.fixture(autouse=True)
def words() -> Iterator[Words]:
    yield DESIGNS.register(Words())  # type: ignore[misc]
    DESIGNS.unregister("words")


def knows(release: Release) -> Any:
    """A suspect that learned the published words by heart."""
    pairs = release.laid.arrays["words"].tolist()
    tossed = published_twins(release.coins(KEY), release.ids.tolist()).tolist()
    known = {
        pair[coin]: label
        for pair, coin, label in zip(pairs, tossed, release.labels.tolist(), strict=True)
    }

    def scores(texts: Sequence[str]) -> np.ndarray:
        logits = noisy(texts)
        for row, text in enumerate(texts):
            if text in known:
                logits[row, known[text]] += 5
        return logits

    return of_texts(scores, name="it")


def test_it_is_marked_audited_and_checked(tmp_path: Path) -> None:
    data = letters()
    rows = choose(data, 0.5, "random", KEY, design="words")
    release = mark(data, rows, KEY, design=WordConfig(digits=6))
    assert release.protocol.design == "words" and release.protocol.settings == {"digits": 6}
    release.write(tmp_path / "marked")
    evidence = run_audit(tmp_path / "marked", KEY, knows(release), tmp_path / "audit")
    assert evidence.verdict == "trained-on-marked-data"
    assert all(each.holds for each in verify(tmp_path / "audit", tmp_path / "marked", KEY))
    with pytest.raises(InputError, match=r"access=scores for data marked by words; got access=l"):
        run_audit(tmp_path / "marked", KEY, knows(release), tmp_path / "two", access="labels")
    with pytest.raises(InputError, match="references= with data marked by canaries or twins"):
        run_audit(
            tmp_path / "marked", KEY, knows(release), tmp_path / "two", references=[knows(release)]
        )


def test_who_does_not_have_it_is_told_its_name(tmp_path: Path) -> None:
    data = letters()
    mark(data, np.arange(20), KEY, design="words").write(tmp_path / "marked")
    DESIGNS.unregister("words")
    with pytest.raises(InputError, match=r"a design \(.*; got 'words'"):
        run_audit(tmp_path / "marked", KEY, of_texts(noisy), tmp_path / "audit")
    assert not (tmp_path / "audit").exists()


def test_the_default_is_the_one_of_the_lowest_rank() -> None:
    data = letters()
    assert [each.name for each in designs_for(data.modality)] == [
        *("canaries", "words", "withheld")
    ]


def test_two_of_one_name() -> None:
    with pytest.raises(InputError, match="one design called 'words'; got two: "):
        DESIGNS.register(Words())  # type: ignore[arg-type]


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = letters()
    table = zip(data.content, data.labels.tolist(), strict=True)
    Path("mails.csv").write_text("text,label\n" + "".join(f'"{t}",{n}\n' for t, n in table))
    KEY.write("k")
    command = ["mark", "mails.csv", "--key", "k", "--design", "words", "--share", "0.5"]
    assert run([*command, "--out", "m", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["design"], told["modality"], told["digits"]) == ("words", "texts", 8.0)
    assert told["smallest_log10_p"] == pytest.approx(-told["marked"] * math.log10(2))
