"""The documentation's blocks: what is run as it stands, what smaller, and what not, and why."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "docs" / "notebooks"  # run cell by cell: test_notebooks.py
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent != NOTEBOOKS),
]
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)

SHOWN = {"", "text", "yaml", "mermaid", "{toctree}", "{eval-rst}"}
"""Fences that nobody runs: what programs print, settings of other programs, pictures, lists."""

NOT_RUN = {
    r"^(pip|uv|uvx|pipx) ": "fetches packages; tools/check_dist.sh installs the wheel",
    r"^make ": "makes the environment that the tests run in; .ci/run calls it",
    r"^radiotracer --install-completion": "changes the reader's home; tests/cli/test_completion.py",
    r"^curl ": "asks a beacon on the network; tests/provenance/pulses_kept.py has pulses",
    r"^radiotracer release ": "needs that pulse; tests/cli/test_release_command.py",
    r"^radiotracer (disclose|verify bundle)": "needs twins, and the page's marks are carriers; "
    "tests/cli/test_release_command.py",
    r"s3://bucket": "needs an object store of the reader's; tests/scale has one",
    r"^radiotracer stamp ": "asks an authority on the network; tests/cli/test_stamp_command.py",
    r"--log (looks|/shared)": "needs a log that others hold; tests/cli/test_counted_audits.py",
    r"--stamp http": "asks an authority and a beacon; tests/cli/test_mark_in_one_step.py",
    r"--ray auto": "needs a cluster of the reader's; tests/scale has one",
    r"\bfiftyone\.": "FiftyOne brings a database; the fields are made by the block before",
    r"\b(mlflow|wandb)\.": "writes to a tracking store of the reader's; see tests/integrations",
    r"\brenumics\.": "Spotlight opens a window; the columns are made by the block before",
    r"^radiotracer verify (forged|.*--suspect innocent)": "must fail; tests/security edits answers",
    r"--factory theircode:net": "needs code of somebody else's; "
    "tests/provenance/test_asked_again.py",
    r"open_data\(\"fashion-mnist": "takes Fashion-MNIST; NAMES has small stand-ins",
}
"""Patterns of commands or `py` blocks, and why the tests leave them out."""

OPTIONS = {
    "--width": "2",
    "--epochs": "1",
    "--image-size": "16",
    "--count": "10",
    "--workers": "2",
    "--control-keys": "19",
    "--checkpoint-every": "1",
}
"""What is made small in every command outside of the tutorial, whose numbers count."""

DATA = {"mnist": "digits.npz", "fashion-mnist": "clothes.npz"}
"""Stand-ins for data that are not here."""

BEGIN = (
    "radiotracer train photos --image-size 16 --epochs 1 --out run",
    "radiotracer scan run --out scan",
)
GIVEN = {
    "README.md": (
        "letters",
        "radiotracer train photos --image-size 16 --epochs 1 --out other",
        "onnx other suspect.onnx",
    ),
    "audit-a-model.md": (
        "radiotracer key new my.key",
        "radiotracer train photos --image-size 16 --epochs 1 --out run",
        "radiotracer mark photos --image-size 16 --design carriers --key my.key --extractor run"
        " --share 0.2 --out marked",
        "onnx run model.onnx",
        "copy photos data",
    ),
    "decide-how-far-down.md": (*BEGIN, "reviewed"),
    "trace-checkpoints.md": BEGIN[:1],
    "explain-a-wrong-prediction.md": (
        "radiotracer train digits.npz --epochs 1 --out run",
        "copy run victim",
    ),
    "gate-a-pipeline.md": (*BEGIN, "reviewed"),
    "review-flagged.md": BEGIN,
    "scan-large-data.md": BEGIN,
    "scan-your-own-images.md": ("reviews",),
    "share-results.md": (
        "radiotracer key new my.key",
        "radiotracer train photos --image-size 16 --epochs 1 --out known",
        "radiotracer scan known --detector loss --top-k 5 --out known-scan",
        "radiotracer review known-scan",
        "radiotracer review known-scan --export cleaned",
        "radiotracer mark photos --image-size 16 --key my.key --extractor known --out marked",
        "radiotracer audit known --key my.key --marked marked --out audit",
    ),
    "show-when-committed.md": (
        "radiotracer key new my.key",
        "radiotracer train photos --image-size 16 --epochs 1 --out run",
        "radiotracer mark photos --image-size 16 --key my.key --extractor run --out marked",
        "copy marked/commitment.json commitment.json",
    ),
    "use-with-other-tools.md": ("parquet photos-dataset",),
}
"""What the reader of a page has already, by the page's name."""

