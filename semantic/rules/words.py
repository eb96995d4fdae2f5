"""The words of rule sentences: tokens, comparators in all their spellings, and what fields are called."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from semantic.definitions import Column, Vocabulary, name_key
from semantic.formula.phrases import words_of

TokenKind: TypeAlias = Literal["text", "field", "number", "date", "word", "symbol", "end"]
Comparator: TypeAlias = Literal[
    "=", "<>", "<", "<=", ">", ">=",
    "between", "one of", "none of", "other than", "blank", "filled in",
    "contains", "starts with", "ends with", "lacks", "period",
]  # fmt: skip

MAX_LENGTH = 4_000
ARTICLES = frozenset(("a", "an", "the", "their", "its", "his", "her"))
BE = frozenset(("is", "are", "was", "were", "has", "have", "had", "do", "does", "did"))
NOT = frozenset(("not", "isn't", "aren't", "wasn't", "doesn't", "don't", "didn't", "hasn't", "cannot"))
WHEN = frozenset(("when", "if"))
OTHERWISE = frozenset(("otherwise", "else"))
JUNCTIONS = frozenset(("and", "or"))
VERBS = ("is", "are", "gets", "becomes", "counts as", "belongs to")
VERBS_ALONE = frozenset(verb.split()[0] for verb in VERBS)
# What may stand between a comma and the outcome of a further clause: “, and it is lost when …”.
LEADING = frozenset(("and", "or", "but", "it", "they"))
MORE = frozenset(("more", "above", "over", "later", "higher", "greater", "older", "longer"))
QUOTES = frozenset(('"', "\u201c", "\u201e", "\u00ab", "\u2018"))
LESS = frozenset(("less", "fewer", "below", "lower", "earlier", "younger", "shorter"))
CURRENCIES = frozenset(("eur", "usd", "gbp", "chf", "euro", "euros", "dollar", "dollars", "pounds", "times"))

_SPELLINGS: Mapping[Comparator, str] = {
    ">=": "at least | no less than | greater than or equal to | more than or equal to | on or after"
    " | >= | ≥ | = >",
    "<=": "at most | no more than | less than or equal to | fewer than or equal to | up to | on or before"
    " | <= | ≤ | = <",
    ">": "more than | greater than | higher than | larger than | bigger than | older than | longer than"
    " | above | over | after | later than | exceeds | exceed | >",
    "<": "less than | fewer than | lower than | smaller than | younger than | shorter than | below | under"
    " | before | earlier than | <",
    "between": "between",
    "one of": "one of | any of | either | in",
    "none of": "none of | neither",
    "other than": "something other than | <> | != | ≠",
    "blank": "blank | empty | missing | unknown | no value | null",
    "filled in": "filled in | known | a value",
    "contains": "contains | contain | includes | include",
    "starts with": "starts with | start with | begins with | begin with",
    "ends with": "ends with | end with",
    "lacks": "something that does not | something not",
    "period": "in the last | in last | in this",
    "=": "equal to | equals | equal | exactly | the same as | =",
}
COMPARATORS: Mapping[tuple[str, ...], Comparator] = {
    tuple(spelling.split()): comparator
    for comparator, spellings in _SPELLINGS.items()
    for written in spellings.split(" | ")
    for spelling in {written, written.replace(" than", " then")}  # as many write it
}
_LONGEST = max(map(len, COMPARATORS))
# What counts an amount: with “60 days ago” that is how long ago, and not which day comes first.
OF_AMOUNTS = frozenset(
    words
    for words, comparator in COMPARATORS.items()
    if comparator in {">", ">=", "<", "<="}
    and words[0].isalpha()
    and not {"after", "before", "later", "earlier"} & {*words}
)
OF_AGE = frozenset(words for words in COMPARATORS if words[0] in {"older", "younger"})
# Words that end a text without quotes.
ENDING = JUNCTIONS | WHEN | OTHERWISE | {"unless"}

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>"(?:[^"]|"")*"|[“„«](?:[^”“»])*[”“»]|(?<!\w)'(?:[^']|'')*'(?!\w)|\u2018[^\u2019]*\u2019)
      | (?P<field>\[(?:[^\[\]\n]|\]\])+\])
      | (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\w))
      | (?P<number>[$€£]?(?:(?<!\w)[-+])?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?
          (?:e[-+]?[0-9]+)?(?:\s?(?:k|m|million|thousand|percent)(?!\w)|\s?%)?(?!\w))
      | (?P<symbol><>|!=|>=|<=|[=<>≥≤≠(),;])
      | (?P<word>\w+(?:[-'\u2019.]\w+)*|.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a sentence; `value` is lower case, of texts and names what is inside, as typed."""

    kind: TokenKind
    value: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word or symbol; "" for what stands in quotes or square brackets, and for numbers."""
        return self.value if self.kind in {"word", "symbol"} else ""


def tokens_of(text: str) -> list[Token]:
    """All tokens, and an `end` behind them. Any text has tokens."""
    found: list[Token] = []
    last = len(text.rstrip().rstrip(".").rstrip())
    for match in _TOKEN.finditer(text, 0, last):
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]  # the names of the groups are the kinds
        if match.lastgroup != "space":
            found.append(Token(kind, _value(kind, match[0]), match.start(), match.end()))
    return [*found, Token("end", "", last, last)]


def _value(kind: TokenKind, written: str) -> str:
    if kind == "text":
        quote = written[0] if written[0] in "\"'" else ""
        return written[1:-1].replace(quote * 2, quote) if quote else written[1:-1]
    if kind == "field":
        return written[1:-1].replace("]]", "]").strip()
    return written.lower().replace("\u2019", "'")


def comparator_at(tokens: Sequence[Token], at: int) -> tuple[Comparator, int] | None:
    """The longest comparator that begins here, and where the tokens go on behind it."""
    for count in range(min(_LONGEST, len(tokens) - at), 0, -1):
        part = tokens[at : at + count]
        found = COMPARATORS.get(tuple(token.word for token in part))
        if found:
            return found, at + count
    return None


class Phrases:
    """What the fields of one model are called: names, labels, dimensions and synonyms."""

    def __init__(self, vocabulary: Vocabulary, model: str) -> None:
        self.model = model
        known = vocabulary.columns_by_key
        self.columns: dict[str, Column] = {
            key: holders[model] for key, holders in known.items() if model in holders
        }
        for phrase, name in vocabulary.synonyms.items():
            table, _, column = name.rpartition(".")
            meant = self.columns.get(name_key(column)) if table in {"", model} else None
            if meant:
                self.columns.setdefault(name_key(phrase), meant)
        self._longest = max((key.count("_") for key in self.columns), default=0) + 3

    def at(self, text: str, tokens: Sequence[Token], at: int) -> tuple[Column, int] | None:
        """The field with the longest name that begins here, and where the tokens go on behind it."""
        if tokens[at].kind == "field":
            named = self.columns.get(name_key(tokens[at].value))
            return (named, at + 1) if named else None
        for end in range(min(at + self._longest, len(tokens) - 1), at, -1):
            column = self.columns.get(name_key(text[tokens[at].start : tokens[end - 1].end]))
            if column:
                return column, end
        return None

    def near(self, phrase: str) -> list[str]:
        """The words of up to three fields that are called something like this."""
        found = difflib.get_close_matches(name_key(phrase), sorted(self.columns), n=3, cutoff=0.5)
        return list(dict.fromkeys(self.words(self.columns[key]) for key in found))

    def words(self, column: Column) -> str:
        """The words for a field in a sentence, in square brackets where they would be misread."""
        words = words_of(column.name, column.label)
        tokens = tokens_of(words)
        found = self.at(words, tokens, 0)
        joining = ENDING | NOT | ARTICLES
        plain = all(token.kind in {"word", "number"} and token.value not in joining for token in tokens[:-1])
        if found and found[0] == column and found[1] == len(tokens) - 1 and plain:
            return words
        return f"[{column.name.replace(']', ']]')}]"
