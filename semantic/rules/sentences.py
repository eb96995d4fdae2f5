"""Rules as controlled sentences, read without guessing.

    customer is at risk when days since last order is more than 60 and orders in last 90 days is less than 2,
    is new when orders in last 90 days is blank, otherwise healthy

A sentence is a subject, and clauses of an outcome and a condition; the last may be “otherwise”. Fields are
found by the longest of their names, labels and synonyms. “is not” includes what is blank, as people mean it.
Where “and” and “or” stand side by side without brackets nothing is chosen: both readings are handed back.
“unless” speaks of all that stands before it in its clause, or in its brackets.
(Controlled natural language in the manner of SBVR's structured English, OMG, Semantics of Business Vocabulary
and Business Rules 1.5, annex A, reduced to what one row can answer.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from semantic.definitions import Vocabulary
from semantic.formula.errors import Fix, FormulaError, Place, Problem, replaced
from semantic.formula.spellings import doubtful
from semantic.formula.tree import Case, Node
from semantic.rules.clauses import Clauses
from semantic.rules.constants import literal, read_number, read_yes_no, unsafe
from semantic.rules.phrasing import write_sentence
from semantic.rules.sets import Value
from semantic.rules.tables import Mixed
from semantic.rules.words import (
    ARTICLES,
    LEADING,
    MAX_LENGTH,
    OTHERWISE,
    QUOTES,
    VERBS,
    VERBS_ALONE,
    WHEN,
    Phrases,
    Token,
    tokens_of,
)

MAX_CLAUSES = 50

# Codes are stable, as those of formulas are.
CODES: Mapping[str, str] = {
    "empty": "There is no sentence yet.",
    "too-long": "The sentence has more characters, or more clauses, than Bisync accepts.",
    "too-complex": "More brackets inside brackets than Bisync accepts.",
    "missing-when": "A sentence without “when”.",
    "missing-separator": "Two clauses without a comma between them.",
    "missing-outcome": "A clause that does not say what holds.",
    "outcome-kinds": "Outcomes of different kinds.",
    "unclosed-text": "A text without its closing quote.",
    "unsafe-text": "Jinja marks, backslashes, control and hidden characters are refused.",
    "and-or": "“and” beside “or” without brackets; the fixes are the two readings.",
    "missing-joint": "Two conditions with only a comma between them.",
    "missing-bracket": "A bracket that is not closed.",
    "missing-condition": "No condition where one is wanted.",
    "missing-comparison": "A field without anything that it is compared with.",
    "missing-value": "A comparison without a value.",
    "unexpected-word": "Words behind the end of a condition.",
    "unknown-field": "A phrase that is the name of no field.",
    "unknown-unit": "A unit behind a number that is not the field's.",
    "wrong-kind": "A value of another kind than the field.",
    "text-order": "Texts compared by size.",
    "thousands-comma": "A number like 1,5 or 1.000, which different readers take for different numbers.",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand an ambiguous condition: its words, the whole sentence, and its tree.

    `case` is None where another part of the sentence is still unclear.
    """

    words: str
    text: str
    case: Case | None


@dataclass(frozen=True, slots=True)
class SentenceReading:
    """What a sentence means, or its first problem.

    `case` has no positions. `sentence` is the same rule in canonical words, to be shown beside what was
    typed. Of a sentence that can be read in two ways, `readings` are the two.
    """

    text: str
    subject: str = ""
    case: Case | None = None
    sentence: str = ""
    problems: tuple[Problem, ...] = ()
    readings: tuple[Reading, ...] = ()

    @property
    def ok(self) -> bool:
        return self.case is not None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """An outcome as it was written, before all are known to be of one kind."""

    text: str
    place: Place
    quoted: bool


def read_sentence(text: str, vocabulary: Vocabulary, model: str) -> SentenceReading:
    """The meaning of a sentence about rows of `model`; never raises for what people wrote."""
    try:
        subject, case = _Reader(text, Phrases(vocabulary, model)).sentence()
    except FormulaError as error:
        problem = error.problem
        readings: tuple[Reading, ...] = ()
        if problem.code == "and-or":
            readings = tuple(
                Reading(fix.label, fix.text, read_sentence(fix.text, vocabulary, model).case)
                for fix in problem.fixes
            )
        return SentenceReading(text, problems=(problem,), readings=readings)
    written = write_sentence(case, vocabulary, model, subject)
    return SentenceReading(text, subject, case, "" if isinstance(written, Mixed) else written)


