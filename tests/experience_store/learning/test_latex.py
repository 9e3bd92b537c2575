"""LaTeX in answers: with its backslashes as they were meant, however they were written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from experience_store.learning.answer_json import clean_object, parse_object
from experience_store.learning.latex import restore_text

_COMMANDS = r"""
    \alpha \angle \approx \arctan \bar \begin \beta \big \Big \binom \boldsymbol \boxed \bullet
    \cap \cdot \cdots \choose \circ \cos \cosh \cup \Delta \det \dfrac \div \dots \end \epsilon
    \equiv \exists \fbox \flat \floor \forall \frac \gamma \geq \hat \hline \implies \in \infty
    \int \lambda \ldots \left \leq \lfloor \lim \ln \log \mathbb \mathcal \mathrm \mid \mod \mu
    \nabla \natural \ne \nearrow \neg \neq \newline \nexists \ngeq \ni \nleq \nmid \nolimits
    \nonumber \norm \not \notin \nparallel \nsubseteq \nu \omega \operatorname \over \overline
    \parallel \partial \perp \phi \Phi \pi \pm \pmod \prod \quad \raisebox \rangle \rank \rbrace
    \rceil \ref \rfloor \rho \right \rightarrow \Rightarrow \rm \root \rule \rvert \sim \sin \sqrt
    \subseteq \sum \tag \tan \tanh \tau \tbinom \text \textbf \textit \textrm \tfrac \therefore
    \theta \tilde \times \tiny \to \top \triangle \triangleq \underbrace \underline \unlhd
    \uparrow \varepsilon \vec \wedge \widehat \xi \zeta
"""
COMMANDS = _COMMANDS.split()
PUNCTUATION = [r"\(", r"\)", r"\[", r"\]", r"\{", r"\}", r"\,", r"\;", r"\!", r"\%", r"\_", r"\$"]
PLACES = ["{0} x", "${0} b$", "let a {0} 2, then stop", "(a{0}{{b}}", "first {0}\\pi", "{0}(n)"]


def escaped(text: str) -> str:
    return json.dumps({"operations": [{"text": text}]})


def unescaped(text: str) -> str:
    return '{"operations": [{"text": "' + text + '"}]}'


def text_of(answer: dict[str, Any]) -> str:
    return answer["operations"][0]["text"]


class TestCommands:
    @pytest.mark.parametrize("command", COMMANDS + PUNCTUATION)
    def test_comes_out_as_meant_whether_it_was_escaped_or_not(self, command: str) -> None:
        for place in PLACES:
            meant = place.format(command)
            assert text_of(parse_object(escaped(meant), ["operations"])) == meant
            assert text_of(parse_object(unescaped(meant), ["operations"])) == meant

    @pytest.mark.parametrize("command", COMMANDS)
    def test_comes_out_as_meant_from_malformed_json_too(self, command: str) -> None:
        for place in PLACES:
            meant = place.format(command)
            assert (
                text_of(parse_object(unescaped(meant).replace("}]}", ",}],}"), ["operations"]))
                == meant
            )
            assert (
                text_of(parse_object(escaped(meant).replace("}]}", ",}],}"), ["operations"]))
                == meant
            )

    @pytest.mark.parametrize("command", [c for c in COMMANDS if c[1] in "bfnrt"])
    def test_is_restored_in_an_object_that_is_already_decoded(self, command: str) -> None:
        for place in PLACES:
            meant = place.format(command)
            bent = meant
            for letter, control in zip("bfnrt", "\b\f\n\r\t", strict=True):
                bent = bent.replace("\\" + letter, control)
            assert clean_object({"o": [{"text": bent, "n": 1}]}) == {"o": [{"text": meant, "n": 1}]}

    def test_is_understood_with_escaped_and_unescaped_commands_mixed(self) -> None:
        answer = unescaped(r"\\frac{1}{2} \times \theta \neq \\binom{n}{k} and \underline{x}\")!")
        assert text_of(parse_object(answer, ["operations"])) == (
            r"\frac{1}{2} \times \theta \neq \binom{n}{k} and \underline{x}" + '")!'
        )

    def test_keeps_row_breaks_that_are_not_escaped(self) -> None:
        meant = r"\begin{matrix} a & b \\ c & d \\\hline \end{matrix}"
        assert text_of(parse_object(unescaped(meant), ["operations"])) == meant
        assert text_of(parse_object(escaped(meant), ["operations"])) == meant

    def test_does_not_break_escapes_of_characters(self) -> None:
        answer = parse_object(
            r'{"a": "\u00e9\u2200 \ud83d\ude00 \"x\" a\/b C:\\dir \\u00e9"}', ["a"]
        )
        assert answer == {"a": 'é∀ 😀 "x" a/b C:\\dir \\u00e9'}


class TestControlCharacters:
    @pytest.mark.parametrize(
        "text",
        [
            "line one\nThen line two",
            "a\tb",
            "\new line?",
            "one\n\ntwo\r\nthree",
            "list:\n- a\n- b\n1. c",
            "steps\n\tif x:\n\t\treturn y\n\telse:\n\t\traise",
            "note:\ne.g. this\ni.e. that\nI think\nit is",
            "then\nless is more\nexists already\nmid way\nparallel runs\nsubset of",
            "name\ttype\ttotal\ttext1\ttop5\textra",
            "for\nany\none\nnew\nnull1",
        ],
    )
    def test_real_line_ends_and_tabs_stay(self, text: str) -> None:
        assert text_of(parse_object(escaped(text), ["operations"])) == text
        assert restore_text(text) == text

    def test_others_are_dropped(self) -> None:
        assert clean_object({"a\x00": ["x\x00\x1b[31m\x7f\x85y\f", "\ud800z"]}) == {
            "a": ["x[31my", "z"]
        }
        assert parse_object(r'{"a": "x\u0000\u001by\ud800"}', ["a"]) == {"a": "xy"}

    def test_a_regular_expression_keeps_its_word_boundaries(self) -> None:
        assert parse_object(r'{"a": "match \bword\b, \d+ and \s"}', ["a"]) == {
            "a": r"match \bword\b, \d+ and \s"
        }
