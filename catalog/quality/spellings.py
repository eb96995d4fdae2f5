"""How dbt, its packages and projects spell the rules: each test's name, what it says, and its arguments."""

from __future__ import annotations

from collections.abc import Mapping

from catalog.quality import tellers as tell
from catalog.quality.spelling import BISYNC, DBT, ELEMENTARY, EXPECTATIONS, PROJECTS, UTILS, Spelling
from catalog.quality.tellers import either, plain

_BETWEEN = {"minimum": "min_value", "maximum": "max_value", "strictly": "strictly", "inclusive": "inclusive"}
_METRIC = {name: name for name in ("expression", "condition", "time_column", "grain")}
_HISTORY = "historical_trend_validation"
_never_blank = plain("not_null", "{subject} is never blank")
_never_twice = plain("unique", "no {subject} appears twice")
_as_ever = plain(_HISTORY, "{subject} stays as its history suggests")
_same_rows = plain("metric_consistency", "{about} has as many rows as {to}")
_same_total = either(
    plain("metric_consistency", "{expression} of {about} is the same as {other} of {to}"),
    plain("metric_consistency", "{expression} is the same for {about} and {to}"),
    plain("metric_consistency", "{expression} of {about} is the same as {other}"),
)


def _of(name: str, what: str) -> Spelling:
    return Spelling(name, EXPECTATIONS, tell.limits, _BETWEEN, {"of": what})


def _columns(name: str, how: str) -> Spelling:
    phrase = plain("structure", f"{{about}} {how} {{columns}}")
    return Spelling(name, EXPECTATIONS, phrase, {"columns": "column_list"})


def _pattern(name: str, argument: str, *, negated: bool = False, source: str = EXPECTATIONS) -> Spelling:
    arguments = {"patterns": argument, "match_on": "match_on"}
    return Spelling(name, source, tell.pattern, arguments, {"negated": True} if negated else {})


