"""Errors of the library name arguments; the command line shows its own options."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.cli.naming import in_options, options_of
from radiotracer.errors import InputError

OPTIONS = {"seed": "--seed", "top_k": "--top-k", "folder": "--out", "out": "--out", "run": "RUN"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pass, say, seed=0", "pass, say, --seed 0"),
        ("expected seed= of at least 0; got -1", "expected --seed of at least 0; got -1"),
        ("top_k=3, or none", "--top-k 3, or none"),
        ("(top_k=3)", "(--top-k 3)"),
        ("choose another folder=", "choose another --out"),
        ("choose another out=", "choose another --out"),
        ("give run='runs/a b' or run=", "give RUN runs/a b or RUN"),
        ("top_k=('a', \"b\") beside top_k=[1, 2]", "--top-k a b beside --top-k 1 2"),
        ("pass seed=True", "pass --seed"),
        ("pass seed=None, or seed=False", "pass no --seed, or no --seed"),
        # None of the command's, or no argument at all.
        ("pass width=16 and rule=Rule(top_k=3)", "pass width=16 and rule=Rule(top_k=3)"),
        (
            "a file runs/seed=0/x, https://a.org/?seed=1",
            "a file runs/seed=0/x, https://a.org/?seed=1",
        ),
        ("reseed=1 and seed == 1", "reseed=1 and seed == 1"),
    ],
)
def test_arguments_become_options(text: str, shown: str) -> None:
    assert in_options(text, OPTIONS) == shown


@given(st.text())
def test_a_text_without_arguments_stays(text: str) -> None:
    if "=" not in text:
        assert in_options(text, OPTIONS) == text


def test_the_options_of_a_command_are_those_of_its_signature() -> None:
    from radiotracer.cli.app import app

    options = options_of(app, ["tamper", "x", "--seed", "1"])
    assert options["data"] == "DATA"
    assert options["seed"] == "--seed" and options["image_size"] == "--image-size"
    assert options["folder"] == options["out"] == "--out"
    assert options_of(app, ["data", "get", "mnist"])["name"] == "NAME"


def test_an_error_of_the_library_reaches_the_user_in_options(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InputError(expected="seed= of at least 0", came="seed=-1", do="pass folder='a'")

    monkeypatch.setattr("radiotracer.reproduce.demo.run_demo", refuse)
    done = cli("demo", "--json")
    assert (done.status, done.out) == (2, "")
    assert done.err == ("radiotracer: expected --seed of at least 0; got --seed -1; pass --out a\n")
