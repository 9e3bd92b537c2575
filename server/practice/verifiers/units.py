"""Units of quantities: which ones a text names, not how they convert.

"5 kilometres" is 5 km, "5 miles" is not. Only the units below are known; whatever else follows a
number ("5 apples") is a word of the task and says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from server.practice.verifiers.answer_words import COMMAND, SPACING, SUPERSCRIPT, SUPERSCRIPTS

# A unit and its symbols, which have to follow a digit; then its names, without accents and plurals.
_TABLE: Final = """
mm    | millimeter millimetre milimetro
cm    | centimeter centimetre zentimeter centimetro
m     | meter metre metro
km    | kilometer kilometre kilometro
inch  | inch inche
ft    | foot feet
yd    | yard
mi    | mile meile
mg    | milligram
g     | gram gramme gramm
kg    | kilogram kilogramme kilogramm kilo
ton   | ton tonne
lb    | pound
oz    | ounce
ms    | millisecond
s sec | second seconde sekunde segundo
min   | minute minuto
h hr  | hour heure stunde hora
day   | day jour tag tage dia
week  | week semaine woche semana
month | month monat monate mes mese
yr    | year jahr jahre annee ano
ml mL | milliliter millilitre
l L   | liter litre litro
J     | joule
kJ    | kilojoule
N     | newton
W     | watt
kW    | kilowatt
V     | volt
A     | ampere amp
Hz    | hertz
Pa    | pascal
mol   | mole
kelvin | kelvin
\u00b0C    | celsius
\u00b0F    | fahrenheit
%     | percent prozent
\u2030     | permille
$     | dollar usd
\u20ac     | euro eur
\u00a3     | pound gbp sterling
\u00a5     | yen jpy yuan cny rmb
\u20b9     | rupee inr
cent  | cent
"""
_ROWS: Final = [row.split("|") for row in _TABLE.strip().splitlines()]
_SYMBOLS: Final = {symbol: row[0].split()[0] for row in _ROWS for symbol in row[0].split()} | {
    "kph": "km/h",
    "kmh": "km/h",
    "mph": "mi/h",
}
_POWER = r"(?:\s?\^\s?\{?(?P<%s>[23])\}?)?"
_QUANTITY = re.compile(r"(?P<amount>.*\d)\s?(?P<unit>(?:[^\s\d]+\s?){1,3})", re.DOTALL)
_UNIT = re.compile(
    r"(?P<behind>(?<=\d)[\s-]?)?(?P<whole>(?:square|cubic|sq\.?)\s)?"
    rf"(?P<unit>\u00b0[CF]\b|[%\u2030$\u20ac\u00a3\u00a5\u20b9]|[^\W\d_]+){_POWER % 'power'}"
    rf"(?:\s?(?:/|per\s)\s?(?P<per>[^\W\d_]+){_POWER % 'per_power'})?"
)


def units(text: str) -> frozenset[str]:
    """The units that a text names, each in one way of writing; both of an ambiguous one."""
    if text.count("$") - text.count(r"\$") > 1:  # around formulas
        text = re.sub(r"(?<!\\)\$", "", text)
    text = SPACING.sub(" ", COMMAND.sub(r" \1 ", text)).replace("\\", "")
    text = SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(SUPERSCRIPTS), text)
    text = re.sub(r"\bsquared\b", "^2", text)
    text = re.sub(r"\bdegrees? (?=[CF]\b)", "\u00b0", text)
    text = re.sub(r"\bper (?=cent\b|mille\b)", "per", unicodedata.normalize("NFD", text))
    text = re.sub(r"[\u0300-\u036f]|(?<=\d)\s+(?=\S)", lambda m: " " * m[0].isspace(), text)
    return frozenset(unit for match in _UNIT.finditer(text) for unit in _named(match))


def quantity(text: str) -> tuple[str, frozenset[str]] | None:
    """The amount and the unit of a text that is no more than both."""
    found = _QUANTITY.fullmatch(text.strip())
    named = units(f"1 {found['unit']}") if found else None
    return (found["amount"], named) if found and named else None


def is_unit(text: str) -> bool:
    """Whether a text behind a number is no more than its unit."""
    return len(text.split()) == 1 and bool(units(f"1 {text}"))


def _named(match: re.Match[str]) -> set[str]:
    symbol = match["behind"] is not None or not match["unit"].isalpha()
    found = _known(match["unit"], symbol=symbol)
    power = {"s": "2", "c": "3"}.get((match["whole"] or "")[:1]) or match["power"] or ""
    below = ""
    if match["per"]:
        known = _known(match["per"], symbol=True)
        below = f"/{min(known, default=match['per'])}{match['per_power'] or ''}"
    return {f"{unit}{power}{below}" for unit in found}


def _known(word: str, *, symbol: bool) -> set[str]:
    forms = {word, word.removesuffix("s")} if len(word) > len("ms") else {word}
    if symbol and (named := {_SYMBOLS[form] for form in forms if form in _SYMBOLS}):
        return named
    folded = word.lower()
    names = {folded, folded.removesuffix("s"), folded.removesuffix("n")}
    return {row[0].split()[0] for row in _ROWS if names & set(row[1].split())}
