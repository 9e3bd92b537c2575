r"""The words and signs around answers, as patterns.

They are what is commonly written, first of all in English, and no grammar: the table of phrasings
in `tests/server/practice/verifiers/phrasings/` shows what they are for.
"""

from __future__ import annotations

import re

_ANY_CASE = re.IGNORECASE


def _one_of(words: str) -> str:
    """A pattern for one of these, which are separated by bars over several lines."""
    return "|".join(word.strip() for word in words.split("|"))


# "Answer:", "The answer to it is", "**Answer**" as a heading, and the like in other languages

_ANSWER = _one_of(
    r"""\banswers?\b | \bantwort(?:en)?\b | \br[ée]ponses?\b | \brespuestas?\b | \brisposta\b
    | \bresposta\b | \bantwoord\b
    | \b\u043e\u0442\u0432\u0435\u0442\b | 答案 | 答え | 回答 | 정답"""
)
_IS = _one_of(
    r"""is | are | was | be | equals | comes? (?:out )?to | becomes | ist | lautet | est | es | è
    | é | será | \u0431\u0443\u0434\u0435\u0442"""
)
_EMPHASIS = r"[*_`\"]*"
_ASIDE = r"(?:[ \t]*\([^()\n]{0,40}\)|[ \t]+(?:finale?|correct[ae]?|richtige?))?"
ANSWER_LINE = re.compile(
    r"(?<!\bwrong )(?<!\bincorrect )"
    r"(?<!\bif )(?<!\bif the )(?<!\bif your )(?<!\bwhether the )(?<!\bverify the )"
    rf"(?:{_ANSWER}){_EMPHASIS}{_ASIDE}{_EMPHASIS}[ \t]*"
    r"(?:"
    r"(?:[:\uff1a=\u2192|\u3011\]]|[-=]>|[-\u2013\u2014](?=[ \t]))+"  # a sign
    rf"|(?P<lead>(?:[^\s.:\uff1a=!?|]{{1,40}}[ \t]+){{0,8}}?)"  # or up to eight words and a verb
    rf"(?:{_IS})(?:(?P<not>n['\u2019]t)\b|\b)(?:[ \t]*[:\uff1a])?"
    r"|(?P<no>\u5e76?[\u4e0d\u975e])?[\u662f\u4e3a\u70ba\u306f][:\uff1a]?"  # or a Chinese one
    r"|(?=[ \t#*_`]*\n)"  # or nothing more, as a heading
    rf"){_EMPHASIS}[ \t]*"
    # it may stand on the next line, as a formula, in a block of code, a list or a table
    r"(?:[ \t#*_`]*\n\s*(?:\|[-:| ]+\n\s*)?"
    r"(?:```\w*\n\s*|\\\[\s*|\$\$\s*)?(?:[->*+]\s+)*)?(?P<said>[^\n]*)",
    _ANY_CASE,
)
HASHES = re.compile(r"^####[ \t]*(?P<said>[-+$\\\d.][^\n]*)\s*\Z", re.MULTILINE)
IS_THE_ANSWER = re.compile(
    r"(?:^|(?<=[.!?:]\s))(?P<said>[^\n.:]{1,200}?)\s+(?:is|are|was)\s+(?:the|my|our)\s+"
    r"(?:(?:final|correct|right|only|desired|required)\s+){0,2}answers?\b",
    re.MULTILINE | _ANY_CASE,
)

# Denials: what an answer is not, or that there is none

