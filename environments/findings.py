"""The kinds of things that are wrong with a project: how bad each is, its words, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from environments.models import Finding

BAD, WARN = Finding.Level.BAD, Finding.Level.WARN


@dataclass(frozen=True, slots=True)
class Found:
    """A finding before it is kept; `member` is the column, dimension or measure whose line it is about."""

    kind: str
    unique_id: str
    name: str
    file: str
    params: dict[str, Any] = field(default_factory=dict)
    line: int = 0
    member: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What all findings of a kind share: how bad they are, a heading, a sentence, and what to do next.

    `mended` says that a proposal in Bisync mends it, by another formula or name, or by taking something out;
    else dbt's code is changed: the form shows what is meant, and proposing the same again changes nothing.
    `shorter` is the sentence where a finding does not know all that the other one tells.
    """

    level: str
    title: Any
    sentence: Any
    remedy: Any
    mended: bool = False
    shorter: Any = ""

    def said(self, params: Mapping[str, Any]) -> str:
        """The sentence with what a finding knows."""
        try:
            return str(self.sentence % params)
        except KeyError:
            if not self.shorter:
                raise
            return str(self.shorter % params)


# In the order of the page. The first ones come from results of tests, and are never kept.
KINDS: Mapping[str, Kind] = {
    "test-failed": Kind(
        BAD,
        _("Tests that fail"),
        "%(message)s",
        _("Look at the rows that dbt counted: mend the data, or the test."),
    ),
    "source-stale": Kind(
        BAD,
        _("Sources that are stale"),
        "%(message)s",
        _("Look at why no new rows arrive; what is built from it shows the past."),
    ),
    "not-built": Kind(
        BAD,
        _("In the code, but not in the warehouse"),
        _("%(environment)s was built from this commit, and has no %(name)s."),
        _("Look at the last build, and at why dbt leaves it out."),
    ),
    "contract-broken": Kind(
        BAD,
        _("Otherwise than its contract"),
        _("The contract says %(declared)s for %(column)s, and %(environment)s has %(found)s."),
        _("Build it again; if that fails, change the contract or the SQL until both say the same."),
    ),
    "refused": Kind(
        BAD,
        _("MetricFlow refuses it"),
        _("%(why)s"),
        _("Neither Bisync nor dbt can compute it. Define it anew in a proposal, or mend its entry."),
        mended=True,
    ),
    "wrong-ratio": Kind(
        BAD,
        _("One name for two inputs"),
        _(
            "%(input)s is used twice, once under other conditions, and neither has an alias: MetricFlow "
            "takes one for the other, and the number is wrong."
        ),
        _("Give each of them an alias of its own in the metric's entry."),
    ),
    "whole-division": Kind(
        BAD,
        _("Divides whole numbers"),
        _("%(expr)s divides counts: %(adapter)s leaves out what comes after the decimal point."),
        _("Cast one side to a decimal number, or make it a ratio metric, which MetricFlow divides exactly."),
    ),
    "contradiction": Kind(
        BAD,
        _("One name, two meanings"),
        _(
            "“%(label)s” and “%(other_label)s” are called alike and computed otherwise. In the last month "
            "%(formula)s is %(value)s, and %(other_formula)s is %(other_value)s."
        ),
        _("Rename one, or agree on one meaning for both."),
        mended=True,
        shorter=_(
            "“%(label)s” and “%(other_label)s” are called alike and computed otherwise: "
            "as %(formula)s, and as %(other_formula)s."
        ),
    ),
    "no-granularity": Kind(
        BAD,
        _("A date without a granularity"),
        _("Nothing says how fine the time dimension %(dimension)s is, and MetricFlow cannot group by it."),
        _("Write `dimension: {type: time}` with `granularity: day`: the short form loses it."),
    ),
    "semantics-lost": Kind(
        BAD,
        _("Semantics that dbt leaves out"),
        _("Its entry describes semantics, and dbt left them out, as it does with versioned models."),
        _("Move the semantic model and its metrics to a model without versions that reads this one."),
    ),
    "setting-lost": Kind(
        BAD,
        _("A setting that dbt leaves out"),
        _("Its entry says %(setting)s, and dbt left it out: blanks stay blank."),
        _("Write COALESCE(…, 0) in a derived metric, or use a measure, where dbt obeys the setting."),
    ),
    "test-warned": Kind(
        WARN,
        _("Tests that warn"),
        "%(message)s",
        _("Look at the rows that dbt counted: mend the data, or the test."),
    ),
    "source-late": Kind(
        WARN,
        _("Sources that are late"),
        "%(message)s",
        _("Look at why no new rows arrive, before it is stale."),
    ),
    "source-unseen": Kind(
        WARN,
        _("Sources that nobody looked at lately"),
        "%(message)s",
        _("See whether the last look failed, and press Check sources."),
    ),
    "column-gone": Kind(
        WARN,
        _("Described, but gone"),
        _("The SQL of %(name)s does not have %(columns)s."),
        _("Take the description out, or rename it."),
        mended=True,
    ),
    "column-absent": Kind(
        WARN,
        _("Described, but not in the warehouse"),
        _("%(environment)s has %(name)s without %(columns)s."),
        _("Build it again, take the description out, or rename it."),
        mended=True,
    ),
    "type-drift": Kind(
        WARN,
        _("Another type than declared"),
        _("%(column)s is declared as %(declared)s, and %(environment)s has it as %(found)s."),
        _("Correct the data_type, or cast the column."),
    ),
    "hard-coded": Kind(
        WARN,
        _("Reads past dbt"),
        _("It reads %(relations)s by name, of which dbt knows nothing."),
        _("Use source() or ref(), so that it is built in order and its lineage is known."),
    ),
    "unreadable": Kind(
        WARN,
        _("SQL that cannot be followed"),
        _("Where its columns come from is not known: %(why)s."),
        _("Nothing has to be done for dbt; plainer SQL would give it lineage."),
    ),
    "doubted": Kind(
        WARN,
        _("MetricFlow warns"),
        _("%(why)s"),
        _("It works today. Define it anew in a proposal, or mend its entry, before a later dbt refuses it."),
        mended=True,
    ),
    "same-metric": Kind(
        WARN,
        _("The same under two names"),
        _("%(name)s and %(other)s compute the same: %(formula)s."),
        _("Keep one of them, and let dashboards use it."),
        mended=True,
    ),
    "bare-division": Kind(
        WARN,
        _("Divides by what may be zero"),
        _("%(expr)s fails, or is not what it should be, where %(divisor)s is 0."),
        _("Write NULLIF(…, 0), or make it a ratio metric, which is blank there."),
    ),
    "approximate": Kind(
        WARN,
        _("An approximate percentile"),
        _("%(measure)s may be approximated, so that its number depends on the warehouse."),
        _("Say use_approximate_percentile: false; percentile_type: continuous means an approximation."),
    ),
    "versioned": Kind(
        WARN,
        _("Semantics on a versioned model"),
        _("%(name)s is built on version %(version)s of a model; dbt's semantic layer reads no other."),
        _("When the model moves on to a new version, move the semantic model with it."),
    ),
    "environment-in-words": Kind(
        WARN,
        _("Words that depend on the machine"),
        _("Its %(field)s is made with env_var(): elsewhere it reads otherwise, and it may show a secret."),
        _("Write the words themselves; variables belong into settings."),
    ),
}
