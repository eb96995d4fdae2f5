"""A dbt project of any size as files: layers of models over sources, with columns, descriptions and tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from bench._manifest import WORDS

# So many models are described in one file, as people do.
_IN_A_FILE = 20


def write(folder: Path, models: int, *, columns: int = 10, seed: int = 1) -> None:
    """Write `models` models with `columns` columns and two tests each, and a source for each tenth."""
    dice = random.Random(seed)
    sources = [f"s{n}" for n in range(models // 10 or 1)]
    marts = folder / "models" / "marts"
    marts.mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(
        "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {shop: {marts: {+materialized: table}}}\n"
    )
    tables = "".join(f"      - {{name: {name}, description: Loaded as {name}.}}\n" for name in sources)
    (folder / "models" / "sources.yml").write_text(f"sources:\n  - name: raw\n    tables:\n{tables}")
    for number in range(models):
        read = [f"source('raw', '{dice.choice(sources)}')"] if number < len(sources) else []
        earlier = range(max(0, number - 200), number)
        read += [f"ref('m{n}')" for n in dice.sample(earlier, min(len(earlier), dice.randint(1, 3)))]
        (marts / f"m{number}.sql").write_text(sql(read, columns))
    for start in range(0, models, _IN_A_FILE):
        some = range(start, min(start + _IN_A_FILE, models))
        lines = "".join(line for number in some for line in _described(number, columns))
        (marts / f"_models_{start}.yml").write_text(f"models:\n{lines}")


def sql(read: list[str], columns: int, also: str = "") -> str:
    """A model that joins what it reads."""
    tables = ",\n".join(f"p{n} as (select * from {{{{ {one} }}}})" for n, one in enumerate(read))
    chosen = ",\n    ".join(f"p{n % len(read)}.c{n}" for n in range(columns))
    joins = " ".join(f"left join p{n} on p{n}.c0 = p0.c0" for n in range(1, len(read)))
    return f"with {tables}\nselect\n    {chosen}{also}\nfrom p0 {joins}\n"


def _described(number: int, columns: int) -> Iterator[str]:
    yield f"  - name: m{number}\n    description: What {WORDS[number % 10]} number {number} is about.\n"
    yield "    columns:\n"
    for n in range(columns):
        yield f"      - name: c{n}\n        description: The {WORDS[n % 10]}, as the business counts it.\n"
        if n in (0, 1 + number % (columns - 1)):
            yield f"        data_tests: [{'not_null' if n else 'unique'}]\n"
