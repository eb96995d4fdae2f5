{#
  Who is behind a row: of three people drawn from the first "people" ones, the one who is most active.
  The result is one number that sorts by activity; its remainder by 100000000 is the person.

  Some people never become active, and some lose interest once enough others have joined after them.
#}
{% macro active_candidate(candidate, people, newcomers_until_bored, name) -%}
    (
        (
            {{ draw(candidate, name ~ ' activity') }} % 1000
            + case
                when {{ draw(candidate, name ~ ' loses interest') }} % 100 < 36
                    and {{ people }} - {{ candidate }}
                    > {{ draw(candidate, name ~ ' patience') }} % {{ newcomers_until_bored }}
                    then 2000
                else 0
            end
        ) * 100000000 + {{ candidate }}
    )
{%- endmacro %}
