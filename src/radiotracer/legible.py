"""Texts from outside and numbers, as a reader wants them."""

from __future__ import annotations


def visible(text: str) -> str:
    """Replace every unprintable character by its escape, e.g. ``\\u202e``: shown, not obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines: line feeds are kept."""
    return "\n".join(visible(line) for line in text.replace("\r\n", "\n").split("\n"))


def beginning(text: str, *, characters: int, lines: int) -> str:
    """The first lines of a text; it ends with an ellipsis where something is missing."""
    whole = text.replace("\r\n", "\n").rstrip("\n")
    kept = "\n".join(whole.split("\n", lines)[:lines])[:characters]
    return kept if len(kept) == len(whole) else f"{kept.rstrip()}…"


def count(number: int) -> str:
    """``60000`` as ``60,000``."""
    return f"{number:,}"


def share(value: float | None) -> str:
    """A share as a decimal with three places, more where they are all nines."""
    if value is None:
        return "–"
    return f"{value:.4f}" if 0.999 <= value < 1.0 else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A share as a percentage with about three significant digits; never rounded to 0 or 100 %."""
    if value is None:
        return "–"
    points = 100.0 * value
    if points in {0.0, 100.0}:
        return f"{points:.0f} %"
    if points < 0.01:
        return "< 0.01 %"
    if points > 99.99:
        return "> 99.99 %"
    digits = 2 if points < 1.0 or points >= 99.0 else 1
    return f"{points:.{digits}f} %"


def score(value: float) -> str:
    """A score with four significant digits and a true minus sign."""
    return f"{value:#.4g}".rstrip(".").replace("-", "−")


def signed(value: float) -> str:
    """A score that always shows its sign."""
    return f"+{score(value)}" if value > 0 else score(value)


def signed_percent(value: float) -> str:
    """A share between -1 and 1 that shows its sign, unless it is all but 0."""
    text = percent(abs(value))
    return text if abs(value) < 1e-4 else f"{'+' if value > 0 else '−'}{text}"


def exponent(log10_p: float) -> str:
    """The exponent of a p-value as a power of ten; of large ones a digit more: levels are there."""
    digits = 2 if log10_p > -4.0 else 1
    rounded = round(log10_p, digits)
    return f"{rounded:.{digits}f}" if rounded else "0"


def chance(log10_p: float) -> str:
    """A p-value as a decimal above 0.001, as a power of ten below; a digit more near levels."""
    power = exponent(log10_p)
    if power == "0":
        return "1"
    if log10_p <= -3.0:
        return f"10^{power}"
    value = 10.0**log10_p
    return f"{value:.2g}" if value > 0.2 else f"{value:.3g}"


def effect(value: float) -> str:
    """The effect of an audit with two significant digits and a true minus sign."""
    return f"{float(f'{value:.2g}'):g}".replace("-", "−")


def seconds(value: float) -> str:
    """A duration: seconds below two minutes, then minutes, then hours."""
    if value < 120.0:
        return f"{value:.1f} s"
    return f"{value / 60.0:.1f} min" if value < 7200.0 else f"{value / 3600.0:.1f} h"
