{#
  The same pseudo-random number for the same row, on every database and on every run.

  Only additions, multiplications and remainders of 64-bit integers are used, because hash functions and random()
  differ between databases. Squaring twice modulo a prime breaks up the pattern of consecutive keys;
  no product exceeds 2^62. The name gives each decision about a row a sequence of its own.

  The result is a whole number from 0 to 2147483646: take "% 100" for a percentage.
#}
{% macro draw(key, name) -%}
    {%- set prime = 2147483647 -%}
    {%- set salt = local_md5(name)[:7] | int(base=16) -%}
    {%- set first = "((cast(" ~ key ~ " as bigint) + " ~ salt % 100003 ~ ") * 48271 + " ~ salt ~ ") % " ~ prime -%}
    {%- set second = "((" ~ first ~ ") * (" ~ first ~ ") + " ~ salt ~ ") % " ~ prime -%}
    (({{ second }}) * ({{ second }}) % {{ prime }})
{%- endmacro %}


{# One of the options, all equally likely. #}
{% macro pick(number, options) -%}
    case {{ number }} % {{ options | length }}
    {%- for option in options %}
        when {{ loop.index0 }} then '{{ option }}'
    {%- endfor %}
    end
{%- endmacro %}


{# One of the options; the weights say how likely each is: {'web': 70, 'store': 30}. An option of none gives null. #}
{% macro pick_weighted(number, weights) -%}
    {%- set total = weights.values() | sum -%}
    {%- set ns = namespace(up_to=0) -%}
    case
    {%- for option, weight in weights.items() %}
        {%- set ns.up_to = ns.up_to + weight %}
        when {{ number }} % {{ total }} < {{ ns.up_to }} then {{ "null" if option is none else "'" ~ option ~ "'" }}
    {%- endfor %}
    end
{%- endmacro %}
