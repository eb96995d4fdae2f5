"""The rows that a total is taken over: one model, joined to the neighbours that conditions need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from sqlglot import exp, parse_one
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from semantic.definitions import Dimension, Entity, Grain, Model, Vocabulary
from semantic.query.dialects import known
from semantic.query.spec import Unsupported

KEYS = ("primary", "unique")
# Names that warehouses take for something else: `user` is the one who asks.
_RESERVED = """
    all analyse analyze and any array as asc asymmetric authorization between binary both by case cast check
    collate collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable delete desc distinct do
    drop else end except exists false fetch for foreign freeze from full grant group having ilike in
    initially inner insert intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table tablesample then
    to trailing true union unique update user using values variadic verbose when where window with
"""
RESERVED = frozenset(_RESERVED.split())
# What a repository may hold as SQL; far beyond what people write.
MOST_CHARACTERS = 10_000
MOST_LEVELS = 200


def link(base: Model, neighbour: Model) -> tuple[Entity, Entity] | None:
    """The entity by which each row of `base` leads to at most one row of `neighbour`, on both sides."""
    if base.semantic is None or neighbour.semantic is None:
        return None
    for own in base.semantic.entities:
        other = neighbour.semantic.entity(own.name)
        if other is not None and other.type in KEYS:
            return own, other
    return None


@dataclass(frozen=True, slots=True)
class Hop:
    """One step from a model to a neighbour: an entity, seen from both sides."""

    here: Model
    own: Entity
    there: Model
    other: Entity


def route(
    base: Model, path: tuple[str, ...], name: str, vocabulary: Vocabulary
) -> tuple[list[Hop], Model, Dimension]:
    """The way to the dimension `a__b__name`, as MetricFlow goes it, and the model that has it."""
    if base.semantic and path == (base.semantic.own_entity,):
        own = next((d for d in base.semantic.dimensions if d.name == name), None)
        if own is not None:
            return [], base, own
    if not path:
        raise Unsupported(f"The filter does not say whose dimension {name} is.")
    hops = next(_ways(base, path, name, vocabulary), None)
    if hops is None:
        raise Unsupported(f"Nothing leads from {base.name} to {'__'.join((*path, name))}.")
    there = hops[-1].there
    dimensions = there.semantic.dimensions if there.semantic else ()
    return hops, there, next(d for d in dimensions if d.name == name)


def _ways(here: Model, path: tuple[str, ...], name: str, vocabulary: Vocabulary) -> Iterator[list[Hop]]:
    """The ways over these entities to a dimension of that name; several models may have the same key."""
    entity, *rest = path
    own = here.semantic and here.semantic.entity(entity)
    for there in vocabulary.models.values():
        other = there.semantic and there.semantic.entity(entity)
        if not own or not other or not there.semantic or there.name == here.name or other.type not in KEYS:
            continue
        hop = Hop(here, own, there, other)
        if rest:
            yield from ([hop, *further] for further in _ways(there, tuple(rest), name, vocabulary))
        elif any(d.name == name for d in there.semantic.dimensions):
            yield [hop]


def truncated(value: exp.Expr, grain: Grain, dialect: str) -> exp.Expr:
    """The moment at which the period of `value` begins; weeks begin on Monday."""
    if known(dialect).separates_moments:
        unit = "ISOWEEK" if grain == "week" else grain.upper()
        day = exp.cast(value, "date")
        return exp.DateTrunc(this=day, unit=exp.var(unit))  # type: ignore[no-untyped-call]
    return exp.TimestampTrunc(this=value, unit=exp.var(grain.upper()))


def identifier(name: str, dialect: str) -> exp.Identifier:
    """A column's or table's name, quoted only where the warehouse would otherwise misread it."""
    if not (name.isidentifier() and name.isascii() and name.islower()):
        return exp.to_identifier(name, quoted=True)
    if name not in RESERVED or _quotes_by_itself(dialect):
        return exp.to_identifier(name)
    # In quotes it has to be spelled as the warehouse keeps it.
    upper = Dialect.get_or_raise(dialect or None).NORMALIZATION_STRATEGY.name == "UPPERCASE"
    return exp.to_identifier(name.upper() if upper else name, quoted=True)


@cache
def _quotes_by_itself(dialect: str) -> bool:
    """Whether sqlglot knows which words a dialect keeps for itself, and quotes them."""
    return bool(Dialect.get_or_raise(dialect or None).generator_class.RESERVED_KEYWORDS)


def parsed(sql: str, dialect: str) -> exp.Expr:
    """SQL of the repository as a tree, where it is one expression and nothing else."""
    if "{{" in sql or "{%" in sql or "{#" in sql:
        raise Unsupported(f"`{sql}` holds Jinja, which only dbt can read.")
    if len(sql) > MOST_CHARACTERS:
        raise Unsupported(f"`{sql[:60]}…` is longer than the SQL that Bisync reads.")
    try:
        tree = parse_one(sql, dialect=dialect)
    except (SqlglotError, RecursionError) as error:
        raise Unsupported(f"`{sql}` is SQL that Bisync cannot read.") from error
    if deeper(tree, MOST_LEVELS):
        raise Unsupported(f"`{sql[:60]}…` is nested more deeply than the SQL that Bisync reads.")
    if tree.find(exp.Query, exp.Command, exp.DDL, exp.Block):
        raise Unsupported(f"`{sql}` holds a query of its own.")
    return tree


def deeper(tree: exp.Expr, levels: int) -> bool:
    """Whether a tree has more levels than whoever reads it level by level can take."""
    waiting = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        if level > levels:
            return True
        waiting += [(child, level + 1) for child in node.iter_expressions()]
    return False


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where models stand and how their SQL is spelled."""

    vocabulary: Vocabulary
    relations: Mapping[str, str]
    dialect: str

    def table(self, model: str, alias: str) -> exp.Table:
        if model not in self.relations:
            raise Unsupported(f"The model {model} has not been built here yet.")
        name = identifier(alias, self.dialect)
        return exp.to_table(self.relations[model], dialect=self.dialect, alias=name)

    def spine(self) -> tuple[exp.Table, exp.Expr]:
        """dbt's table of all days, and the day in it."""
        model, _, column = self.vocabulary.time_spine.partition(".")
        if not column:
            raise Unsupported("The dbt project has no time spine, which this metric needs.")
        day = exp.cast(exp.column(identifier(column, self.dialect), table="spine"), "date")
        return self.table(model, "spine"), day