_DBT = (
    Spelling("not_null", DBT, _never_blank),
    Spelling("unique", DBT, _never_twice),
    Spelling("accepted_values", DBT, tell.accepted, {"values": "values"}),
    Spelling("relationships", DBT, tell.belongs, {"to": "to", "field": "field"}),
)
_UTILS = (
    Spelling("accepted_range", UTILS, tell.limits, _BETWEEN),
    Spelling("at_least_one", UTILS, plain("not_empty", "{subject} has at least one value")),
    Spelling(
        "cardinality_equality",
        UTILS,
        plain("metric_consistency", "{subject} has the same values, equally often, as {field} of {to}"),
        {"to": "to", "field": "field"},
    ),
    Spelling("equal_rowcount", UTILS, _same_rows, {"to": "compare_model"}),
    Spelling(
        "equality",
        UTILS,
        either(
            plain("metric_consistency", "{about} has the same rows as {to}, by {columns}"),
            plain("metric_consistency", "{about} has the same rows as {to}"),
        ),
        {"to": "compare_model", "columns": "compare_columns", "without": "exclude_columns"},
    ),
    Spelling(
        "expression_is_true",
        f"{UTILS}, {EXPECTATIONS}",
        tell.holds,
        {"expression": "expression", "test_condition": "test_condition"},
    ),
    Spelling(
        "fewer_rows_than",
        UTILS,
        plain("metric_consistency", "{about} has fewer rows than {to}"),
        {"to": "compare_model"},
    ),
    Spelling(
        "mutually_exclusive_ranges",
        UTILS,
        tell.apart,
        {"low": "lower_bound_column", "high": "upper_bound_column", "by": "partition_by", "gaps": "gaps"},
    ),
    Spelling("not_accepted_values", UTILS, tell.accepted, {"values": "values"}, {"negated": True}),
    Spelling("not_constant", UTILS, plain("in_range", "{subject} has more than one value")),
    Spelling("not_empty_string", UTILS, plain("not_null", "{subject} is never an empty text")),
    Spelling(
        "not_null_proportion", UTILS, tell.mostly_filled, {"at_least": "at_least", "at_most": "at_most"}
    ),
    Spelling("recency", UTILS, tell.recent, {"field": "field", "unit": "datepart", "interval": "interval"}),
    Spelling(
        "relationships_where",
        UTILS,
        tell.belongs,
        {"to": "to", "field": "field", "to_where": "to_condition"},
    ),
    Spelling("sequential_values", UTILS, tell.one_by_one, {"interval": "interval", "unit": "datepart"}),
    Spelling("unique_combination_of_columns", UTILS, tell.together, {"columns": "combination_of_columns"}),
)
_VALUES = (
    Spelling("expect_column_values_to_not_be_null", EXPECTATIONS, _never_blank),
    Spelling(
        "expect_column_values_to_be_null",
        EXPECTATIONS,
        plain("accepted_values", "{subject} is always blank"),
    ),
    Spelling("expect_column_values_to_be_unique", EXPECTATIONS, _never_twice),
    Spelling("expect_compound_columns_to_be_unique", EXPECTATIONS, tell.together, {"columns": "column_list"}),
    Spelling(
        "expect_select_column_values_to_be_unique_within_record",
        EXPECTATIONS,
        plain("always_true", "{columns} differ from each other in every row"),
        {"columns": "column_list"},
    ),
    # Unlike dbt's own test, these two count a blank as none of the values.
    Spelling(
        "expect_column_values_to_be_in_set",
        EXPECTATIONS,
        tell.accepted,
        {"values": "value_set"},
        {"filled": True},
    ),
    Spelling(
        "expect_column_values_to_not_be_in_set",
        EXPECTATIONS,
        tell.accepted,
        {"values": "value_set"},
        {"negated": True},
    ),
    Spelling(
        "expect_column_distinct_values_to_be_in_set",
        EXPECTATIONS,
        tell.accepted,
        {"values": "value_set"},
        {"filled": True},
    ),
    Spelling(
        "expect_column_distinct_values_to_contain_set",
        EXPECTATIONS,
        plain("accepted_values", "{subject} takes every one of {values}"),
        {"values": "value_set"},
    ),
    Spelling(
        "expect_column_distinct_values_to_equal_set",
        EXPECTATIONS,
        plain("accepted_values", "{subject} takes every one of {values}, and nothing else"),
        {"values": "value_set"},
    ),
    Spelling(
        "expect_column_most_common_value_to_be_in_set",
        EXPECTATIONS,
        plain("accepted_values", "the commonest {subject} is {values}", word="or"),
        {"values": "value_set", "top": "top_n"},
    ),
    Spelling(
        "expect_column_pair_values_to_be_in_set",
        EXPECTATIONS,
        plain("accepted_values", "{left} with {right} is one of {values}", word="or"),
        {"left": "column_A", "right": "column_B", "values": "value_pairs_set"},
    ),
    Spelling(
        "expect_column_pair_values_to_be_equal",
        EXPECTATIONS,
        plain("always_true", "{left} is always the same as {right}"),
        {"left": "column_A", "right": "column_B"},
    ),
    Spelling(
        "expect_column_pair_values_A_to_be_greater_than_B",
        EXPECTATIONS,
        tell.in_order,
        {"left": "column_A", "right": "column_B", "or_equal": "or_equal"},
    ),
    Spelling(
        "expect_multicolumn_sum_to_equal",
        EXPECTATIONS,
        plain("always_true", "the total of {columns} is {value}"),
        {"columns": "column_list", "value": "sum_total"},
    ),
)
_RANGES = (
    Spelling("expect_column_values_to_be_between", EXPECTATIONS, tell.limits, _BETWEEN),
    _of("expect_column_max_to_be_between", "highest value"),
    _of("expect_column_min_to_be_between", "lowest value"),
    _of("expect_column_mean_to_be_between", "average"),
    _of("expect_column_median_to_be_between", "median"),
    _of("expect_column_sum_to_be_between", "total"),
    _of("expect_column_stdev_to_be_between", "standard deviation"),
    _of("expect_column_unique_value_count_to_be_between", "number of different values"),
    _of("expect_column_proportion_of_unique_values_to_be_between", "share of different values"),
    _of("expect_column_value_lengths_to_be_between", "length"),
    Spelling(
        "expect_column_quantile_values_to_be_between",
        EXPECTATIONS,
        tell.limits,
        {**_BETWEEN, "quantile": "quantile"},
        {"of": "quantile"},
    ),
    Spelling(
        "expression_between",
        EXPECTATIONS,
        tell.expression_limits,
        {**_BETWEEN, "expression": "expression"},
    ),
    Spelling(
        "expect_column_value_lengths_to_equal",
        EXPECTATIONS,
        plain("in_range", "the length of {subject} is {value}"),
        {"value": "value"},
    ),
    Spelling(
        "expect_column_distinct_count_to_equal",
        EXPECTATIONS,
        plain("in_range", "the number of different values of {subject} is {value}"),
        {"value": "value"},
    ),
    Spelling(
        "expect_column_distinct_count_to_be_greater_than",
        EXPECTATIONS,
        tell.limits,
        {"minimum": "value"},
        {"of": "number of different values", "strictly": True},
    ),
    Spelling(
        "expect_column_distinct_count_to_be_less_than",
        EXPECTATIONS,
        tell.limits,
        {"maximum": "value"},
        {"of": "number of different values", "strictly": True},
    ),
    _pattern("expect_column_values_to_match_regex", "regex"),
    _pattern("expect_column_values_to_match_regex_list", "regex_list"),
    _pattern("expect_column_values_to_not_match_regex", "regex", negated=True),
    _pattern("expect_column_values_to_not_match_regex_list", "regex_list", negated=True),
    _pattern("expect_column_values_to_match_like_pattern", "like_pattern"),
    _pattern("expect_column_values_to_match_like_pattern_list", "like_pattern_list"),
    _pattern("expect_column_values_to_not_match_like_pattern", "like_pattern", negated=True),
    _pattern("expect_column_values_to_not_match_like_pattern_list", "like_pattern_list", negated=True),
    Spelling(
        "expect_column_values_to_have_consistent_casing",
        EXPECTATIONS,
        plain("matches_pattern", "{subject} has capital and small letters the same way everywhere"),
    ),
)
_TABLES = (
    Spelling("expect_table_row_count_to_be_between", EXPECTATIONS, tell.rows, _BETWEEN),
    Spelling(
        "expect_table_row_count_to_equal",
        EXPECTATIONS,
        plain("row_count_between", "the number of rows of {about} is {value}"),
        {"value": "value"},
    ),
    Spelling(
        "expect_table_row_count_to_equal_other_table",
        EXPECTATIONS,
        _same_rows,
        {"to": "compare_model", "factor": "factor"},
    ),
    Spelling(
        "expect_table_row_count_to_equal_other_table_times_factor",
        EXPECTATIONS,
        plain("metric_consistency", "{about} has {factor} times as many rows as {to}"),
        {"to": "compare_model", "factor": "factor"},
    ),
    Spelling(
        "expect_table_aggregation_to_equal_other_table",
        EXPECTATIONS,
        _same_total,
        {"to": "compare_model", "expression": "expression", "other": "compare_expression"},
    ),
    Spelling(
        "equal_expression",
        EXPECTATIONS,
        _same_total,
        {
            "to": "compare_model",
            "expression": "expression",
            "other": "compare_expression",
            "tolerance": "tolerance",
        },
    ),
    Spelling(
        "expect_column_distinct_count_to_equal_other_table",
        EXPECTATIONS,
        either(
            plain("metric_consistency", "{subject} has as many different values as {field} of {to}"),
            plain("metric_consistency", "{subject} has as many different values as in {to}"),
        ),
        {"to": "compare_model", "field": "compare_column_name"},
    ),
    Spelling(
        "expect_row_values_to_have_recent_data",
        EXPECTATIONS,
        tell.recent,
        {"unit": "datepart", "interval": "interval"},
    ),
    Spelling(
        "expect_grouped_row_values_to_have_recent_data",
        EXPECTATIONS,
        tell.recent,
        {"field": "timestamp_column", "unit": "datepart", "interval": "interval"},
    ),
    Spelling(
        "expect_row_values_to_have_data_for_every_n_datepart",
        EXPECTATIONS,
        tell.every_period,
        {"field": "date_col", "unit": "date_part", "interval": "interval"},
    ),
    Spelling(
        "expect_column_values_to_be_increasing",
        EXPECTATIONS,
        tell.rising,
        {"along": "sort_column", "strictly": "strictly"},
    ),
    Spelling(
        "expect_column_values_to_be_decreasing",
        EXPECTATIONS,
        tell.rising,
        {"along": "sort_column", "strictly": "strictly"},
        {"falling": True},
    ),
    Spelling(
        "expect_column_values_to_be_within_n_moving_stdevs",
        EXPECTATIONS,
        tell.as_before,
        {"sigma": "sigma_threshold", "field": "date_column_name"},
        {"moving": True},
    ),
    Spelling(
        "expect_column_values_to_be_within_n_stdevs",
        EXPECTATIONS,
        tell.as_before,
        {"sigma": "sigma_threshold"},
    ),
    Spelling("expect_column_to_exist", EXPECTATIONS, plain("structure", "{about} has the column {column}")),
    Spelling(
        "expect_column_values_to_be_of_type",
        EXPECTATIONS,
        plain("structure", "{subject} has the type {types}"),
        {"types": "column_type"},
    ),
    Spelling(
        "expect_column_values_to_be_in_type_list",
        EXPECTATIONS,
        plain("structure", "{subject} has the type {types}", word="or"),
        {"types": "column_type_list"},
    ),
    Spelling("expect_table_column_count_to_be_between", EXPECTATIONS, tell.column_count, _BETWEEN),
    Spelling(
        "expect_table_column_count_to_equal",
        EXPECTATIONS,
        plain("structure", "the number of columns of {about} is {value}"),
        {"value": "value"},
    ),
    Spelling(
        "expect_table_column_count_to_equal_other_table",
        EXPECTATIONS,
        plain("structure", "{about} has as many columns as {to}"),
        {"to": "compare_model"},
    ),
    _columns("expect_table_columns_to_contain_set", "has the columns"),
    _columns("expect_table_columns_to_match_set", "has exactly the columns"),
    _columns("expect_table_columns_to_match_ordered_list", "has exactly, and in this order, the columns"),
    _columns("expect_table_columns_to_not_contain_set", "has none of the columns"),
)
_ELEMENTARY = (
    Spelling("accepted_range_with_context", ELEMENTARY, tell.limits, _BETWEEN),
    Spelling("not_null_with_context", ELEMENTARY, _never_blank),
    Spelling("relationships_with_context", ELEMENTARY, tell.belongs, {"to": "to", "field": "field"}),
    Spelling("expect_column_values_to_be_unique_with_context", ELEMENTARY, _never_twice),
    Spelling("expect_column_values_to_not_be_null_with_context", ELEMENTARY, _never_blank),
    _pattern("expect_column_values_to_match_regex_with_context", "regex", source=ELEMENTARY),
    Spelling(
        "column_anomalies",
        ELEMENTARY,
        either(tell.usual, _as_ever),
        {"watched": "column_anomalies", "field": "timestamp_column"},
    ),
    Spelling(
        "all_columns_anomalies",
        ELEMENTARY,
        plain(_HISTORY, "every column of {about} stays as its history suggests"),
    ),
    Spelling("table_anomalies", ELEMENTARY, plain(_HISTORY, "{about} stays as its history suggests")),
    Spelling(
        "dimension_anomalies",
        ELEMENTARY,
        plain(_HISTORY, "the rows of each {dimensions} stay as their history suggests"),
        {"dimensions": "dimensions"},
    ),
    Spelling(
        "volume_anomalies",
        ELEMENTARY,
        plain("row_count_between", "{about} gets about as many rows as before"),
    ),
    Spelling(
        "volume_threshold",
        ELEMENTARY,
        either(
            plain("reasonable_growth_rate", "the number of rows of {about} changes by at most {percent} %"),
            plain("reasonable_growth_rate", "the number of rows of {about} does not jump"),
        ),
        {"percent": "error_threshold_percent"},
    ),
    Spelling(
        "freshness_anomalies", ELEMENTARY, plain("freshness", "{about} is loaded about as often as before")
    ),
    Spelling(
        "event_freshness_anomalies",
        ELEMENTARY,
        plain("freshness", "the events of {about} arrive about as soon as before"),
    ),
    Spelling("data_freshness_sla", ELEMENTARY, tell.by_the_hour, {"hour": "sla_time", "zone": "timezone"}),
    Spelling("execution_sla", ELEMENTARY, tell.by_the_hour, {"hour": "sla_time", "zone": "timezone"}),
    Spelling(
        "schema_changes", ELEMENTARY, plain("structure", "the columns of {about} stay as they were last time")
    ),
    Spelling(
        "schema_changes_from_baseline",
        ELEMENTARY,
        plain("structure", "the columns of {about} are those that its file declares"),
    ),
    Spelling(
        "exposure_schema_validity",
        ELEMENTARY,
        plain("structure", "{about} has the columns that its exposures need"),
    ),
    Spelling("json_schema", ELEMENTARY, plain("structure", "{subject} is JSON as its schema wants it")),
)
_OTHERS = (
    Spelling(
        "bisync_metric_in_range",
        BISYNC,
        tell.metric_limits,
        {
            "expression": "expression",
            "condition": "condition",
            "minimum": "minimum",
            "maximum": "maximum",
            "allow_blank": "allow_blank",
            "grain": "grain",
            "time_column": "time_column",
        },
    ),
    Spelling("bisync_mostly_filled", BISYNC, tell.mostly_filled, {"at_least": "at_least"}),
    Spelling("bisync_unique_together", BISYNC, tell.together, {"columns": "columns"}),
    Spelling("bisync_not_accepted_values", BISYNC, tell.accepted, {"values": "values"}, {"negated": True}),
    Spelling(
        "bisync_in_range",
        BISYNC,
        tell.limits,
        {"minimum": "minimum", "maximum": "maximum", "inclusive": "inclusive", "integer": "integer"},
    ),
    Spelling("bisync_matches_pattern", BISYNC, tell.pattern, {"patterns": "pattern", "negated": "negated"}),
    Spelling(
        "bisync_recent",
        BISYNC,
        tell.metric_recent,
        {"field": "time_column", "unit": "unit", "interval": "interval"},
    ),
    Spelling(
        "bisync_metric_change_within",
        BISYNC,
        tell.metric_growth,
        {**_METRIC, "increase": "increase", "decrease": "decrease", "base": "base"},
    ),
    Spelling("bisync_metric_progression", BISYNC, tell.metric_order, {"steps": "steps", "grain": "grain"}),
    Spelling(
        "bisync_metric_matches",
        BISYNC,
        tell.metric_same,
        {
            **_METRIC,
            "other": "other",
            "other_model": "other_model",
            "other_expression": "other_expression",
            "other_condition": "other_condition",
            "other_time_column": "other_time_column",
            "tolerance": "tolerance",
        },
    ),
    Spelling(
        "bisync_metric_within_history",
        BISYNC,
        tell.metric_history,
        {**_METRIC, "periods": "periods", "sigma": "sigma"},
    ),
    Spelling("bisync_row_count", BISYNC, tell.rows, {"minimum": "minimum", "maximum": "maximum"}),
    Spelling("bisync_always_true", BISYNC, tell.holds, {"expression": "condition"}),
    Spelling("is_between", PROJECTS, tell.limits, {"minimum": "minimum", "maximum": "maximum"}),
    Spelling("unique_proportion", PROJECTS, tell.mostly_unique, {"at_least": "at_least"}),
    Spelling(
        "warn_if_null_percentage_is_100",
        PROJECTS,
        plain("mostly_filled", "{subject} is not blank in every row"),
    ),
)
SPELLINGS: tuple[Spelling, ...] = (
    *(*_DBT, *_UTILS, *_VALUES, *_RANGES, *_TABLES),
    *(*_ELEMENTARY, *_OTHERS),
)
BY_NAME: Mapping[str, Spelling] = {one.name: one for one in SPELLINGS}
