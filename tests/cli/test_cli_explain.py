"""What ``explain`` does when all is well: exit status, both outputs, one JSON object, two files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import radiotracer.cli.explain
from radiotracer import explain
from radiotracer.present.views.explanation import describe
from reasons_sample import reasons
from tiny_world import World


@pytest.fixture
def asked(tiny: World) -> list[object]:
    return ["explain", tiny.folder, "--query", f"{tiny.archive}:test#5,2"]


def test_text(capsys: pytest.CaptureFixture[str], golden: Any) -> None:
    """The tables, word by word; hostile names are shown and not obeyed."""
    radiotracer.cli.explain.tell(reasons(), Path("explanation"))
    golden.page("explain", capsys.readouterr().out)
    radiotracer.cli.explain.tell(reasons(manifest=False), None)
    golden.page("explain_without_manifest", capsys.readouterr().out)


def test_a_table_and_two_files(cli: Any, asked: list[object], tiny: World) -> None:
    done = cli(*asked, "--top-k", "4", "--out", "out")
    assert (done.status, done.err.splitlines()[1:]) == (0, ["influence: 96 done"])
    lines = [line.rstrip() for line in done.out.splitlines()]
    start = f"test/00005 of {tiny.archive}:test: given top, predicted "
    assert lines[0].startswith(start)
    assert lines.count("rank id          label influence  share tampered") <= 4
    assert lines[-2:] == ["page      out/explanation.html", "values    out/explanation.json"]
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "explanation.html",
        "explanation.json",
    ]
    kept = json.loads(Path("out/explanation.json").read_text())
    assert [query["row"] for query in kept["queries"]] == [5, 2]
    assert all(len(query["proponents"]) == 4 for query in kept["queries"])


def test_json(cli: Any, asked: list[object], tiny: World) -> None:
    """One object, the same as the file's, and the same as Python's."""
    done = cli(*asked, "--json", "--out", "out", "--method", "gas", "--layers", "*")
    assert done.status == 0
    told = json.loads(done.out)
    assert told == json.loads(Path("out/explanation.json").read_text())
    assert "thumbnail" not in done.out and told["schema_version"] == 1
    found = explain(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        rows=[5, 2],
        method="gas",
        layers=["*"],
        manifest=tiny.manifest,
    )
    expected = json.loads(describe(found).to_json())
    assert told["queries"] == expected["queries"]
    assert told["tampered"] == int(tiny.manifest.is_tampered.sum())
    assert done.err.splitlines()[1:] == ["influence: 96 done"]


def test_wrong_ones(cli: Any, tiny: World) -> None:
    query = ["--query", f"{tiny.archive}:train", "--wrong", "3", "--json"]
    told = json.loads(cli("explain", tiny.folder, *query).out)
    assert 1 <= len(told["queries"]) <= 3
    for each in told["queries"]:
        assert each["predicted_label"] != each["given_label"]
        assert each["explained_label"] == each["predicted_label"]


@pytest.mark.parametrize(("label", "expected"), [("mid", "mid"), ("2", "top"), ("given", "top")])
def test_labels(cli: Any, tiny: World, label: str, expected: str) -> None:
    query = ["--query", f"{tiny.archive}:test#5", "--label", label, "--json"]
    told = json.loads(cli("explain", tiny.folder, *query).out)
    assert told["queries"][0]["explained_label"] == expected
    assert told["label"] == ("given" if label == "given" else expected)


def test_the_same_query_twice_and_in_several_options(cli: Any, asked: list[object]) -> None:
    told = json.loads(
        cli(*asked, "--query", f"{str(asked[3]).partition('#')[0]}#2,7", "--json").out
    )
    assert [query["row"] for query in told["queries"]] == [5, 2, 7]


def test_a_folder_whose_name_holds_a_hash(cli: Any, tiny: World) -> None:
    Path("a#1.npz").write_bytes(tiny.archive.read_bytes())
    for query in (["a#1.npz#4"], ["a#1.npz", "--wrong", "1"], ["a#1.npz:test#4"]):
        done = cli("explain", tiny.folder, "--query", *query, "--json")
        assert done.status == 0, done.err


def test_a_name_that_looks_like_an_option_value(cli: Any, tiny: World) -> None:
    """Whoever trained with a factory explains with it."""
    Path("mine_explained.py").write_text(
        "from radiotracer.training.networks import SmallCNN\n"
        "def build(): return SmallCNN(1, 3, 2)\n"
    )
    query = ["--query", f"{tiny.archive}:test#4", "--factory", "mine_explained:build"]
    assert cli("explain", tiny.folder, *query).status == 0


def test_a_failure_leaves_nothing(
    cli: Any, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("radiotracer.present.explanation_files.render_reasons", fail)
    done = cli(*asked, "--out", "out")
    assert done.status == 130 and not list(Path.cwd().iterdir())
