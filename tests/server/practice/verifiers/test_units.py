"""Units and dates, as far as they are known."""

from __future__ import annotations

from datetime import date

from server.practice.verifiers.dates import stated_date, whole_date
from server.practice.verifiers.units import quantity, units

UNITS = {
    "5 km": {"km"},
    "5km": {"km"},
    "five kilometres": {"km"},
    r"5\,\mathrm{km}": {"km"},
    r"$5\text{ km}$": {"km"},
    "5 km/h": {"km/h"},
    "5 km per hour": {"km/h"},
    "5 mph": {"mi/h"},
    "5 square metres": {"m2"},
    "5 m\N{SUPERSCRIPT TWO}": {"m2"},
    "9.8 metres per second squared": {"m/s2"},
    r"9.8\,\text{m/s}^2": {"m/s2"},
    "30 Minuten": {"min"},
    "30 mins": {"min"},
    "$5": {"$"},
    r"\$5": {"$"},
    "EUR 5": {"\N{EURO SIGN}"},
    "5 pounds": {"lb", "\N{POUND SIGN}"},
    "35 per cent": {"%"},
    "35\N{PER MILLE SIGN}": {"\N{PER MILLE SIGN}"},
    "5 apples": set[str](),
    "a man of 5": set[str](),
    "$5$": set[str](),
}


def test_a_unit_is_known_in_its_ways_of_writing() -> None:
    assert {text: set(units(text)) for text in UNITS} == UNITS


def test_a_quantity_is_an_amount_and_a_known_unit() -> None:
    assert quantity("5 km") == ("5", frozenset({"km"}))
    assert quantity("1,250 miles per hour") == ("1,250", frozenset({"mi/h"}))
    assert quantity("5 apples") is None
    assert quantity("about a mile") is None


def test_a_day_is_the_same_however_its_month_is_written() -> None:
    day = date(1776, 7, 4)
    for text in ("July 4, 1776", "Jul 4 1776", "4 July 1776", "4th of July, 1776"):
        assert whole_date(text) == stated_date(f"signed on {text} in a hall") == day
    for text in (
        "before July 4, 1776",
        "July 4, 1776 or July 2, 1776",
        "1776-07-04",
        "July 44, 1776",
    ):
        assert stated_date(text) is None
