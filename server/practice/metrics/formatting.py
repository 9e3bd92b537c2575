"""Figures as people read them."""

from __future__ import annotations

from server.practice.metrics.estimates import Estimate, Interval, SignFlip

NONE = "\N{EN DASH}"
ARROW = "\N{RIGHTWARDS ARROW}"
MINUS = "\N{MINUS SIGN}"
_DECIMALS = ((1000.0, 0), (100.0, 1), (1.0, 2), (0.001, 3))


def number(value: float | None, *, signed: bool = False) -> str:
    """`0.583`, `12.30`, `1,234`; with a sign if asked for."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    size = abs(value)
    decimals = next((d for least, d in _DECIMALS if size >= least), None)
    text = f"{size:.2g}" if decimals is None or size >= 1e15 else f"{size:,.{decimals}f}"  # noqa: PLR2004  # digits nobody reads
    plus = "+" if signed else ""
    return f"{MINUS if value < 0 else plus}{text}"


def interval(found: Interval | None, *, signed: bool = False) -> str:
    """`0.31 to 0.53`; "no interval" if there is none."""
    if found is None:
        return "no interval"
    return f"{number(found.low, signed=signed)} to {number(found.high, signed=signed)}"


def estimate(found: Estimate | None, *, signed: bool = False) -> str:
    """`0.420 (0.310 to 0.530)`."""
    if found is None:
        return NONE
    value = number(found.value, signed=signed)
    return f"{value} ({interval(found.interval, signed=signed)})"


def p_value(test: SignFlip) -> str:
    """`p = 0.031`; never 0."""
    least = 0.001
    return f"p = {test.p:.3f}" if test.p >= least else "p < 0.001"


def money(cost: float | None) -> str:
    """A cost in the currency of the prices."""
    if cost is None:
        return NONE
    if cost == 0:
        return "0"
    return f"{cost:,.2f}" if cost >= 1 else f"{cost:.4f}" if cost >= 0.0001 else f"{cost:.1e}"  # noqa: PLR2004  # digits people read
