"""Names and questions as words: split where people see a new word, and compared as they are mistyped."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

# `orderTotal` and `HTTPStatus` begin a new word in the middle.
_INSIDE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 10
# What English says without meaning by it; nobody looks for it beside another word.
_EMPTY = frozenset(
    (
        *(
            "a",
            "about",
            "all",
            "an",
            "and",
            "any",
            "are",
            "as",
            "at",
            "be",
            "been",
            "by",
            "can",
            "do",
            "does",
        ),
        *(
            "each",
            "for",
            "from",
            "had",
            "has",
            "have",
            "how",
            "i",
            "if",
            "in",
            "into",
            "is",
            "it",
            "its",
            "me",
        ),
        *(
            "my",
            "of",
            "on",
            "or",
            "our",
            "so",
            "such",
            "than",
            "that",
            "the",
            "their",
            "them",
            "then",
            "there",
        ),
        *(
            "these",
            "they",
            "this",
            "those",
            "to",
            "was",
            "we",
            "were",
            "what",
            "when",
            "where",
            "which",
            "who",
        ),
        *("whom", "why", "will", "with", "you", "your"),
    )
)
# So many words of the project may be meant by one that nobody has.
_MOST_MEANT = 8
# A shorter word is one letter away from too many.
_SHORTEST = 3


def words_of(text: str) -> list[str]:
    """Lower-case words of letters and digits: `fct_orderTotals` is `fct`, `order`, `totals`."""
    return _WORD.findall(_INSIDE.sub(" ", text).casefold())


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody looks for: words that all have to be found, each with what else it may mean.

    Of the last word only the beginning may have been typed. No word holds anything but letters and digits.
    """

    words: tuple[tuple[str, ...], ...]
    text: str = ""  # all words, as names are kept

    @classmethod
    def of(cls, text: str) -> Sought:
        words = words_of(text)[:MOST_WORDS]
        telling = [word for word in words if word not in _EMPTY] or words
        return cls(tuple((word,) for word in telling), " ".join(words))

    def begins(self, role: str) -> bool:
        """Whether more may follow the last word; after a single letter only in nodes, not in columns."""
        return role == "node" or min(map(len, self.words[-1])) > 1

    def meant(self, vocabulary: Collection[str]) -> Sought:
        """With each word that none of the vocabulary begins with replaced by the nearest ones."""
        words = tuple(tuple(_nearest(word[0], vocabulary)) or word for word in self.words)
        return self if words == self.words else Sought(words, " ".join(word[0] for word in words))


def _nearest(word: str, vocabulary: Collection[str]) -> list[str]:
    if any(other.startswith(word) for other in vocabulary):
        return [word]
    if len(word) < _SHORTEST:
        return []
    within = sorted(other for other in vocabulary if word in other)
    return (within or sorted(_one_edit_away(word, vocabulary)))[:_MOST_MEANT]


def _one_edit_away(word: str, vocabulary: Iterable[str]) -> Iterable[str]:
    return (other for other in vocabulary if abs(len(other) - len(word)) < 2 and one_edit(word, other))


def one_edit(a: str, b: str) -> bool:
    """Whether one letter too many, too few, wrong, or swapped with the next makes `a` of `b`."""
    if len(a) > len(b):
        a, b = b, a
    same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return len(b) - len(a) == 1 and a[same:] == b[same + 1 :]
    swapped = a[same : same + 2] == b[same : same + 2][::-1]
    return a[same + 1 :] == b[same + 1 :] or (swapped and a[same + 2 :] == b[same + 2 :])