DENIES_VERB = re.compile(
    r"(?:\bnot|n['\u2019]t|\bnever|\bno|\bnon|\bcannot|\bnão|\bne|\u4e0d)"
    r"(?:\s+(?:think|believe|say|guess)(?:\s+that)?)?\s*$",
    _ANY_CASE,
)
_NOT = (
    r"(?:"
    + _one_of(
        r"""not | anything but | (?:every|any)thing except | never | no longer | neither
        | cannot be | can't be | isn't | aren't | wasn't
        | (?:less|more|greater|fewer|smaller|larger|bigger|lower|higher) than
        | nicht | niet | kein\w* | n'est pas | pas | no es | no(?=\s[-$\\]*\d) | não | non
        | \u043d\u0435"""
    )
    + r")\b|\u4e0d\u662f|\u5e76\u975e"
)
DENIED = re.compile(
    rf"\s*(?:{_NOT}"
    r"|(?:one|you|some|many|people) (?:may|might|could|would) (?:think|guess|expect|assume|say)\b"
    # it stands elsewhere
    r"|(?:(?:see|refer to|in) )+(?:the )?(?:question|step|section|part|table|equation|figure)\b)",
    _ANY_CASE,
)
SUPPOSES = re.compile(  # "one might think the answer is"
    r"\b(?:may|might|could|would) (?:think|guess|expect|assume|say)(?: that)?"
    r"(?: (?:the|its?))?\s*$",
    _ANY_CASE,
)
ASKS = re.compile(
    r"\W*(?:question\b|(?:is|are|was|were|do|does|did|can|could|who|what|which|where|when|how|why)\b"
    r")[^?]*\?\W*$",
    _ANY_CASE,
)
NOT_BUT = re.compile(  # "not 5 but 4"
    rf"\s*(?:{_NOT})\s+[^\n]{{1,80}}?(?:[,;:.\u2013\u2014-]+\s*|\s+)"
    r"(?:but|rather|instead|it is|it's|sondern|mais|sino)(?:\s+rather)?[:,]?\s+(?P<said>.+)",
    _ANY_CASE | re.DOTALL,
)
BUT_BEHIND = re.compile(
    r"[^\n]{1,80}?(?:\u3067\u306f\u306a\u304f|\uc774 \uc544\ub2c8\ub77c)[\s,\u3001]*(?P<said>.+)",
    re.DOTALL,
)
_THE_RIGHT = r"the (?:right|correct|actual|true) (?:answer|number|value|result|one)"
BUT_IT_IS = re.compile(  # "4 seems right, but it is 5", "The wrong one is 4; the right one is 5"
    r"[^\n]+[,;]\s+(?:but\s+(?:actually\s+|in fact\s+|really\s+)?"
    rf"(?:it|this|that|the answer|{_THE_RIGHT})|(?:and\s+)?{_THE_RIGHT})"
    r"(?:\s+is|['\u2019]s)\s+(?P<said>[-$*\\(\d].*)",
    _ANY_CASE | re.DOTALL,
)
HEDGED_BUT = re.compile(  # "I am not sure, but I think it is 4"
    r"[^\n]*\b(?:sure|certain|say|tell|know|difficult|hard)\b[^\n]*?,\s+but\s+(?P<said>.+)",
    _ANY_CASE | re.DOTALL,
)
SO_IT_IS = re.compile(  # "between 3 and 5, so 4"
    r"[^\n]+[,;]\s+(?:so|thus|hence|therefore)[\s,]+"
    r"(?:(?:it|that)['\u2019]s |(?:it|the answer) is )?"
    r"(?P<said>[-$*\\(]*(?:\d.*|[a-z]\)?\W*$))",  # or the letter of a choice
    _ANY_CASE | re.DOTALL,
)
REFUTED = re.compile(  # "5 is wrong"
    r"[-$\\(]*\d[^\s]*\)?\$? (?:(?:is|was|would be)"
    r" (?:the wrong|wrong|incorrect|false|impossible|too \w+|not (?:right|correct|possible))"
    r"|(?:does not|doesn['\u2019]t|cannot|can['\u2019]t|will not|won['\u2019]t) (?:work|fit|be))\b",
    _ANY_CASE,
)
_WRONG = _one_of(
    r"""wrong | incorrect | not (?:right|correct) | falsch | faux | incorrecto | errado
    | sbagliato | rejected | discarded | invalid | 错误 | 不对"""
)
REFUTED_BEHIND = re.compile(  # "5 (wrong)", "5, which is wrong", in languages that deny at the end
    rf"[([](?:(?:(?:this|that|it|which|the) )?(?:answer )?(?:is )?)?(?:{_WRONG})[^()\[\]]*[)\]]\W*$"
    r"|\((?:(?:it|this|that) )?(?:should|must) (?:be|have been)\b[^()]*\)\W*$"
    rf"|[\u2013\u2014-]\s(?:{_WRONG})\b"
    rf"|[,;]\s(?:(?:but|and|which|that|this|it|is|was) )*(?:{_WRONG})(?: though)?\W*$"
    r"|^\W*[\u2717\u2718\u274c]|[\u2717\u2718\u274c]\W*$"
    r"|\u3067\u306f(?:\u3042\u308a\u307e\u305b\u3093|\u306a\u3044)\W*$"
    r"|\uc774? ?\uc544\ub2d9\ub2c8\ub2e4\W*$",
    _ANY_CASE,
)
REFUTED_NEXT = re.compile(  # in the next sentence: "That is wrong."
    r"\W*(?:but |however, )?(?:(?:this|that|it)(?: answer)?(?:['\u2019]s| is| was)|is)"
    rf" (?:{_WRONG})\b",
    _ANY_CASE,
)
COPULA = re.compile(r"(?:\u3067\u3059|\u3067\u3042\u308b|\uc785\ub2c8\ub2e4)(?=\W*$)")
REFUTES = re.compile(r"(?:wrong|incorrect|false|impossible|too \w+)\b", _ANY_CASE)
GIVES_UP = re.compile(
    r"\b(?:can(?:not|'t)|could(?: not|n't)|unable to|impossible to|do(?: not|n't))\b"
    r"(?=.*?\b(?:determine|solve|answer|say|tell|compute|calculate|know|find|decide|verify|confirm)\b)"
    r"|\b(?:not sure|no idea|unknown|undetermined)\b",
    _ANY_CASE | re.DOTALL,
)
DECLINES = re.compile(  # to answer at all: "I'm sorry, but I can't help with that."
    r"(?P<before>[^\n]{0,80}?)(?:"
    r"\b(?:i|we)(?:['\u2019]m| am| are)?\s+(?:(?:can(?:not|['\u2019]t| not)|won['\u2019]t|will not"
    r"|unable to|not (?:able|allowed|permitted) to|could(?: not|n['\u2019]t))\s+(?:\w+\s+)?"
    r"(?:help|assist|comply|participate|engage|(?:fulfil+|complete|answer|process|continue with)"
    r" (?:this|that|your|the) (?:\w+ )?request)"
    r"|(?:must|have to|need to|will) (?:respectfully )?(?:decline|refuse)"
    r"|not comfortable)\b"
    r"|\bno puedo ayudar|\bkann ich [^\n]{0,20}nicht (?:weiter)?helfen"
    r"|\bje ne peux pas [^\n]{0,9}aider"
    r"|(?:\u65e0\u6cd5|\u4e0d\u80fd)(?:\u534f\u52a9|\u5e2e\u52a9|\u5e2e\u4f60)"
    r")(?!.*\bbut\b)",
    _ANY_CASE | re.DOTALL,
)
LEAVES_CHOICE = re.compile(
    r"\b(?:or|either|between|else|otherwise|oder|ou|o(?=\s+[-\d])|entre|\u0438\u043b\u0438)\b|\u6216"
    r"|\u307e\u305f\u306f|\ub610\ub294|\bif\b.*\d.*\bif\b",
    _ANY_CASE,
)
_ERROR = (
    r"(?:that|this|it)(?:['\u2019]s| is| was| can['\u2019]?t be| cannot be)?"
    r" (?:wrong|incorrect|(?:not )?right|a mistake)"
)
_BARE = r"(?=[^\s,.;]+(?:\s[^\s,.;]+){0,3}\W*$)"  # a short answer and no more
_GAP = r"[\s,.!:;\u2026\u2013\u2014-]{1,9}"
_NUMERAL = r"(?=[-$\\(*]*\d[^\s]*\W*$)"  # no more than a number
TURNS = re.compile(  # "5. No wait, it should be 6", "A. No, B", "Yes, but actually no"
    r"(?:(?:^(?=no\b)|[.!?\u2026]|[,;\u2013\u2014-]\s|(?<=\d)\s(?=no,? wait\b))\W{0,9}"
    r"(?:(?:oh|oops|hmm+|but|well),?\s+)*"
    r"(?P<strong>no,?\s+wait|(?<=but )actually"
    rf"|(?<=\d[.,;!] ){_ERROR}(?=[,.:;]\s*(?:it|the answer) (?:is|should be)\b)"
    r"|(?<=\? )(?:that (?:can['\u2019]?t|cannot) be right|i doubt (?:it|that))"
    rf"|(?<=[?\u2026] )no\b(?:(?=\W*$)|[\s,:\u2013\u2014-]+{_BARE})"
    r"|(?:no|non|nein|sorry|actually|i mean|i meant|i was wrong|make that"
    r"|edit|on second thought)"
    rf",?[\s:\u2013\u2014-]+{_NUMERAL}"
    r"|actually(?=,?\s+(?:i\b|it(?:['\u2019]s|\s+is|\s+should be)\s+[-$\\(]*\d))"
    r"|(?:wait|hold on|(?<=[.!?] )sorry(?=\W+\w)|correction|scratch that|my mistake|oops)"
    rf"(?=\W{{0,9}}$|{_GAP}(?:(?:no|it|that|this|the|i|\d+)\b|[^\s.]+\W{{0,9}}$)))"
    r"|^(?:[^\s,.;!?]+\s+){0,2}[^\s,.;!?]+[.,;!\u2013\u2014]\s+no(?=,))"
    rf"(?:{_GAP}(?:no(?=\W{{1,9}}\w)|wait|actually|sorry|correction|{_ERROR})\b)*"
    rf"(?:{_GAP})?(?P<said>.*)",
    _ANY_CASE | re.DOTALL,
)
TAKEN_BACK_LATER = re.compile(  # behind an answer that is marked
    r"[\s*_.,;:!$)\]}\\]*(?:(?:oh|hmm+),? )?(?:no,? )?"
    r"(?:(?:wait|hold on|oops|correction|scratch that|sorry|edit:)\b|no, (?=[-$\\(]*\d)"
    rf"|actually,? (?:it|the answer)\b|{REFUTED_NEXT.pattern}).*",
    _ANY_CASE | re.DOTALL,
)
RESTATES = re.compile(  # what may stand behind that for another answer
    r"(?:(?:it|that|this|the answer) (?:is|should be|must be|has to be)|(?:it|that)['\u2019]s"
    r"|i mean|make (?:it|that)|rather)[\s:,]+",
    _ANY_CASE,
)
TAKES_BACK = re.compile(r"\b(?:wait|no,|actually|sorry|correction|mistake|wrong)", _ANY_CASE)

