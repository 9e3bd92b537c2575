"""Types of options with a number, which refuse what the program could not hold."""

from __future__ import annotations

import math

import click
from typing_extensions import override

LARGEST = 1_000_000_000  # far above any sensible value, and below what a database can hold


class WholeNumber(click.IntRange):
    """A whole number from a smallest one on; help does not show the largest."""

    name = "whole number"  # in errors

    def __init__(self, *, min: int = 0, max: int | None = None) -> None:  # noqa: A002  # click's names
        super().__init__(min, max)

    @override
    def convert(self, value: int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = super().convert(value, param, ctx)
        if number > LARGEST:
            self.fail(f"{number} is more than {LARGEST:,}.", param, ctx)
        return number


class Number(click.FloatRange):
    """A finite number within bounds."""

    name = "number"  # in errors

    @override
    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number