@dataclass(slots=True)
class Rows:
    """The rows of `model`; asking for a neighbour's column adds the join that leads there."""

    model: Model
    warehouse: Warehouse
    joins: dict[tuple[str, ...], exp.Join] = field(default_factory=dict)

    def column(self, model: str, column: str) -> exp.Expr:
        """A column of the model itself or of a neighbour that its rows lead to."""
        if model == self.model.name:
            return self.named(model, column)
        neighbour = self.warehouse.vocabulary.models[model]
        keys = link(self.model, neighbour)
        if keys is None:
            raise Unsupported(f"No entity in dbt leads from {self.model.name} to {model}.")
        self._join(Hop(self.model, keys[0], neighbour, keys[1]), (keys[0].name,))
        return self.named(model, column)

    def named(self, model: str, column: str) -> exp.Column:
        """A column of a model that is there."""
        dialect = self.warehouse.dialect
        return exp.column(identifier(column, dialect), table=identifier(model, dialect))

    def expression(self, sql: str, model: str = "") -> exp.Expr:
        """SQL over one row of the model (or of a joined one), each column with its table."""
        tree = parsed(sql, self.warehouse.dialect)
        table = identifier(model or self.model.name, self.warehouse.dialect)
        for column in list(tree.find_all(exp.Column)):
            if column.table and column.table != table.name:
                raise Unsupported(f"`{sql}` names the table {column.table}.")
            column.set("table", table.copy())
        return tree

    def operand(self, sql: str, model: str = "") -> exp.Expr:
        """The same in brackets, where other operators may stand beside it."""
        tree = self.expression(sql, model)
        return exp.paren(tree, copy=False) if isinstance(tree, (exp.Binary, exp.Not)) else tree

    def dimension(self, path: tuple[str, ...], name: str, grain: Grain | None) -> exp.Expr:
        """What `Dimension('a__b__name')` stands for, seen from the model: `path` is (a, b)."""
        hops, model, dimension = route(self.model, path, name, self.warehouse.vocabulary)
        for position, hop in enumerate(hops, start=1):
            self._join(hop, path[:position])
        value = self.operand(dimension.expr, model.name)
        if dimension.type == "categorical":
            return value
        wanted = grain or dimension.granularity
        if wanted is None:
            raise Unsupported(f"The time dimension {name} is finer than a day.")
        return truncated(value, wanted, self.warehouse.dialect)

    def entity(self, name: str) -> exp.Expr:
        """The key that an entity of the model stands for."""
        found = self.model.semantic and self.model.semantic.entity(name)
        if not found:
            raise Unsupported(f"{self.model.name} has no entity {name}.")
        return self.operand(found.expr)

    def add(self, other: Rows) -> None:
        """Take over the joins that other totals of the same rows need."""
        for path, join in other.joins.items():
            self._lead(path, join)

    def _join(self, hop: Hop, path: tuple[str, ...]) -> None:
        condition = exp.EQ(
            this=self.operand(hop.own.expr, hop.here.name),
            expression=self.operand(hop.other.expr, hop.there.name),
        )
        table = self.warehouse.table(hop.there.name, hop.there.name)
        # The same entity may lead to several models.
        self._lead((*path, hop.there.name), exp.Join(this=table, on=condition, side="LEFT"))

    def _lead(self, path: tuple[str, ...], join: exp.Join) -> None:
        if path in self.joins:
            return
        model = join.alias_or_name
        if model in {self.model.name, *(known.alias_or_name for known in self.joins.values())}:
            raise Unsupported(f"{self.model.name} leads to {model} in two ways.")
        self.joins[path] = join

    def select(self, *columns: exp.Expr) -> exp.Select:
        """`SELECT columns FROM` these rows."""
        query = exp.select(*columns).from_(self.warehouse.table(self.model.name, self.model.name))
        for join in self.joins.values():
            query = query.join(join.copy())
        return query