# What leads to the answer in its sentence

LEAD = re.compile(
    r"(?:"
    + _one_of(
        r"""so | thus | therefore | hence | then | and | simply | clearly | just | indeed | exactly
        | precisely | obviously | of course | in fact | finally | consequently | equal to | equals
        | approximately | about | roughly | around | circa | rund | etwa | environ | at
        | in(?! conclusion| summary| short| the end) | on
        | by | called | named | it is
        | it's | that is | donc | daher | also | por lo tanto | entonces"""
    )
    + r")\b[\s,:]+|ca\.?\s+|the (?:city|town|country|state|year) (?:of )?"
    r"|known as |in (?:conclusion|summary|short|the end), "
    r"|(?:yes|no|well|sure|okay|[a-z]+ly|of course), "
    r"|i (?:believe|think|guess|suspect|would say|'d say)\b(?: that\b)?\s*"
    r"|[\u2248=~\u2192\u21d2]>?\s*",
    _ANY_CASE,
)
SUBORDINATE = re.compile(  # "Since 12 - 3 = 9, "
    r"(?:as|since|because|when|if|given|after|while|although|though|based on"
    r"|according to|looking at|rounded|rounding|from|with|of|in|using|by)\b[^\n]{3,200}?,\s+(?=\S)",
    _ANY_CASE,
)
STATES = re.compile(
    r"(?:\b(?:"
    + _one_of(
        r"""is | are | was | were | be | equals | has | have | had | gets? | makes? | gives?
        | leaves? | needs? | costs? | say | choose | chose | pick | select | (?:go|went) with
        | (?:it|that|this|he|she)['\u2019]s | ist | sind | est | sont | es | son | hat | beträgt
        | lautet | (?:take|earn|pay|buy|spend|receive|contain|hold|use|count|obtain|yield)(?:s|ed)?
        | (?:find|require|produce|remain)s? | took | paid | bought | spent | held | found"""
    )
    + r")\b|[=\u2248\u2192\u662f\u4e3a\u9009\u9078]|->|:(?=\s))\s*",
    _ANY_CASE,
)

