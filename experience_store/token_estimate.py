"""Estimates the tokens of a text, offline.

A tokenizer's vocabulary is megabytes to download and hold in memory, and its count is right for one
model family only. But modern vocabularies split text in much the same places: a word with the space
before it, up to three digits, a run of punctuation, a run of white space; long words and words
without a space are split further. One regular expression splits like that, and the number of its
matches is the estimate.
"""

from __future__ import annotations

import re
from functools import cache

_PUNCTUATION = r"!-/:-@\[-`{-~"
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_ACCENTED = "\u00c0-\u024f\u1e00-\u1eff"

# The lengths are fitted to o200k_base: longer pieces are more than one token on average.
_ASCII_PIECES = (
    r" [A-Za-z][a-z]{0,10}(?:'[a-z]{1,2})?"  # a word after a space
    rf"|[{_PUNCTUATION}][A-Za-z][a-z]{{0,4}}"  # a word right after punctuation
    r"|[A-Za-z][a-z]{1,7}"  # a word at the start, the rest of a long or a camelCase one
    r"|[A-Z]{1,2}|[a-z]"
    r"|[0-9]{1,3}"
    r"|={4,64}|-{4,64}|_{4,64}|\*{4,64}|#{4,64}"  # rules drawn across a page
    rf"| ?[{_PUNCTUATION}]{{1,3}}[\n/]*"
    r"|\s*\n+|\s+(?!\S)|\s(?![^\W\d_])"
)
_OTHER_PIECES = (
    rf"|[{_CJK}]"
    rf"|\s?[{_ACCENTED}][a-z{_ACCENTED}]?"
    rf"|\s?[^\W\d_A-Za-z{_ACCENTED}{_CJK}]{{1,4}}"  # other alphabets
)
_ASCII_PIECE = re.compile(rf"{_ASCII_PIECES}|\S")
_SENTENCE_ENDS = ("\n", ". ", "? ", "! ", "。")
_CUT = "…"


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text, erring on the high side.

    Compared with o200k_base on 1.6 million tokens: error of the sum by kind of text, and mean
    error of single texts of at least 30 tokens.

    | text | sum | mean error |
    |---|---|---|
    | English tasks, chat (tau-bench) | +5.6 % | 5.8 % |
    | JSON, tool calls and results (tau-bench) | +4.3 % | 4.4 % |
    | LaTeX and the reasoning around it (AIME) | -1.1 % | 4.8 % |
    | long reasoning without LaTeX (KORGym) | +1.4 % | 3.6 % |
    | scientific abstracts (Cranfield) | +0.2 % | 3.0 % |
    | Python and TypeScript | +5.3 % | 4.4 % |
    | Markdown, shell output | +0.5 % | 2.9 % |
    | all of the above | +1.8 % | 4.1 % |
    | Chinese, Japanese, Korean | +5.4 % | 6.0 % |
    | Russian, Turkish | +11 % | 11 % |
    | Spanish, French, German, Polish, Ukrainian, Greek | -10 % | 10 % |

    Worst: Vietnamese +37 %, base64 -17 %, traditional Chinese -31 % (four short texts). Speed:
    20 MB/s, or 10 MB/s with non-ASCII letters.
    """
    pieces = _piece(text).subn("", text)[1]  # faster than a list of matches
    cjk = 0 if text.isascii() else len(_cjk_character().findall(text))
    return _tokens(pieces, cjk)


def clip_to_tokens(text: str, limit: int) -> str:
    """The longest start of a text that fits, cut at a line, sentence or word, with '…'.

    Args:
        text: The text; returned unchanged if it fits.
        limit: Maximum estimated tokens, including '…'.
    """
    if limit < 1:
        return ""
    if estimate_tokens(text) <= limit:
        return text
    return text[: _boundary(text, _end_within(text, limit - 1))].rstrip() + _CUT


def _piece(text: str) -> re.Pattern[str]:
    return _ASCII_PIECE if text.isascii() else _any_piece()


@cache
def _any_piece() -> re.Pattern[str]:
    """Compiled when first needed: large character sets take milliseconds of a cold start."""
    return re.compile(rf"{_ASCII_PIECES}{_OTHER_PIECES}|\S")


@cache
def _cjk_character() -> re.Pattern[str]:
    return re.compile(f"[{_CJK}]")


def _tokens(pieces: int, cjk: int) -> int:
    """The estimate: four per cent over the pieces, CJK characters at seven tenths of a token."""
    return pieces + pieces // 25 - cjk * 3 // 10


def _end_within(text: str, limit: int) -> int:
    """The end of the last piece within the limit."""
    is_cjk = None if text.isascii() else _cjk_character().match
    end = cjk = 0
    for pieces, match in enumerate(_piece(text).finditer(text), start=1):
        cjk += is_cjk is not None and is_cjk(text, match.start()) is not None
        # Counted with '…' as one more piece, which may add to the four per cent.
        if _tokens(pieces + 1, cjk) - 1 > limit:
            break
        end = match.end()
    return end


def _boundary(text: str, end: int) -> int:
    """The last line or sentence end in the last tenth before `end`, or word end in the last half.

    Text with neither (a long number, Chinese without punctuation) is cut at `end` itself.
    """
    start = end * 9 // 10
    sentence = max(text.rfind(mark, start, end) + len(mark.strip()) for mark in _SENTENCE_ENDS)
    if sentence > start:
        return sentence
    if text[end : end + 1].isspace():
        return end
    word = text.rfind(" ", end // 2, end)
    return word if word > 0 else end
