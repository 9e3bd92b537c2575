"""Days that are written with their month's name: "July 4th, 1776" and "4 July 1776" are the same.

Digits alone (2024-02-29) are a form, which tasks may ask for, and compared as text.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_MONTH = rf"(?:{'|'.join(_MONTHS)})[a-z]*"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = re.compile(
    rf"\b(?:{_MONTH}\.?\s+{_DAY}|{_DAY}\s+(?:of\s+)?{_MONTH}\.?),?\s+\d{{4}}\b", re.IGNORECASE
)
_ASIDE = re.compile(r"\b(?:before|after|since|until|till|from|between|near)\b", re.IGNORECASE)


def whole_date(text: str) -> date | None:
    """The day that a text is as a whole."""
    return _date(text) if _DATE.fullmatch(text.strip()) else None


def stated_date(text: str) -> date | None:
    """The one day that a statement gives; None for a bound ("before …") or several."""
    found = list(_DATE.finditer(text))
    if len(found) != 1 or _ASIDE.search(text[: found[0].start()]):
        return None
    return _date(found[0][0])


def _date(written: str) -> date | None:
    day, year = re.findall(r"\d+", written)
    month = re.search(r"[a-z]{3}", re.sub(r"\d+[a-z]*|\bof\b", "", written.lower()))
    assert month is not None, "the pattern has it"
    try:
        return date(int(year), _MONTHS.index(month[0]) + 1, int(day))
    except ValueError:  # no such day
        return None