_IF = re.compile(r"(?:if|when) (?P<condition>.+), ?(?P<rest>[^,]+)", re.IGNORECASE)
_HOLDS = re.compile(r"(?:then )?(?P<subject>.*?)\b(?:is|are) (?P<outcome>.+)", re.IGNORECASE)
_ELSE = re.compile(r"(?:otherwise|else),? (?P<rest>[^,]+)", re.IGNORECASE)
# Where the next clause begins.
_NEXT = re.compile(r"[.;,\n] ?(?=(?:if|when|otherwise|else)\b)", re.IGNORECASE)


def turned_round(text: str) -> str:
    """`If total is more than 9, it is big. Otherwise it is small.` with its outcomes first; "" of others."""
    lines = (" ".join(line.split()) for line in text.strip().rstrip(". ").splitlines())
    *clauses, last = (part.strip(" .;,\n") for part in _NEXT.split("\n".join(filter(None, lines))))
    otherwise = _ELSE.fullmatch(last)
    if otherwise is None:
        clauses.append(last)
    told, subject = [], ""
    for clause in clauses:
        found = _IF.fullmatch(clause)
        holds = _HOLDS.fullmatch(found["rest"]) if found else None
        if found is None or holds is None:
            return ""
        subject = subject or holds["subject"].strip()
        told.append(f"is {holds['outcome'].strip()} when {found['condition'].strip()}")
    if otherwise is not None:
        holds = _HOLDS.fullmatch(otherwise["rest"])
        told.append(f"otherwise {(holds['outcome'] if holds else otherwise['rest']).strip()}")
    return f"{subject or 'it'} {', '.join(told)}" if clauses else ""


