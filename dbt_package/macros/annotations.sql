{#- What a column means, said where it is made. Each macro renders plain SQL, and keeps what it was told in
    the model's meta, from where Bisync reads it. dbt merges meta by its first keys, so each has a key of its
    own. -#}

{%- macro dimension(name, description='', type='categorical') -%}
    {%- do bisync.annotate('dimension', name, {'description': description, 'type': type}) -%}
    {{ name }}
{%- endmacro -%}

{%- macro measure(name, description='', agg='sum', expr=none) -%}
    {%- do bisync.annotate('measure', name, {'description': description, 'agg': agg}) -%}
    {{ (expr ~ ' as ' ~ name) if expr else name }}
{%- endmacro -%}

{#- The SQL of a calculation that was agreed in Bisync: the project's macro `bisync_calculation_<name>`. -#}
{%- macro generated_calculation(name, description='') -%}
    {%- set calculation = context.get('bisync_calculation_' ~ name) -%}
    {%- if calculation is none -%}
        {{ exceptions.raise_compiler_error(
            "There is no calculation " ~ name ~ ": the project has no macro bisync_calculation_" ~ name
            ~ ". Publish it in Bisync, or take the line out."
        ) }}
    {%- endif -%}
    {%- do bisync.annotate('calculation', name, {'description': description}) -%}
    {{ calculation() }} as {{ name }}
{%- endmacro -%}

{%- macro annotate(kind, name, told) -%}
    {%- do config(meta={'bisync_' ~ kind ~ '.' ~ name: told}) -%}
{%- endmacro -%}
