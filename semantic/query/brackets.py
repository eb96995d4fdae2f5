"""Brackets where an operand needs them: sqlglot prints trees as they are and adds none."""

from __future__ import annotations

from sqlglot import exp

# From loose to tight. Signs and text joins are left out: dialects bind them differently.
LEVELS: tuple[tuple[type[exp.Expr], ...], ...] = (
    (exp.Or,),
    (exp.And,),
    (exp.Not,),
    (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between),
    (exp.Add, exp.Sub),
    (exp.Mul, exp.Div, exp.Mod),
)
CHAINS = (0, 1, 4, 5)


def bracketed(value: exp.Expr, around: type[exp.Expr] = exp.Neg, *, last: bool = False) -> exp.Expr:
    """The value as an operand of `around`, by default of one that binds tighter than any."""
    # AND and OR count among sqlglot's functions.
    called = isinstance(value, exp.Func) and not isinstance(value, exp.Connector)
    if called or not isinstance(value, (exp.Binary, exp.Not, exp.Neg, exp.In, exp.Between)):
        return value
    own, outer = _level(type(value)), _level(around)
    same = own == outer and not last and outer in CHAINS
    return value if outer >= 0 and (own > outer or same) else exp.paren(value, copy=False)


def _level(kind: type[exp.Expr]) -> int:
    """How tightly an operator binds; what is not in the table gets brackets everywhere and needs none."""
    return next((level for level, kinds in enumerate(LEVELS) if issubclass(kind, kinds)), -1)