class _Reader:
    def __init__(self, text: str, phrases: Phrases) -> None:
        self.text = text
        if len(text) > MAX_LENGTH:
            message = f"A sentence may have {MAX_LENGTH:,} characters; this one has {len(text):,}."
            raise FormulaError("too-long", message, Place(MAX_LENGTH, len(text)), "Write it as a table.")
        self.tokens = tokens_of(text)
        self.last = len(self.tokens) - 1
        open_quote = next((token for token in self.tokens if token.word in QUOTES), None)
        if open_quote:
            message = "This text never ends: the closing quote is missing."
            raise FormulaError("unclosed-text", message, open_quote, "Add the quote where the text ends.")
        self.clauses = Clauses(text, self.tokens, phrases)

    def sentence(self) -> tuple[str, Case]:
        """Subject and meaning; raises FormulaError."""
        if not self.last:
            hint = "Write for example: customer is at risk when days since last order is more than 60."
            raise FormulaError("empty", "There is no sentence yet.", Place(0, len(self.text)), hint)
        whens, otherwise = self._keywords()
        starts = [0, *(self._separator(one, other) for one, other in pairwise(whens))]
        stops = [*starts[1:], otherwise if otherwise is not None else self.last]
        subject, first = self._subject(whens[0])
        outcomes = [self._outcome(first, whens[0])]
        outcomes += [
            self._outcome(self._behind_separator(start), when)
            for start, when in zip(starts[1:], whens[1:], strict=True)
        ]
        if otherwise is not None:
            outcomes.append(self._outcome(self._behind_separator(otherwise + 1), self.last))
        values = self._values(outcomes)
        conditions = [self._condition(when + 1, stop) for when, stop in zip(whens, stops, strict=True)]
        branches: list[tuple[Node, Node]] = [
            (condition, literal(value)) for condition, value in zip(conditions, values, strict=False)
        ]
        last = values[-1] if otherwise is not None else None
        return subject, Case(tuple(branches), None if last is None else literal(last))

    def _condition(self, start: int, stop: int) -> Node:
        while stop > start and self.tokens[stop - 1].word in {",", ";"}:
            stop -= 1
        return self.clauses.read(start, stop)

    # -- where clauses begin

    def _keywords(self) -> tuple[list[int], int | None]:
        """The tokens “when” of all clauses, and the token “otherwise”."""
        outside = self._outside_brackets()
        whens = [at for at in outside if self.tokens[at].word in WHEN]
        if not whens:
            message = "This sentence has no “when”."
            hint = "Write: customer is at risk when days since last order is more than 60, otherwise healthy."
            raise FormulaError("missing-when", message, Place(0, len(self.text)), hint)
        if len(whens) > MAX_CLAUSES:
            message = f"A sentence may have {MAX_CLAUSES} clauses; this one has {len(whens)}."
            raise FormulaError("too-long", message, self.tokens[whens[MAX_CLAUSES]], "Write it as a table.")
        others = [at for at in outside if self.tokens[at].word in OTHERWISE and at > whens[-1]]
        return whens, others[-1] if others else None

    def _outside_brackets(self) -> list[int]:
        depth, found = 0, []
        for at, token in enumerate(self.tokens):
            depth += token.word == "("
            depth -= token.word == ")"
            if token.kind == "word" and depth <= 0:
                found.append(at)
        return found

    def _separator(self, one: int, other: int) -> int:
        """The comma or semicolon behind which the outcome of the second of two clauses begins."""
        for at in range(other - 1, one, -1):
            if self.tokens[at].word in {",", ";"}:
                return at
        message = f"Before the outcome of the second “{self.tokens[other].value}” a comma is missing."
        raise FormulaError("missing-separator", message, self.tokens[other], "Separate clauses by commas.")

    def _behind_separator(self, at: int) -> int:
        """Behind `, and it is`."""
        for words in ({",", ";"}, LEADING, LEADING, VERBS_ALONE):
            at += self.tokens[at].word in words
        return at

    # -- subject and outcomes

    def _subject(self, when: int) -> tuple[str, int]:
        """What the rule is about, and the token at which its first outcome begins."""
        for at in range(when):
            for verb in VERBS:
                words = verb.split()
                if [token.word for token in self.tokens[at : at + len(words)]] == words and at:
                    first = 1 if self.tokens[0].word in ARTICLES and at > 1 else 0
                    return self.text[self.tokens[first].start : self.tokens[at - 1].end], at + len(words)
        return "", 1 if self.tokens[0].word in {"is", "are"} else 0

    def _outcome(self, start: int, stop: int) -> _Outcome:
        part: Sequence[Token] = self.tokens[start:stop]
        if not part:
            where = self.tokens[min(start, self.last)]
            hint = "Write what holds, for example: is at risk when …"
            if start == 0 and (turned := turned_round(self.text)):
                hint = "A sentence names the outcome first, and then when it holds."
                fixes = (Fix("Put the outcome first", turned),)
                raise FormulaError("missing-outcome", "An outcome is missing here.", where, hint, fixes)
            raise FormulaError("missing-outcome", "An outcome is missing here.", where, hint)
        if len(part) == 1 and part[0].kind == "text":
            return _Outcome(part[0].value, Place(part[0].start, part[0].end), quoted=True)
        if part[0].word in ARTICLES and len(part) > 1:
            part = part[1:]
        place = Place(part[0].start, part[-1].end)
        quoted = len(part) == 1 and part[0].kind == "text"
        text = part[0].value if quoted else " ".join(self.text[place.start : place.end].split())
        return _Outcome(text, place, quoted)

    def _values(self, outcomes: Sequence[_Outcome]) -> list[Value | None]:
        for outcome in outcomes:
            self._refuse_doubtful(outcome)
        values = [_value(outcome) for outcome in outcomes]
        kinds = {
            bool if isinstance(value, bool) else str if isinstance(value, str) else float
            for value in values
            if value is not None
        }
        if len(kinds) > 1:
            odd = next(
                o for o, v in zip(outcomes, values, strict=True) if v is not None and not isinstance(v, str)
            )
            quoted = f'"{odd.text}"'
            fixes = (Fix(f"Write {quoted}", replaced(self.text, odd.place, quoted)),)
            message = "The outcomes are of different kinds: texts beside numbers, or beside yes and no."
            hint = f"If “{odd.text}” is a text, put it in quotes."
            raise FormulaError("outcome-kinds", message, odd.place, hint, fixes)
        for outcome, value in zip(outcomes, values, strict=True):
            reason = unsafe(value) if isinstance(value, str) else ""
            if reason:
                raise FormulaError("unsafe-text", f"“{value}” cannot be used.", outcome.place, reason)
        return values

    def _refuse_doubtful(self, outcome: _Outcome) -> None:
        for written, meant in () if outcome.quoted else doubtful(outcome.text):
            if written == outcome.text:
                message = f"“{written}” could be different numbers, or a text."
                hint = "Write the number that you mean, or put the text in quotes."
                fixes = tuple(
                    Fix(f"Write {one}", replaced(self.text, outcome.place, one))
                    for one in (*meant, f'"{written}"')
                )
                raise FormulaError("thousands-comma", message, outcome.place, hint, fixes)


def _value(outcome: _Outcome) -> Value | None:
    if outcome.quoted:
        return outcome.text
    if outcome.text.lower() == "blank":
        return None
    yes = read_yes_no(outcome.text)
    number = read_number(outcome.text)
    return yes if yes is not None else number if number is not None else outcome.text
