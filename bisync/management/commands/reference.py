"""`manage.py reference`: write the pages of docs/reference that the code itself knows best."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import BaseCommand
from django.utils.translation import override

from bisync.lib.errors import known_errors
from bisync.setting_words import SETTINGS
from catalog.coverage import PLACES, SECTIONS, TEST_PLACES
from catalog.quality.spellings import SPELLINGS
from catalog.words import RULES
from environments.findings import BAD, KINDS, WARN
from environments.models import Finding
from governance.deeds import DEEDS
from governance.roles import GRANTS, LABELS, Role
from semantic.codegen.quality.macros import MACRO_FILE
from semantic.codegen.quality.metric_tests import TESTS as METRIC_TESTS
from semantic.codegen.quality.promises import CLASSES as PROMISES
from semantic.codegen.quality.ways import WAYS
from semantic.formula import CODES
from semantic.formula.errors import source
from semantic.handbook.functions import elsewhere, entries
from semantic.handbook.problems import EXAMPLES

FOLDER = Path(__file__).resolve().parents[3] / "docs/reference"


class Command(BaseCommand):
    help = "Write the pages of docs/reference from the code."

    def handle(self, *_args: object, **_options: Any) -> None:
        for name, text in pages().items():
            (FOLDER / name).write_text(text, encoding="utf-8")
            self.stdout.write(f"docs/reference/{name}")


def pages() -> dict[str, str]:
    """File name → text."""
    with override("en"):
        return {
            "audit.md": _deeds(),
            "dbt-coverage.md": _coverage(),
            "errors.md": _errors(),
            "findings.md": _findings(),
            "formula-functions.md": _functions(),
            "formula-problems.md": _problems(),
            "permissions.md": _permissions(),
            "quality-rules.md": _rules(),
            "rules-as-tests.md": _written_rules(),
            "settings.md": _settings(),
        }


def _coverage() -> str:
    every = {"the whole": SECTIONS, **PLACES, "test, unit_test": TEST_PLACES}
    rows = [
        (kind, f"`{field}`", place.strip("()") if place.startswith("(") else f"`{place}`", kept)
        for kind, places in every.items()
        for field, place in places.items()
        for kept in ("" if place.startswith("(") else "●",)
    ]
    return _page(
        "What is read of dbt's manifest",
        "Every field of a manifest that dbt 1.8 to 1.12 writes: where it goes (●), or why it is left out. "
        "`Node.fields` keeps a field under dbt's own name. What a later dbt adds is left out until it is "
        "listed here, and does no harm.",
        ("kind", "field", "where it goes, or why not", ""),
        rows,
    )


def _errors() -> str:
    ours = set(_modules_with_codes())
    for module in ours:
        import_module(module)
    rows = [
        (f"`{code}`", str(kind.http_status), _plain(str(kind.message)))
        for code, kind in sorted(known_errors().items())
        if kind.__module__ in ours
    ]
    return _page(
        "Error codes",
        "What can fail in an expected way, on pages and in the API. A code stays what it is; its sentence "
        "may be reworded. `%(…)s` stands for what the API gives as `params`.",
        ("code", "HTTP", "sentence"),
        rows,
    )


def _modules_with_codes() -> Iterator[str]:
    """The modules of the product that define an error."""
    for package in ("bisync", *(app.name for app in apps.get_app_configs())):
        for file in (settings.BASE_DIR / package).rglob("*.py"):
            if re.search(r"^    code = ", file.read_text(encoding="utf-8"), re.MULTILINE):
                yield ".".join(file.relative_to(settings.BASE_DIR).with_suffix("").parts)


def _findings() -> str:
    words = {BAD: "wrong", WARN: "to look at"}
    rows = [
        (
            f"`{slug}`",
            words[Finding.Level(kind.level)],
            *(_plain(str(text)) for text in (kind.title, kind.sentence, kind.remedy)),
            "●" if kind.mended else "",
        )
        for slug, kind in KINDS.items()
    ]
    return _page(
        "What the health check finds",
        "After each pull and release every project is looked at for these; results of tests and freshness "
        "come from Bisync's builds and from uploads. `%(…)s` stands for what is named. A proposal in Bisync "
        "mends those with ●; the others are mended in dbt's code, and are gone after the next pull.",
        ("finding", "severity", "heading", "what is said", "what to do", "proposal"),
        rows,
    )


def _functions() -> str:
    rows = [
        (
            f"`{entry.doc.signature}`",
            ", ".join(f"`{name}`" for name in entry.doc.aliases),
            entry.doc.category,
            _plain(entry.doc.summary),
            f"`{entry.doc.example}`",
            _plain(entry.reads_as),
        )
        for entry in entries()
    ]
    functions = _page(
        "Formula functions",
        "Every function that a formula may use, with an example about a shop and how Bisync reads it back. "
        "Values in square brackets may be left out, and `…` means more of the same. "
        "[The guide](../guide/formulas.md) explains the language.",
        ("function", "also written", "kind", "what it gives", "example", "reads as"),
        rows,
    )
    others = _table(
        ("names", "what to do"),
        [(", ".join(f"`{name}`" for name in one.names), _plain(one.instead)) for one in elsewhere()],
    )
    return f"{functions}\n## Names from elsewhere\n\nWhoever types one of these is told:\n\n{others}\n"


def _problems() -> str:
    rows = []
    for code, meaning in CODES.items():
        example = EXAMPLES[code]
        problem = example.problem(code)
        place = source(example.formula, problem)
        fixed = problem.fixes[0].text if problem.fixes else ""
        rows.append(
            (
                f"`{code}`",
                problem.level,
                _plain(meaning),
                f"`{example.shown}`" if example.formula else "",
                f"`{place}`" if place and len(place) < len(example.shown) else "",
                _plain(example.remedy),
                f"`{fixed}`" if fixed else "",
            )
        )
    return _page(
        "Problems of formulas",
        "What Bisync says about a formula, under codes that stay what they are. A formula with an error "
        "means nothing; one with a warning works, but perhaps not as meant. The examples are about a shop; "
        "where there is one, a click repairs the formula.",
        ("code", "level", "what it is", "example", "where", "what to do", "one click"),
        rows,
    )


def _rules() -> str:
    kinds = ", ".join(f"{label} (`{kind}`)" for kind, label in RULES.items())
    rows = [
        (f"`{one.name}`", one.source, ", ".join(f"`{theirs}`" for theirs in one.arguments.values()))
        for one in SPELLINGS
    ]
    return _page(
        "Data quality rules",
        "Each of dbt's tests is told as a rule, in one plain sentence, if its name stands here and its "
        "arguments say what they should; any other is a custom test, in the words of its description or its "
        "name. So are constraints of contracts and the freshness of sources. The package does not count, "
        "since projects copy tests; `where`, `row_condition`, `where_expression` and `group_by` are read of "
        "every test, and arguments under `arguments:` as well. "
        f"The kinds of rules: {kinds}. `positive_integer` is any lowest value of 0 or 1 without a highest.",
        ("test", "from", "arguments that are read"),
        rows,
    )


def _written_rules() -> str:
    tests = {kind: [f"`{test}`" for test in WAYS[promised]] for kind, promised in PROMISES.items()}
    for kind, test in METRIC_TESTS.items():
        tests.setdefault(kind, []).append(f"`{test}` (of a metric)")
    rows = [(f"{label} (`{kind}`)", ", ".join(tests[kind])) for kind, label in RULES.items() if kind in tests]
    return _page(
        "Rules as dbt tests",
        "The tests as which each rule can be written. Of those that can say exactly what is promised, the "
        "one that the project uses most is taken; else the first one that dbt brings, or a package that the "
        "project uses; a project's own copy of a package's test counts like that. Tests that begin with "
        f"`bisync_` come with the file `{MACRO_FILE}`, which is added with the first of them. "
        "Where the tests differ: `expect_column_values_to_be_in_set` alone breaks on a blank, so it is "
        "written and read as a rule of its own (one of these values, and never blank); "
        "`expect_column_values_to_match_regex` breaks on a blank in PostgreSQL alone, where it is not "
        "written anew; "
        "`expect_compound_columns_to_be_unique` passes over rows in which all of the columns are blank, and "
        "`expect_row_values_to_have_recent_data` over dates in the future, which the other tests count.",
        ("rule", "tests"),
        rows,
    )


def _permissions() -> str:
    rows = [
        (f"`{name}`", str(LABELS[name]), *("●" if role in granted else "" for role in Role))
        for name, granted in GRANTS.items()
    ]
    return _page(
        "Permissions",
        "What each role may do in its project; a person may hold several. Beside the roles there are rules: "
        "nobody approves a proposal that they wrote, and only its author edits a draft. Superusers count as "
        "admins.",
        ("permission", "in words", *(str(role.label) for role in Role)),
        rows,
    )


def _deeds() -> str:
    rows = [(f"`{deed}`", str(words)) for deed, words in sorted(DEEDS.items())]
    return _page(
        "Audit log",
        "Every change writes an event in the same transaction: who (nobody where Bisync acted by itself), "
        "the action, its target as `kind:key` with what it was called, the project, the environment where it "
        "was done in one, the fields before and after, the request or run, and the time. Each event holds "
        "the hash of its predecessor, made with the secret key.",
        ("action", "in words"),
        rows,
    )


def _settings() -> str:
    rows = [(f"`{name}`", str(default), str(meaning)) for name, (default, meaning) in SETTINGS.items()]
    return _page(
        "Settings",
        "All settings are environment variables, read once at start-up; a bad value stops it with a "
        "sentence. A secret may also come from a file: `NAME_FILE` names it. *Installation → Settings* shows "
        "what is in force.",
        ("variable", "default", "what it does"),
        rows,
    )


def _page(title: str, lead: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f"# {title}\n\n{lead} Made by `manage.py reference`.\n\n{_table(head, rows)}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _plain(sentence: str) -> str:
    return " ".join(sentence.replace("|", "\\|").split())
