"""What a mark is: planted before a release, asked about and tested in an audit.

A design is one object in one file of `provenance/designs/`, or of another package (entry points
``radiotracer.designs``). Whatever hangs on what was planted is said there, and nowhere else: its
settings, what it can mark, what it plants, what a suspect is asked, the test, and the smallest
p-value that it can show. Modules that register one import nothing heavy: the command line's help
is made from them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, JsonValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.provenance.coins import Coins
    from radiotracer.provenance.finding import Finding
    from radiotracer.provenance.kept import Kept
    from radiotracer.provenance.key import Key
    from radiotracer.provenance.models import Access, Suspect
    from radiotracer.provenance.planted import Laid, Planted
    from radiotracer.provenance.release import Opened, Release
    from radiotracer.runs import ModelSpec

Progress = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how many."""

Input = Literal["references", "held_out", "control_keys"]
"""What an audit can be given beside the suspect; see `Inputs`."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Which examples may be marked, and how many of them.

    Args:
        eligible: Whether each example may be, bool, shape (n,); at least one.
        share: Of those, in (0, 1).
        per_class: The share is that of every class; else of all of them together, which takes more
            of the classes that are hard.
        whole_tail: Whether the hardest may be chosen, too; else the extreme tail is left out, where
            examples are that are cleaned away first.
    """

    eligible: NDArray[np.bool_]
    share: float
    per_class: bool
    whole_tail: bool = False


@dataclass(frozen=True)
class Change:
    """By how much examples were changed.

    Args:
        text: For people.
        numbers: The same for scripts, by name; None where nothing was changed.
    """

    text: str
    numbers: Mapping[str, float | None]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What an audit has beside the suspect.

    Args:
        references: Models that cannot know the key, for more statistical power.
        held_out: Unmarked examples that the suspect was not trained on.
        control_keys: With how many other keys held-out examples are marked, too; None: with none.
        build: Makes a network from its description; None: those of `radiotracer.training`.
        kept: Where finished marks of held-out examples are kept.
        progress: Told what is done before the suspect is asked.
    """

    references: Sequence[Suspect] = ()
    held_out: Dataset | None = None
    control_keys: int | None = None
    build: Callable[[ModelSpec], nn.Module] | None = None
    kept: Kept | None = None
    progress: Progress = lambda *_: None


S = TypeVar("S", bound=BaseModel)


class Design(ABC, Generic[S]):
    """One kind of mark; `S` is the model of its settings."""

    name: ClassVar[str]
    """As it stands in protocols and on the command line. It never changes."""

    settings: type[S]
    """How it can be varied. A field with a description is an option of ``radiotracer mark``."""

    modalities: ClassVar[frozenset[str]]
    """Which kinds of examples it can mark, by their names."""

    rank: ClassVar[int] = 10
    """Where no design is named, the lowest of those that can mark the data is taken."""

    networks: ClassVar[Literal["none", "any", "one", "several"]] = "none"
    """How many networks it marks with: none, any number, one or more of which the first is sealed
    to be built again in audits, or one or more."""

    marks_after_coins: ClassVar[bool] = False
    """Whether `publish` needs the networks, too."""

    announced: ClassVar[Mapping[str, JsonValue]]
    """The test in words, by access, and what else was decided before looking."""

    accesses: ClassVar[tuple[Access, ...]]
    """What audits can use of a suspect, the most telling first."""

    uses: ClassVar[frozenset[Input]] = frozenset()
    """What else its audits have a use for."""

    shows_originals: ClassVar[frozenset[Access]] = frozenset()
    """By which accesses a suspect is asked about parts of the originals."""

    choices: ClassVar[str | None] = None
    """What limits the p-values of its audits, in words; None: nothing that can be counted."""

    grows_with_share: ClassVar[bool] = True
    """Whether evidence grows with the share of marked examples as independent coins add up."""

    def candidates(self, data: Dataset, share: float, key: Key, settings: S) -> Candidates:
        """Which examples may be marked: all of them, `share` of every class.

        Args:
            data: All of them.
            share: Of the examples, in (0, 1).
            key: The secret.
            settings: How they will be marked.

        Raises:
            InputError: There are too few.
            DataError: There are none.
        """
        import numpy as np

        return Candidates(np.ones(len(data), dtype=np.bool_), share, per_class=True)

    def require_enough(
        self, data: Dataset, candidates: Candidates, settings: S, alpha: float
    ) -> None:
        """Raise `InputError` where not even the clearest audit could show `alpha`."""

    @abstractmethod
    def prepare(
        self,
        chosen: Dataset,
        key: Key,
        networks: Sequence[nn.Module],
        settings: S,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Laid:
        """All that the coins will choose between, before any is drawn, and the coins' names.

        Args:
            chosen: The k examples to mark, at least one.
            key: The secret; no coin follows from it alone.
            networks: As many as `networks` says; left as they were found.
            settings: How.
            kept: Where finished batches are kept.
            progress: Told ``"marking"``, how many examples are done, and how many there are.
        """

    @abstractmethod
    def publish(
        self,
        laid: Laid,
        chosen: Dataset,
        coins: Coins,
        networks: Sequence[nn.Module],
        settings: S,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Planted:
        """What to publish in place of the chosen examples, as the coins fell.

        Args:
            laid: From `prepare`.
            chosen: The same examples.
            coins: Of the names in `laid`.
            networks: The same; none where `marks_after_coins` is not so.
            settings: The same.
            kept: As for `prepare`.
            progress: As for `prepare`.
        """

    @abstractmethod
    def change(self, release: Release) -> Change:
        """By how much the marked examples of a release were changed."""

    def accesses_with(self, inputs: Inputs) -> tuple[Access, ...]:
        """`accesses` where an audit has these inputs."""
        return self.accesses

    @abstractmethod
    def questions(self, opened: Opened, access: Access, inputs: Inputs) -> Any:
        """What a suspect will be asked about, in the form of the examples' modality.

        A number where it is not made yet: about how many. 0 where the suspect is only looked at.
        """

    @abstractmethod
    def test(self, opened: Opened, suspect: Suspect, access: Access, inputs: Inputs) -> Finding:
        """Whether the suspect was trained on the release: an exact test, or one that says bound.

        Args:
            opened: The release, with the key that opened its commitment.
            suspect: Gives `access`, and takes examples of the release's modality.
            access: One of `accesses_with(inputs)`.
            inputs: Of `uses` alone.
        """

    @abstractmethod
    def least_log10_p(self, release: Release, access: Access) -> float | None:
        """The smallest log10 p that an audit can show; None where it cannot be counted."""
