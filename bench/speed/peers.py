"""Every method of a formula, ours first; and whether the peers are there."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from bench.speed.captum_peer import captum_methods
from bench.speed.dattri_peer import dattri_methods
from bench.speed.loop import forward_backward, loop_method
from bench.speed.method import PEERS, Formula, Method
from bench.speed.own import own_method
from radiotracer.errors import InputError


def require_peers(names: Sequence[str]) -> None:
    """Raise `InputError` unless each of these peers can be imported."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise InputError(
            expected="the libraries to compare with",
            came=f"no {' and no '.join(missing)}",
            do="run `make dev`, or pass --without NAME",
        )


def methods_of(formula: Formula, *, peers: Sequence[str] = PEERS) -> Sequence[Method]:
    """The methods of a formula: ours, the unit of time, the plain loop, and those of `peers`."""
    methods = [own_method(formula), forward_backward()]
    if formula != "last-layer":
        methods.append(loop_method(formula))
    for name, found in (("captum", captum_methods), ("dattri", dattri_methods)):
        if name in peers:
            methods += found(formula)
    return methods
