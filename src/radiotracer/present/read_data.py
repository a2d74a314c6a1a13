"""What was read of the data, as a page shows it."""

from __future__ import annotations

import itertools

from radiotracer.data.account import Account, Certain
from radiotracer.present import findings as page
from radiotracer.present.previews import Room, Seen, seen

SHOWN = 1000
"""Files that were left out."""

GROUPS = 60
"""Groups of copies."""

MEMBERS = 8
"""Of each."""

ROOM = Room(side=64, characters=240, lines=6)
"""Of what they are copies of."""


def read_of(account: Account) -> page.Read:
    """The section of a report that says what was read."""
    certain = list(itertools.islice(account.certain(), GROUPS))
    return page.Read(
        sentence=account.sentence,
        notes=tuple(account.notes),
        warnings=account.warnings,
        left_out=tuple(
            page.LeftOut(part=part, path=each.path, reason=each.reason)
            for part, each in account.left_out[:SHOWN]
        ),
        left_out_count=len(account.left_out),
        certain=tuple(_group(account, each) for each in certain),
        certain_in_words=tuple(account.certain_lines()),
        certain_count=account.groups,
    )


def _group(account: Account, group: Certain) -> page.Certain:
    return page.Certain(
        **_look(account, group),
        copies=tuple(
            page.Copy(part=each.part, id=each.id, label=each.label)
            for each in group.copies[:MEMBERS]
        ),
        more=max(0, len(group.copies) - MEMBERS),
    )


def _look(account: Account, group: Certain) -> Seen:
    """All of them look the same; the first training example is there to be shown."""
    row = next(each.row for each in group.copies if each.part == "train" and each.row is not None)
    return seen(account.train, row, ROOM)
