"""Places in a rule sentence, and the values in it: numbers, dates, yes and no, texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from semantic.definitions import Column
from semantic.formula.errors import Fix, FormulaError, Place, Span, replaced
from semantic.formula.registry import find_unit
from semantic.formula.spellings import DATE, GROUPS, days, in_doubt
from semantic.formula.tree import Binary, Call, Node, Period
from semantic.rules.constants import NUMBER_WORDS, literal, read_date, read_number, read_yes_no, unsafe
from semantic.rules.words import ARTICLES, CURRENCIES, Phrases, Token

NUMBERS = {"integer", "number"}
DATES = {"date", "timestamp"}


@dataclass
class Operands:
    """A place in the tokens of a sentence, and the reading of the value that begins there."""

    text: str
    tokens: Sequence[Token]
    phrases: Phrases
    at: int = 0
    end: int = 0

    # -- words

    @property
    def token(self) -> Token:
        return self.tokens[self.at] if self.at < self.end else self.tokens[-1]

    def _is(self, *words: str) -> bool:
        return self.at < self.end and self.token.word in words

    def _accept(self, *words: str) -> bool:
        if self._is(*words):
            self.at += 1
            return True
        return False

    def _rest(self) -> str:
        stop = self.tokens[min(self.at + 4, self.end) - 1].end
        return self.text[self.token.start : stop]

    def _span(self, start: int) -> Place:
        """From a token to the last one that was read."""
        return Place(self.tokens[start].start, self.tokens[max(self.at, start + 1) - 1].end)

    def _fail(self, code: str, message: str, where: Span, hint: str, *instead: str) -> NoReturn:
        fixes = tuple(Fix(f"Write {new}", replaced(self.text, where, new)) for new in instead)
        raise FormulaError(code, message, where, hint, fixes)

    def _fail_here(self, code: str, message: str, hint: str) -> NoReturn:
        last = self.tokens[min(self.end, len(self.tokens)) - 1] if self.end else self.token
        where = Place(self.token.start, last.end) if self.at < self.end else Place(last.end, last.end)
        self._fail(code, message, where, hint)

    def _ends(self) -> bool:
        return self._ends_at(self.at)

    def _ends_at(self, at: int) -> bool:
        return at >= self.end or self.tokens[at].word in {"and", "or", "unless", ",", ")"}

    # -- values

    def _value(self, column: Column, *, in_list: bool = False) -> Node:
        if self.at >= self.end:
            hint = f"Write for example: {self.phrases.words(column)} {example_for(column)}."
            self._fail_here("missing-value", "A value is missing here.", hint)
        if column.type in DATES:
            return self._date()
        if column.type == "boolean":
            return self._yes_no()
        if column.type in NUMBERS or (column.type == "any" and self.token.kind == "number"):
            return self._amount(column, in_list=in_list)
        return self._text()

    def _number(self, token: Token) -> int | float | None:
        return (
            read_number(token.value.lstrip("$€£").replace(",", ""))
            if token.kind in {"number", "word"}
            else None
        )

    def _amount(self, column: Column, *, in_list: bool) -> Node:
        token = self.token
        number = self._number(token)
        if number is None:
            message = f"“{self.text[token.start : token.end]}” is not a number."
            self._fail("wrong-kind", message, token, f"Write for example: {example_for(column)}.")
        self._refuse_doubtful(token, in_list=in_list)
        self.at += 1
        while self._is("hundred", "thousand", "million") and number < 1_000:
            number *= NUMBER_WORDS[self.token.value]
            self.at += 1
        self._skip_unit(column)
        return literal(number)

    def _refuse_doubtful(self, token: Token, *, in_list: bool) -> None:
        """Refuse 1,5 and 1.000 and 1.000,50, and in a list 1,000, which may be two values."""
        found = GROUPS.match(self.text, token.start)
        if found is None:
            return
        written, meant = found[0], in_doubt(found[0])
        grouped = "," in written and found.end() <= token.end and not in_list
        if meant and not grouped:
            message = f"“{written}” could be {' or '.join(sorted(meant, key=float))}."
            hint = "Write the one that you mean."
            if "," in written:
                message = f"“{written}” could be one number or several values."
                hint = f"Write {' or '.join(meant)}, or put a space behind the comma."
            self._fail("thousands-comma", message, Place(found.start(), found.end()), hint, *meant)

    def _skip_unit(self, column: Column) -> None:
        """A word behind a number that only repeats what the field counts (`60 days`); others are refused."""
        if self._ends() or self.token.kind != "word" or self.token.word == "to":
            return
        unit = self.token.value
        own = {word.rstrip("s") for word in self.phrases.words(column).lower().split()}
        if unit not in CURRENCIES and unit.rstrip("s") not in own:
            name = self.phrases.words(column)
            written = self.text[self.token.start : self.token.end]
            message = f"Whether “{name}” counts {written} is not known."
            hint = "Write the number alone, in the unit of the field."
            before = self.tokens[self.at - 1]
            where = Place(before.start, self.token.end)
            self._fail("unknown-unit", message, where, hint, self.text[before.start : before.end])
        self.at += 1

    def _date(self) -> Node:
        if self._accept("today"):
            return Call("TODAY")
        number = self._number(self.token)
        ahead = self.tokens[self.at + 1] if self.at + 2 < self.end else None
        unit = find_unit(ahead.word) if ahead else None
        if number is not None and unit and self.tokens[self.at + 2].word == "ago" and 0 < number <= 10_000:
            self.at += 3
            return Binary("-", Call("TODAY"), Period(int(number), unit))
        stops = [min(self.at + count, self.end) for count in (1, 3)]
        written = [self.text[self.token.start : self.tokens[stop - 1].end].strip("\"'") for stop in stops]
        found = next((pair for pair in zip(map(read_date, written), stops, strict=True) if pair[0]), None)
        if found is None or found[0] is None:
            raise self._no_date()
        day, self.at = found
        return literal(day)

    def _no_date(self) -> FormulaError:
        """`2/1/2026`, `7 days after ordered on`, `Easter`."""
        bare = re.compile(DATE).match(self.text, self.token.start)
        rest = bare[0] if bare else self._rest()
        place = Place(self.token.start, max(bare.end() if bare else 0, self.token.end))
        named = days(rest) if bare else ()
        fixes = tuple(Fix(f"Write {day}", replaced(self.text, place, str(day))) for day in named)
        hint = "Write 2026-01-31, 31 January 2026, today or 30 days ago."
        if re.search(r"\b(?:after|before)\b", rest):
            hint += " To compare two dates of a row, write the rule as a formula."
        return FormulaError("wrong-kind", f"“{rest}” is not a date.", place, hint, fixes)

    def _yes_no(self) -> Node:
        value = read_yes_no(self.token.value)
        if value is None:
            message = f"“{self.text[self.token.start : self.token.end]}” is neither yes nor no."
            self._fail("wrong-kind", message, self.token, "Write yes or no.", "yes", "no")
        self.at += 1
        return literal(value)

    def _text(self, *, whole: bool = False) -> Node:
        """A text in quotes, or the words up to “and” or a comma: without an article, unless `whole`."""
        start = self.at
        if self.token.kind == "text":
            value = self.token.value
            self.at += 1
        else:
            self.at += not whole and self._is(*ARTICLES) and not self._ends_at(self.at + 1)
            begin = self.at
            while not self._ends() and self.token.kind not in {"symbol", "text"}:
                self.at += 1
            if self.at == begin:
                self._fail_here("missing-value", "A value is missing here.", "A text may stand in quotes.")
            value = " ".join(self.text[self.tokens[begin].start : self.tokens[self.at - 1].end].split())
        reason = unsafe(value)
        if reason:
            self._fail("unsafe-text", f"“{value}” cannot be used.", self._span(start), reason)
        return literal(value)


def example_for(column: Column) -> str:
    if column.type in DATES:
        return "is after 2026-01-31"
    if column.type == "boolean":
        return "is yes"
    return "is one of gold, silver or new" if column.type == "text" else "is more than 60"