# What explains it, behind it

_BECAUSE = _one_of(
    r"""because | since | given that | rather than | instead of | i\.e\. | so that
    | as (?:shown|we|can|it|the|expected|required|desired|claimed|above|stated|given|found)
    | weil | denn | parce que | puisque | porque | ya que"""
)
_CLAUSE = _one_of(
    r"""as | which | who | whose | where | whereas | while | given | due to | thanks to | so
    | but not | e\.g\. | namely | obtained | after | when | if | assuming | for | da | nicht | car
    | et non | pues | no | the | an? | in | at | on | by | with | it | this | that | these | we | i
    | they | he | she | you | let | hence | thus | therefore"""
)
EXPLANATION = re.compile(
    rf"\s*[,;\u2013\u2014-]?\s+(?:{_BECAUSE})(?!\w).*"
    r"|,?\s+or\s+(?:about|approximately|roughly|around|[\u2248~])(?!\w).*"
    r"|(?<!\bis)(?<!\bare)(?<!\bwas)(?<!\bbe)(?:\s*[,;\u2013\u2014-])?\s+(?:and )?not\b.*"
    r"|,\s+(?:obviously|clearly|certainly|indeed|of course|for sure)\W*$"
    rf"|\s*[,;]\s+(?:and |but )?(?:{_CLAUSE}|{_BECAUSE})(?!\w)(?=\s\w).*"
    r"|\s+[\u2013\u2014-]\s+(?:the|it|this|that|we|so|i|let|he|she)\b.*"
    r"|\s*;\s(?=.*[A-Za-z]{3}).*"
    r"|\s*[\uff0c\uff08](?:因为|因為|即|也就是).*"
    # in brackets: words, the working, years
    r"|(?<=\S)\s+\((?:(?![^()]*\\)[^()]*[A-Za-z=]{2,}|[=\u2248]|\d{3,4})[^()]*\)[\s.]*$",
    _ANY_CASE | re.DOTALL,
)

