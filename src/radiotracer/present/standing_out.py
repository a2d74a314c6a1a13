"""What stands out beside single labels, as a page shows it."""

from __future__ import annotations

from radiotracer.gradients import Data
from radiotracer.health.health import Health, Member
from radiotracer.present import health_findings as page
from radiotracer.present.previews import Room, seen

SHOWN = 10
"""Rows of each table."""

MEMBERS = 4
"""Near copies of a group that are shown; more are counted."""

ROOM = Room(side=64, characters=160, lines=4)
"""Of each example."""


def health_page(health: Health, train: Data, validation: Data | None) -> page.Health | None:
    """The section of a report that says what else stands out; None where nothing does."""
    names = health.class_names
    found = page.Health(
        near_copies=tuple(
            page.NearCopies(
                copies=tuple(
                    page.NearCopy(
                        **seen(_data(each, train, validation), each.row, ROOM),
                        part=each.part,
                        id=each.id,
                        label=each.label,
                    )
                    for each in _chosen(group)
                ),
                similarity=max(each.similarity for each in group),
                more=max(0, len(group) - MEMBERS),
            )
            for group in health.near_duplicates[:SHOWN]
        ),
        near_copies_count=len(health.near_duplicates),
        outliers=tuple(
            page.Outlier(
                **seen(train, each.row, ROOM), id=each.id, label=each.label, score=each.score
            )
            for each in health.outliers[:SHOWN]
        ),
        outliers_count=len(health.outliers),
        overlaps=tuple(
            page.ClassPair(
                first=names[each.first],
                second=names[each.second],
                count=each.count,
                share=each.share,
            )
            for each in health.overlaps[:SHOWN]
        ),
        overlaps_count=len(health.overlaps),
        swaps=tuple(
            page.ClassPair(first=names[each.given], second=names[each.likely], count=each.count)
            for each in health.swaps[:SHOWN]
        ),
        swaps_count=len(health.swaps),
        wrong=health.wrong,
        notes=health.notes,
    )
    return None if found.is_empty else found


def _data(member: Member, train: Data, validation: Data | None) -> Data:
    return train if member.part == "train" or validation is None else validation


def _chosen(group: tuple[Member, ...]) -> list[Member]:
    """The first members; one of each part, so that a leak is seen to be one."""
    shown = list(group[:MEMBERS])
    if len({each.part for each in shown}) == 1:
        other = next((each for each in group if each.part != shown[0].part), None)
        if other is not None:
            shown[-1] = other
    return shown
