"""How people see a fact, registered by its type and looked up when somebody wants to see it.

A scan, an explanation, evidence or a run knows nothing of pages, notebooks or tables: it is
`Shown`, and asks here. What is registered lies in files of `radiotracer.present.views`, one per
fact, or comes from another package (entry points ``radiotracer.views``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from radiotracer.errors import InputError
from radiotracer.registry import Registry

F = TypeVar("F")


class Frame(Protocol):
    """A table, or a stream of one, by Arrow's PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The capsule."""


@dataclass(frozen=True)
class View(Generic[F]):
    """Everything that can be shown of one kind of fact.

    Args:
        of: The type of the facts; those of a type derived from it are shown alike.
        html: A piece of HTML for the output of a notebook's cell, without scripts.
        frame: A table of numbers and names.
        page: A whole page, one file that loads nothing; takes ``command``, what the user typed, and
            what else there is to say of it. None where there is no page.
    """

    of: type[F]
    html: Callable[[F], str]
    frame: Callable[[F], Frame]
    page: Callable[..., str] | None = None

    @property
    def name(self) -> str:
        """The type's."""
        return _name(self.of)


VIEWS: Registry[View[Any]] = Registry(
    "view", home="radiotracer.present.views", group="radiotracer.views", of=View
)
"""Every view, by the name of its type."""


class Shown:
    """Facts that notebooks display and that frames are made of."""

    def _repr_html_(self) -> str:
        """For notebooks."""
        return html_of(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """For `polars.DataFrame(fact)` and the like."""
        return frame_of(self).__arrow_c_stream__(requested_schema)


def html_of(fact: object) -> str:
    """A fact as the piece of HTML that a notebook displays.

    Raises:
        InputError: Nothing is registered for its type.
    """
    return view_of(fact).html(fact)


def page_of(fact: object, *, command: str = "", **about: Any) -> str:
    """A fact as one HTML page that loads nothing.

    Args:
        fact: A scan, an explanation, evidence.
        command: What the user typed; nothing is said of it where it is empty.
        about: What else its view takes.

    Raises:
        InputError: Nothing is registered for its type, or no page.
    """
    view = view_of(fact)
    if view.page is None:
        raise InputError(
            expected="something that has a page",
            came=view.of.__name__,
            do="display it in a notebook",
        )
    return view.page(fact, command=command, **about)


def frame_of(fact: object) -> Frame:
    """A fact as an Arrow table, or as a stream of one.

    Raises:
        InputError: Nothing is registered for its type.
    """
    return view_of(fact).frame(fact)


def view_of(fact: object) -> View[Any]:
    """What is registered for a fact's type, or for the nearest that it is derived from.

    Raises:
        InputError: Nothing is.
    """
    for kind in type(fact).__mro__:
        view = VIEWS.get(_name(kind))
        if view is not None:
            return view
    raise InputError(
        expected="something that can be shown "
        f"({', '.join(sorted(view.of.__name__ for view in VIEWS.values()))})",
        came=type(fact).__name__,
        do="pass one of these",
    )


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
