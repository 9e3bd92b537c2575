"""What an answer says without the words, marks and signs around it.

"**therefore 4 apples**, because …" says "4 apples". Nothing here knows the right answer: a text is
cut down in the same way whatever it says, to the sentence that concludes it and to what that
states; and what is denied ("not 4") stays so. The words are in `answer_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.practice.verifiers import answer_words as words
from server.practice.verifiers.answer_extraction import MAX_SEARCHED, find_answer

MAX_LEADS = 8  # words and clauses before an answer: "So, therefore, "
MAX_VERBS = 20
MAX_TURNS = 4
MAX_SIGNED = 12  # characters of a name with signs at its end
MAX_STATED = 4_000  # characters of one that are looked at
MAX_DECLINED = 300  # characters of an answer that does no more than decline
MAX_BARE = 6  # words of an answer that is no sentence


def unwrapped(text: str) -> str:
    """The text without quotes, emphasis, wrappers and punctuation at its ends."""
    if len(text) > MAX_SEARCHED:
        return text.strip()
    text = words.SPACING.sub(
        lambda match: "" if match[0] == r"\!" else " ", words.TAG.sub("", text)
    )
    for _ in range(8):
        before = text
        text = words.EMPHASISED.sub(r"\2", words.COMMAND.sub(r"\1", text))
        text = words.EXCLAIMED.sub("", words.SYMBOLS.sub("", text))
        text = without_edges(text, words.LEFT_EDGE, words.RIGHT_EDGE)
        if bullet := words.BULLET.match(text):
            text = text[bullet.end() :]
        for pattern in words.WRAPPED:
            if found := pattern.fullmatch(text):
                text = found[1].strip()
        if text == before:
            break
    return text


def without_edges(text: str, left: str, right: str) -> str:
    """The text without these characters at its ends, unless they belong to it: C#, A*, _x."""
    start, end = 0, len(text)
    while end and text[end - 1] in right:
        if signed := words.SIGNED.search(text, max(0, end - MAX_SIGNED), end):
            end = signed.end(1)
            break
        run = 1 if text[end - 1] != "*" else end - len(text[:end].rstrip("*"))
        end -= run
    while start < end and text[start] in left:
        if (
            text[start] == "_"
            and text[start + 1 : start + 2].isalnum()
            and text[start - 1 : start] != "_"
        ):
            break
        start += 1
    return text[start:end]


def stated(text: str) -> str:
    """What an answer states: the first sentence, without what leads to it or explains it.

    If it takes itself back, it is the first sentence after that.
    """
    sentence, *rest = words.SENTENCE_END.split(corrected(text.strip())[:MAX_STATED], maxsplit=1)
    refuted = words.REFUTED_BEHIND.search(sentence) or words.REFUTED_NEXT.match("".join(rest))
    if refuted or words.ASKS.match(sentence):
        return f"not {sentence}"
    text = unwrapped(words.COPULA.sub("", sentence))
    for pattern in (
        words.NOT_BUT,
        words.BUT_BEHIND,
        words.HEDGED_BUT,
        words.BUT_IT_IS,
        words.SO_IT_IS,
    ):
        if turned := pattern.match(text):
            text = turned["said"]
    if denies(text):
        return text
    text = _without_lead(text)
    return _without_lead(unwrapped(words.EXPLANATION.sub("", text, count=1) or text))


def _without_lead(text: str) -> str:
    for _ in range(MAX_LEADS):
        lead = words.LEAD.match(text) or words.SUBORDINATE.match(text)
        if lead is None:
            break
        text = unwrapped(text[lead.end() :])
    return text


def denies(text: str) -> bool:
    """Whether a text says only what the answer is not, or that there is none."""
    return bool(
        words.DENIED.match(text) or words.REFUTED.match(text) or words.GIVES_UP.search(text)
    )


def declines(text: str) -> bool:
    """Whether a text does no more than decline to answer ("I can't help with that").

    That the model could not find the answer is an answer, if a wrong one.
    """
    said = text.strip()
    return (
        len(said) <= MAX_DECLINED
        and words.DECLINES.match(said) is not None
        and not re.search(r"\d", said)
        and find_answer(said) is None
    )


def corrected(text: str) -> str:
    """What an answer says in the end, where it takes itself back: "5. No wait, it is 6"."""
    for _ in range(MAX_TURNS):
        turn = words.TURNS.search(text[:MAX_STATED])
        if turn is None:
            break
        said = turn["said"]
        restated = words.RESTATES.match(said)
        said = said[restated.end() :] if restated else said
        if not (restated or re.match(r"[-$\\(*]*\d", said)) and (
            len(said.split()) > MAX_BARE or words.STATES.search(said)
        ):
            ending = conclusion(said)
            if concluded := words.SO_IT_IS.match(ending):
                said = concluded["said"]
            elif words.CONCLUDES.match(ending) and words.STATES.search(ending):
                said = ending
            else:
                break  # a remark
        if not said.strip(" .!"):
            return f"not {text[: turn.start()] or text}" if turn["strong"] else text
        text = said
    return text


def conclusion(text: str) -> str:
    """The sentence of a text without marks that gives the answer.

    The last one, without polite endings; the first if all others explain it.
    """
    sentences = [
        s for s in words.SENTENCE_END.split(text.strip()[-MAX_SEARCHED:]) if s.strip("` \n")
    ]
    telling = [s for s in sentences if not words.CLOSES.match(s.strip())]
    if not telling:
        return text.strip()
    first, *rest = telling
    said = first if rest and _explain(rest, first.strip()) else telling[-1]
    return said.rstrip().rstrip("!") if re.search(r"[^\W\d_]{2}", said) else said


def _explain(rest: list[str], first: str) -> bool:
    """Whether all but the first sentence, which is no whole one, explain it."""
    if (
        len(first.split()) > MAX_BARE
        or first.startswith("#")
        or first.endswith((":", "?"))
        or words.STATES.search(first)
    ):
        return False
    reasons = words.OPENS_REASONS.match(rest[0])
    if not reasons and (re.search(r"\d", first) or not rest[0].startswith("The ")):
        return False
    if words.CONCLUDES.match(rest[-1]):
        return False
    return not words.TAKES_BACK.search(" ".join(rest))


def complement(sentence: str) -> str | None:
    """What follows the last verb or sign that states something: "x = 4" and "It is 4" say 4."""
    return next(complements(sentence), None)


def complements(sentence: str) -> Iterator[str]:
    """What follows each verb or sign that states something, from the last to the first."""
    for verb in reversed(list(words.STATES.finditer(sentence))[-MAX_VERBS:]):
        said = stated(sentence[verb.end() :])
        denied = words.DENIES_VERB.search(sentence[: verb.start()])
        yield f"not {said}" if denied else said


def statement(text: str) -> str:
    """The part of a text that gives its answer, with the words around it."""
    return find_answer(text) or conclusion(text)


def readings(text: str) -> Iterator[str]:
    """What an answer may be taken to say, as a whole first, then with less and less around it."""
    found = find_answer(text)
    turned = corrected(found or text)
    if turned != (found or text):
        text = found = turned
    if not found:
        yield unwrapped(text)
    sentence = found or conclusion(text)
    yield unwrapped(sentence)
    said = stated(sentence)
    yield said
    if denies(said) or words.LEAVES_CHOICE.search(said):
        return
    if (shorter := complement(said)) and not denies(shorter):
        yield shorter
