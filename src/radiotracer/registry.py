"""One mechanism for everything that can be added: a name, a file that registers it, an entry point.

A registry collects what the modules of one package register when they are imported, what entry
points of installed packages name, and what a caller registers by hand. Nothing is imported before
the first question, so that `import radiotracer` and a command's help stay quick.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Things of one kind by name, in the order in which they were registered, or one of their own.

    Args:
        kind: What they are, in the singular, for messages: ``"detector"``.
        home: The package whose modules register the built-in ones when they are imported, in
            alphabetical order; modules that begin with an underscore are left alone.
        group: The group of entry points that add others: ``"radiotracer.detectors"``. Each must
            load to such a thing.
        of: What entry points must name an object of; None where that is a protocol.
        order: From a thing to what it is sorted by; None leaves all in the order of registration.
    """

    def __init__(
        self,
        kind: str,
        *,
        home: str,
        group: str | None = None,
        of: type[Any] | None = None,
        order: Callable[[T], Any] | None = None,
    ) -> None:
        self.kind = kind
        self.home = home
        self.group = group
        self.of = of
        self.order = order
        self.failures: dict[str, str] = {}
        """Entry points that could not be used, by name, with the reason; all others work."""
        self._things: dict[str, T] = {}
        self._state = "new"

    def built_in(self) -> list[str]:
        """The names of the built-in things as their files tell them, nothing of them imported.

        A file is called as what it registers, with underscores for dashes.
        """
        spec = importlib.util.find_spec(self.home)
        places = spec.submodule_search_locations if spec is not None else None
        names = (module.name for module in pkgutil.iter_modules(places or []))
        return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))

    def register(self, thing: T, name: str | None = None) -> T:
        """Add a thing under a name, its own `name` by default; returns it.

        Raises:
            InputError: Another thing has this name.
        """
        name = name if name is not None else str(thing.name)  # type: ignore[attr-defined]
        if name in self._things and self._things[name] is not thing:
            raise InputError(
                expected=f"one {self.kind} called {name!r}",
                came=f"two: {_whence(self._things[name])} and {_whence(thing)}",
                do="rename or uninstall one of them",
            )
        self._things[name] = thing
        return thing

    def unregister(self, name: str) -> None:
        """Forget what `register` added; nothing happens where there is none."""
        self._things.pop(name, None)

    def chosen(self, given: str | T) -> T:
        """What a name stands for; an object of the caller's own stands for itself."""
        return self[given] if isinstance(given, str) else given

    def __getitem__(self, name: str) -> T:
        """The thing of this name.

        Raises:
            InputError: There is none; the text says which there are, or why its entry point failed.
        """
        self._load()
        if name in self._things:
            return self._things[name]
        if name in self.failures:
            raise InputError(
                expected=f"the {self.kind} {name} of an installed package",
                came=self.failures[name],
                do="repair or uninstall that package",
            )
        raise InputError(
            expected=f"a {self.kind} ({', '.join(self)})",
            came=repr(name),
            do="check the spelling",
        )

    def get(self, name: object, default: T | None = None) -> T | None:  # type: ignore[override]
        """The thing of this name, or the default."""
        self._load()
        return self._things.get(name, default) if isinstance(name, str) else default

    def __contains__(self, name: object) -> bool:
        """Whether something has this name."""
        self._load()
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        """The names."""
        self._load()
        names, order = tuple(self._things), self.order
        if order is None:
            return iter(names)
        return iter(sorted(names, key=lambda name: order(self._things[name])))

    def __len__(self) -> int:
        """How many there are."""
        self._load()
        return len(self._things)

    def __repr__(self) -> str:
        """The kind and the names, without loading anything."""
        return f"Registry({self.kind!r}: {', '.join(self._things) or 'nothing loaded'})"[:200]

    def _load(self) -> None:
        """Import the home, then what entry points name; once, and not again from within itself."""
        if self._state != "new":
            return
        self._state = "loading"
        try:
            package = importlib.import_module(self.home)
            for module in pkgutil.iter_modules(package.__path__):
                if not module.name.startswith("_"):
                    importlib.import_module(f"{self.home}.{module.name}")
        except BaseException:
            self._state = "new"
            raise
        self._state = "loaded"
        if self.group:
            from importlib.metadata import entry_points  # slow to import

            for entry in entry_points(group=self.group):
                self._add(entry)

    def _add(self, entry: EntryPoint) -> None:
        """Register what an entry point names; another package's fault is kept, not raised."""
        try:
            thing = entry.load()
            if self.of is not None and not isinstance(thing, self.of):
                raise TypeError(f"it is a {type(thing).__name__}, and no {self.of.__name__}")
            self.register(thing, entry.name)
        except Exception as error:
            reason = error.came if isinstance(error, InputError) else str(error)
            self.failures[entry.name] = (
                f"{entry.value}, which failed: {type(error).__name__}: {reason}"[:200]
            )


def _whence(thing: object) -> str:
    """Where a thing was made, for messages."""
    kind = thing if isinstance(thing, type) or hasattr(thing, "__qualname__") else type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"
