r"""What an answer says without the words, marks and signs around it.

"**therefore 4 apples**, because …" says "4 apples". Nothing here knows the right answer, and nothing
looks for it: a text is cut down in the same way whatever it says, to its last sentence and to the
clause that states something, and denials ("not 4") stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.practice.verifiers.answer_extraction import DENIES_VERB, MAX_SEARCHED, find_answer

MAX_BARE = 6  # words of an answer that is no sentence

_COMMANDS = (
    r"text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|boldsymbol|bm|mbox|operatorname"
    r"|emph|underline"
)
_COMMAND = re.compile(rf"\\(?:{_COMMANDS})\s*\{{([^{{}}]*)\}}")
_EMPHASISED = re.compile(r"(?<![\w)*_`])([*_`]{1,3})(?=[^\s*_`])([^\n]+?)(?<=\S)\1(?![\w*_`])")
_SYMBOLS = re.compile(
    r"^[\s\u2600-\u27bf\ufe0f\U0001f300-\U0001faff]+|[\s\u2600-\u27bf\ufe0f\U0001f300-\U0001faff]+$"
)
_SPACING = re.compile(
    r"\\(?:left|right|displaystyle|q?quad|big[lr]?|Big[lr]?)(?![a-zA-Z])|\\[,;:!](?!\S*\\\])|(?<!\\)~"
)
_TAG = re.compile(r"</?(?:b|strong|i|em|u|code|pre|p|span|br|mark)\b[^<>]{0,80}>", re.IGNORECASE)
_WRAPPED = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"\$\$?((?:[^$\\]|\\.)+)\$?\$",
        r"\\\(((?:(?!\\[()]).)+)\\\)",
        r"\\\[((?:(?!\\[\[\]]).)+)\\\]",
        r"\\(?:boxed|fbox)\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}",
        r"```[\w-]*\n(.*?)\n?```",
    )
)
_LEFT = " \t\r\n\"'`*_|\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d,:;>#"
_RIGHT = f"{_LEFT}.?\u3002\uff0c\uff01\uff1f\uff1b\uff1a\\".replace(">", "")
_EXCLAIMED = re.compile(r"(?<=[^\W\d_]{2})!+$")
_BULLET = re.compile(r"[-+\u2022]\s+(?=[^\W\d_]{2})")
_LEAD = re.compile(
    r"(?:so|thus|therefore|hence|then|and|simply|clearly|just|indeed|exactly|precisely|obviously"
    r"|of course|in fact|finally|consequently|equal to|equals|approximately|about|roughly|around"
    r"|at|in|on|by|called|named|donc|daher|also|por lo tanto|entonces|it is|it's|that is)\b[\s,:]+|[\u2248=~]\s*",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"(?:as|since|because|when|if|given|after|while|although|though)\b[^\n]{3,200}?,\s+(?=\S)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"(?<!\b[A-Za-z]\.)(?<!\b[A-Z][a-z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<=[.!?])[*_\"\u201d`)]*\s+"
    r"(?=[A-Z\"\u201c*($\\\d\u00c0-\u024f\u0400-\u04ff])|(?<=[\u3002\uff01\uff1f])(?=.)|\n+"
)
_EXPLAINS = (
    r"because|since|as|which|who|whose|where|whereas|while|given|due to|thanks to|so|not|but not"
    r"|rather than|instead of|i\.e\.|e\.g\.|namely|obtained|after|when|if|assuming|for"
    r"|weil|denn|da|nicht|parce que|car|puisque|et non|porque|ya que|pues|no"
)
_EXPLANATION = re.compile(
    # a clause that begins with its word, one set off by a comma or a dash, or one in brackets
    r"\s*[,;\u2013\u2014-]?\s+(?:because|since|as (?:shown|we|can|it|the|expected|required|desired"
    r"|claimed|above|stated|given|calculated|found)|given that|rather than|instead of|i\.e\."
    r"|so that|not|weil|denn|parce que|puisque|porque|ya que)\b.*"
    rf"|\s*[,;]\s+(?:(?:and |but )?(?:{_EXPLAINS}|the|an?|in|at|on|by|with|it|this|that|these|we|i"
    r"|they|he|she|you|let|hence|thus|therefore))\b(?=\s\w).*"
    r"|\s+[\u2013\u2014-]\s+(?:the|it|this|that|we|so|i|let|he|she)\b.*"
    r"|\s*;\s(?=.*[A-Za-z]{3}).*|\s+\(\d{3,4}[^()]*\)$"
    r"|\s*[\uff0c\uff08](?:因为|因為|即|也就是).*"
    r"|(?<=\S)\s+\((?![^()]*\\)[^()]*[A-Za-z=]{2,}[^()]*\)[\s.]*$"
    r"|(?<=\S)\s+\([=\u2248][^()]*\)[\s.]*$",
    re.IGNORECASE | re.DOTALL,
)
_NOT = (
    r"(?:not|never|no longer|neither|cannot be|can't be|isn't|aren't|wasn't|nicht|kein\w*|n'est pas"
    r"|(?:less|more|greater|fewer|smaller|larger|bigger|lower|higher) than|pas|no es|n\u00e3o|non|\u043d\u0435)\b|\u4e0d\u662f|\u5e76\u975e"
)
_BUT = re.compile(
    rf"\s*(?:{_NOT})\s+[^\n]{{1,80}}?(?:[,;:.\u2013\u2014-]+\s*|\s+)"
    r"(?:but|rather|instead|it is|it's|sondern|mais|sino)(?:\s+rather)?[:,]?\s+(?P<said>.+)",
    re.IGNORECASE | re.DOTALL,
)
_DENIED = re.compile(rf"\s*(?:{_NOT})", re.IGNORECASE)
_GIVES_UP = re.compile(
    r"\b(?:can(?:not|'t)|could(?: not|n't)|unable to|impossible to|do(?: not|n't)|not sure|no idea)"
    r"\b(?=.*?\b(?:determine|solve|answer|say|tell|compute|calculate|know|find|sure|idea|decide)\b)"
    r"|\b(?:not sure|no idea|unknown|undetermined)\b",
    re.IGNORECASE | re.DOTALL,
)
_VERB = re.compile(
    r"(?:\b(?:is|are|was|were|be|equals|has|have|had|gets?|makes?|gives?|leaves?|needs?|costs?"
    r"|choose|chose|pick|select|(?:go|went) with|(?:it|that|this|he|she)['\u2019]s|ist|sind|est|sont|es|son|hat|beträgt|lautet|\u5e94\u4e3a)\b"
    r"|[=\u2248\u2192\u662f\u4e3a]|->|:(?=\s))\s*",
    re.IGNORECASE,
)
_CLOSES = re.compile(
    r"(?:let me know|i hope|i'm happy|hope (?:this|that|it)|feel free|if you (?:have|need|want|would"
    r"|'d)|please|thank|good luck|is there anything|would you|do you|have a (?:nice|great)|happy to"
    r"|glad|you'?re welcome|cheers|best regards|q\.?e\.?d|\W*$)",
    re.IGNORECASE,
)
_OPENS_REASONS = re.compile(
    r"\W*(?:this|that|these|because|since|explanation|reason|here|let|note|hope|i |we |the reason"
    r"|to (?:see|get|find|solve|calculate)|as |if |step|working|proof|check|verification"
    r"|calculation|feel|she|he|they|its|her|his|there (?:is|are))\b",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\W*(?:so|thus|therefore|hence|that makes|in total)\b|(?!because|since|as )[^\n]*=",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile(r"\b(?:wait|no,|actually|sorry|correction|mistake|wrong|instead)", re.I)


def unwrapped(text: str) -> str:
    """The text without quotes, emphasis, LaTeX's and HTML's wrappers and punctuation at its ends."""
    text = _SPACING.sub(lambda match: "" if match[0] == r"\!" else " ", _TAG.sub("", text))
    for _ in range(8):
        before = text
        text = _EMPHASISED.sub(r"\2", _COMMAND.sub(r"\1", text))
        text = _EXCLAIMED.sub("", _SYMBOLS.sub("", text))
        text = text.lstrip(_LEFT).rstrip(_RIGHT)
        if bullet := _BULLET.match(text):
            text = text[bullet.end() :]
        for pattern in _WRAPPED:
            if found := pattern.fullmatch(text):
                text = found[1].strip()
        if text == before:
            break
    return text


def stated(text: str) -> str:
    """What an answer states: the first sentence, without what leads to it or explains it."""
    text = unwrapped(_SENTENCE_END.split(text.strip(), maxsplit=1)[0])
    if but := _BUT.match(text):
        text = but["said"]
    if denies(text):
        return text
    text = _without_lead(text)
    return _without_lead(unwrapped(_EXPLANATION.sub("", text, count=1) or text))


def _without_lead(text: str) -> str:
    while lead := _LEAD.match(text) or _SUBORDINATE.match(text):
        text = unwrapped(text[lead.end() :])
    return text


def denies(text: str) -> bool:
    """Whether a text says only what the answer is not, or that there is none."""
    return bool(_DENIED.match(text) or _GIVES_UP.search(text))


def conclusion(text: str) -> str:
    """The sentence of a text without marks that gives the answer.

    The last one, without polite endings; the first if all others explain it.
    """
    sentences = [s for s in _SENTENCE_END.split(text.strip()[-MAX_SEARCHED:]) if s.strip("` \n")]
    telling = [s for s in sentences if not _CLOSES.match(s.strip())]
    if not telling:
        return text.strip()
    first, *rest = telling
    said = first if rest and _explain(rest, first.strip()) else telling[-1]
    return said.rstrip().rstrip("!") if re.search(r"[^\W\d_]{2}", said) else said


def _explain(rest: list[str], first: str) -> bool:
    """Whether all but the first sentence, which is no whole one, explain it."""
    if len(first.split()) > MAX_BARE or first.endswith((":", "?")) or _VERB.search(first):
        return False
    if not _OPENS_REASONS.match(rest[0]) or _CONCLUDES.match(rest[-1]):
        return False
    return not _TAKES_BACK.search(" ".join(rest))


def complement(sentence: str) -> str | None:
    """What follows the last verb or sign that states something: "x = 4" and "It is 4" say 4."""
    matches = list(_VERB.finditer(sentence))
    if not matches:
        return None
    said = stated(sentence[matches[-1].end() :])
    return f"not {said}" if DENIES_VERB.search(sentence[: matches[-1].start()]) else said


def readings(text: str) -> Iterator[str]:
    """What an answer may be taken to say, as a whole first, then with less and less around it."""
    yield unwrapped(text)
    found = find_answer(text)
    sentence = found.text if found else conclusion(text)
    yield unwrapped(sentence)
    said = stated(sentence)
    yield said
    if denies(said):
        return
    if (shorter := complement(said)) and not denies(shorter):
        yield shorter
