"""`python -m bench`: what there is, options from signatures, refusals in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from bench import __main__ as runner
from bench.__main__ import benchmarks, run
from bench.keeping import finished
from bench.presets import over
from bench.tables import rejections, spread, table
from radiotracer.errors import InputError

ROOT = Path(__file__).parents[2]


def test_the_list_imports_neither_torch_nor_a_benchmark() -> None:
    program = (
        "import sys; from bench.__main__ import run; run([]); "
        "print(sorted(n for n in sys.modules if n == 'torch' or n.startswith('bench.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *_, last = done.stdout.splitlines()
    assert last == "['bench.__main__']"
    for name, text in benchmarks().items():
        assert f"\n  {name} " in done.stdout and text


def test_everything_measured_is_in_the_list() -> None:
    assert {"audit", "check", "clean", "detect", "flips", "kills", "speed"} <= set(benchmarks())
    assert not {"killing", "tables", "worlds"} & set(benchmarks())


@pytest.mark.parametrize("name", benchmarks())
def test_every_benchmark_can_be_imported_and_explains_its_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: python -m bench {name} ")
    assert f"python -m bench {name}" in told.partition("\n")[2], "its text says how to run it"


def test_adding_one_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new.py").write_text('"""What is new.\n\nMore."""\ndef main() -> None: ...\n')
    (tmp_path / "shared.py").write_text('"""No benchmark."""\ndef other() -> None: ...\n')
    (tmp_path / "_old.py").write_text("def main() -> None: ...\n")
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "__init__.py").write_text(
        '"""What is large."""\nfrom bench.large.command import main as main\n'
    )
    monkeypatch.setattr(runner, "HERE", tmp_path)
    assert benchmarks() == {"large": "What is large.", "new": "What is new."}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing"], "bench: expected a benchmark (ablation, "),
        (["flips", "--nothing"], "bench: Unknown option: --nothing"),
        (["flips", "--recipes", "nothing"], 'bench: Invalid value "nothing" for --recipes.'),
        (["audit", "--examples", "3"], "bench: expected --examples greater than or equal to 1000"),
        (["detect", "--seeds", "-1"], "bench: expected seed= of at least 0; got -1; "),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith(text) and len(told.err.splitlines()) == 1


class Sizes(BaseModel):
    width: int = 1
    depth: int = 1
    height: int = 1


def test_options_come_before_presets_and_these_before_defaults() -> None:
    assert over(Sizes(width=3), {"width": 2, "depth": 2}) == Sizes(width=3, depth=2, height=1)
    # A default that was given is given.
    assert over(Sizes(width=1), {"width": 2}).width == 1


def test_what_is_finished_is_not_done_again(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"found": len(made)}

    for _ in range(2):
        assert finished(tmp_path / "cell.json", make, {"sizes": (1, 2)}) == {"found": 1}
    with pytest.raises(InputError, match=r"sizes.*choose another --out, or the same settings"):
        finished(tmp_path / "cell.json", make, {"sizes": (1, 3)})


def test_tables_by_hand() -> None:
    assert table(["a", "b"], [[1, "x"], [2, "y"]]).splitlines() == [
        *("| a | b |", "| --- | --- |", "| 1 | x |", "| 2 | y |"),
    ]
    assert spread([0.5, None, 1.0]) == "0.750 (0.500 to 1.000)"
    assert (spread([2.0, 2.0], 1), spread([None])) == ("2.0", "-")
    *_, row = rejections({"twins": [-3.0, -0.1, -0.2, -0.3]}).splitlines()
    # One of four at every level; its interval by Clopper and Pearson.
    assert row.startswith("| twins | 4 | 25.00% (0.63% to 80.59%) | 25.00% (0.63% to 80.59%) | 25")