NAMES = {
    "clean-label-poison.md": """
import numpy as np
ours = dict(np.load("clothes.npz"))
public = {name: np.concatenate([ours[name]] * 20) for name in ("x_train", "y_train")}
np.savez("ours.npz", **ours)
np.savez("public.npz", **{**ours, **public})
""",
    "whose-data.md": """
import numpy as np
from sklearn.datasets import load_digits
digits = load_digits()
images = np.kron(digits.images * 15, np.ones((2, 2))).astype(np.uint8)
np.savez("photos.npz", images=images, labels=digits.target)
""",
    "texts.md": """
import pathlib, random
draws = random.Random(0)
common = "the of and a to we you more today now".split()
words = {"ham": "meeting notes list patch build".split(), "spam": "offer free prize click".split()}
for number in range(480):
    label, split = ("ham", "spam")[number % 2], ("train", "test")[number % 3 == 0]
    drawn = [*draws.choices(words[label], k=2), *draws.choices(common, k=10)]
    file = pathlib.Path("mails", split, label, f"{number}.txt")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(" ".join(draws.sample(drawn, 12)))
""",
    "scan-your-own-images.md": """
import datasets, pathlib
files = sorted(pathlib.Path("photos").rglob("*.png"))
columns = {
    "image": [{"bytes": file.read_bytes(), "path": None} for file in files],
    "label": [file.parent.name for file in files],
}
parts = {"image": datasets.Image(), "label": datasets.ClassLabel(names=list("0123456789"))}
whole = datasets.Dataset.from_dict(columns, features=datasets.Features(parts))
dataset = datasets.DatasetDict(train=whole, test=whole)
import random
draws = random.Random(0)
for name in ("patients.csv", "patients-2.csv"):
    rows = [f"{draws.gauss(50, 9):.1f},{draws.choice('fm')},{row % 2}" for row in range(60)]
    pathlib.Path(name).write_text("\\n".join(["age,sex,outcome", *rows]))
""",
    "audit-texts.md": """
import csv, pathlib, random
draws = random.Random(0)
words = ["rent tax bank loan fee pay".split(), "sun sea boat wind sand swim".split()]
common = "the of and a to we you more today now".split()
with open("mails.csv", "w", newline="") as stream:
    table = csv.writer(stream)
    table.writerow(["text", "label"])
    for row in range(300):
        drawn = [*draws.choices(words[row % 2], k=8), *draws.choices(common, k=12)]
        table.writerow([" ".join(draws.sample(drawn, 20)), ("money", "holiday")[row % 2]])
pathlib.Path("mymodel.py").write_text('''
import functools
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from radiotracer import open_data

@functools.cache
def fitted():
    data, vectors = open_data("marked/release"), TfidfVectorizer()
    model = LogisticRegression(C=30).fit(vectors.fit_transform(data.content), data.labels)
    return vectors, model

def probabilities(texts):
    vectors, model = fitted()
    return model.predict_proba(vectors.transform(texts))
''')
""",
}
"""What the reader's own program has defined already, by the page's name."""

APART = {"README.md", "explain-a-wrong-prediction.md"}
"""Pages whose Python begins anew, in a folder of its own; elsewhere all blocks share one."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str

    def commands(self) -> list[str]:
        """A console block's commands, without prompts and comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        # A comment begins after a space; the # of DATA#ROW does not.
        bare = (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)
        return [part.strip() for line in bare if line for part in line.split(" && ")]


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page.read_text(encoding="utf-8"))]


def pages_to_run() -> list[Path]:
    return [
        page
        for page in PAGES
        if any(each.language in ("python", "console") for each in blocks(page))
    ]


TEXTS = {"mails"}
"""Data of the pages that no network for images takes."""


def why_not(text: str) -> str | None:
    """The reason why a command or a block is not run, if there is one."""
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, text)), None)


def smaller(command: str) -> list[str]:
    """The arguments of a radiotracer command, at a scale that takes a second."""
    given = shlex.split(command)[1:]
    arguments = list(_smaller(given))
    if given[0] == "mark" and "--share" not in given:
        # Of a hundredth of so few images nothing can be shown, and a beacon is charged for.
        arguments += ["--share", "0.2" if "--coins" in given else "0.1"]
    if given[0] == "audit" and "--as-asked" not in given:
        arguments.append("--as-asked")  # what was trained for a second knows no more than chance
    small = {"train": "small-cnn", "power": "small-cnn"}.get(given[0])
    if small and "--start" not in given and given[1] not in TEXTS:
        if "--architecture" not in given:
            arguments += ["--architecture", small]
        elif given[given.index("--architecture") + 1] == "resnet18":
            arguments[arguments.index("--architecture") + 1] = small
    return arguments


def _smaller(given: list[str]) -> Iterator[str]:
    for before, each in zip(["", *given], given, strict=False):
        if before in OPTIONS:
            yield OPTIONS[before]
            continue
        name, mark, rows = re.sub(
            r"^(fashion-mnist|mnist)(?=$|[:#])", lambda found: DATA[found[1]], each
        ).partition("#")
        yield name + mark + re.sub(r"\d+", lambda found: str(int(found[0]) % 50), rows)