# Sentences, and what they are there for

SENTENCE_END = re.compile(
    r"(?<!\b[A-Za-z]\.)(?<!\b[A-Z][a-z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bca\.)"  # abbreviations
    r"(?<=[.!?])[*_\"\u201d`)]*\s+(?=[A-Z\"\u201c*($\\\d\u00c0-\u024f\u0400-\u04ff])"
    r"|(?<=[\u3002\uff01\uff1f])(?=.)|\n+"
)
CLOSES = re.compile(
    _one_of(
        r"""let me know | i hope | i'm happy | hope (?:this|that|it) | feel free | please | thank
        | if you (?:have|need|want|would|'d) | good luck | is there anything | would you | do you
        | have a (?:nice|great) | happy to | glad | you'?re welcome | cheers | best regards
        | confidence | done\b | \W*\\(?:blacksquare|square|qed)\b
        | \\(?:begin|end)\{[a-z]+\*?\}\s*$ | q\.?e\.?d | \W*$"""
    ),
    _ANY_CASE,
)
OPENS_REASONS = re.compile(
    r"\W*(?:"
    + _one_of(
        r"""this | that | these | because | since | explanation | reason | here | let | note | hope
        | i | we | the reason | to (?:see|get|find|solve|calculate) | as | if | step | working
        | proof | check | verification | calculation | feel | she | he | they | its | her | his
        | there (?:is|are)"""
    )
    + r")\b",
    _ANY_CASE,
)
CONCLUDES = re.compile(
    r"\W*(?:so|thus|therefore|hence|that makes|in total)\b|(?!because|since|as )[^\n]*=", _ANY_CASE
)

# Marks and wrappers

HYPHENS = str.maketrans("\u2010\u2011", "--")
SUBSCRIPT = re.compile("(?<=\\d)[\u2080-\u2089]+")
SUPERSCRIPT = re.compile("[\u207a\u207b]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")
SUPERSCRIPTS = str.maketrans(
    "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b\u207a", "0123456789-+"
)

COMMAND = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|boldsymbol|bm|mbox|operatorname"
    r"|emph|underline)\s*\{([^{}]*)\}"
)
EMPHASISED = re.compile(r"(?<![\w)*_`])([*_`]{1,3})(?=[^\s*_`])([^\n]+?)(?<=\S)\1(?![\w*_`])")
_SYMBOL = r"[\s\u2600-\u27bf\ufe0f\U0001f300-\U0001faff]+"
SYMBOLS = re.compile(rf"^{_SYMBOL}|{_SYMBOL}$")
SPACING = re.compile(
    r"\\(?:left|right|displaystyle|q?quad|[bB]ig[lr]?)(?![a-zA-Z])|(?<!\\)\\[,;:! ]|(?<!\\)~"
)
TAG = re.compile(
    r"</?(?:b|strong|i|em|u|code|pre|p|span|br|mark)\b[^<>]{0,80}>|~~[^~\n]+~~", _ANY_CASE
)
WRAPPED = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"\$\$?((?:[^$\\]|\\.)+)\$?\$",
        r"\\\(((?:(?!\\[()]).)+)\\\)",
        r"\\\[((?:(?!\\[\[\]]).)+)\\\]",
        r"\\(?:boxed|fbox)\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}",
        r"```[\w-]*\n(.*?)\n?```",
    )
)
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d"
LEFT_EDGE = f" \t\r\n{_QUOTES}*_|,:;#"
RIGHT_EDGE = f" \t\r\n{_QUOTES}*_|,:;#.?\u3002\uff0c\uff01\uff1f\uff1b\uff1a\\"
SIGNED = re.compile(r"((?<!\w)[A-Za-z]\*|\w#+)(?:\*\*)?$")  # A*, C# and not a mark
EXCLAIMED = re.compile(r"(?<=[^\W\d_]{2})!+$")  # and not 5!
BULLET = re.compile(r"[-+>\u2022]\s+(?=[^\W\d_]{2})")  # and not - 5
