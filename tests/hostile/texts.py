"""What somebody might type who does not want to be understood as text.

CANARY is the value of the variable CANARY in the environment of whoever would evaluate a text, EVALUATED what
a sum in a text comes to, MARKER the file that a command in a text makes.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

CANARY = "canary-8e1f-never-shown"
EVALUATED = str(7 * 191 * 1009)
MARKER = Path(tempfile.gettempdir()) / f"bisync-hostile-{os.getpid()}"

JINJA = {
    "a variable": "{{ env_var('CANARY') }}",
    "a variable in a word": "Net{{env_var('CANARY')}}sales",
    "a sum": "{{ 7 * 191 * 1009 }}",
    "a query": "{{ run_query('create table hostile as select 1') }}",
    "a statement": "{% do run_query('create table hostile as select 1') %}",
    "a loop": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "a comment": "{# nobody sees this #}",
    "a beginning": "Sales {{ of the year",
    "a beginning of a statement": "Sales {% of the year",
    "an end": "Sales }} of the year",
    "rendered twice": "{{ '{{' }} env_var('CANARY') {{ '}}' }}",
    "raw": "{% raw %}{{ env_var('CANARY') }}{% endraw %}",
    "globals": "{{ lipsum.__globals__['os'].popen('touch MARKER') }}",
    "Django's": "{% load static %}{% debug %}{{ settings.SECRET_KEY }}",
}
SQL = {
    "a quote": "O'Reilly",
    "an injection": "'; DROP TABLE governance_user; --",
    "a commit": "b')) dbt_internal_test; commit; create table hostile as select 1; --",
    "a copy": "'); copy (select 1) to 'MARKER'; --",
    "a union": "1 UNION SELECT password FROM governance_user",
    "a double quote": '"; drop schema analytics cascade; --',
    "dollars": "$$; select pg_read_file('/etc/passwd'); $$",
    "a comment": "/* sales */ -- and more",
    "a wildcard": "100%_of_it",
}
YAML = {
    "a mapping": "sales: {of: everything}",
    "a document": "---\nmetrics: []\n...",
    "an anchor": "&sales everything",
    "an alias": "*sales",
    "a tag": "!!python/object/apply:os.system ['touch MARKER']",
    "a block": "| sales\n  of everything",
    "a list": "- sales\n- of everything",
    "a comment": "sales # of everything",
    "a boolean": "no",
    "a null": "~",
    "line separators": "sales\u2028of\u2029everything\u0085here",
    "percent": "%YAML 1.1",
    "quotes": "\"sales\\x41\\\" 'of'",
}
UNICODE = {
    "a byte order mark": "\ufeffSales",
    "a zero": "Sales\x00of the year",
    "controls": "Sales\x07\x1b[31m\x08",
    "right to left": "Sales \u202egnp.exe",
    "no width": "Sa\u200bles",
    "no character": "Sales \uffff\ufdd0",
    "many marks": "S" + "\u0301" * 300,
    "an emoji": "Sales 👩‍👩‍👧‍👦 of the year",
    "Turkish": "İstanbul ılık",  # noqa: RUF001
    "a carriage return": "Sales\rof\r\nthe\nyear",
    "too long": "x" * 10_001,
    "blanks": " \u00a0\u3000\t ",
}
HTML = {
    "a script": "<script>alert('pwn')</script>",
    "a way out of an attribute": "\"><script>alert('pwn')</script>",
    "a way out of a text": "</textarea></title><script>alert('pwn')</script>",
    "a way out of JSON": "</script><script>alert('pwn')</script>",
    "an image": "<img src=x onerror=alert('pwn')>",
    "a drawing": "<svg/onload=alert('pwn')>",
    "an address": "javascript:alert('pwn')",
    "a link": "[sales](javascript:alert('pwn')) <a href=\"javascript:alert('pwn')\">sales</a>",
    "data": "data:text/html,<script>alert('pwn')</script>",
    "htmx": "<div hx-get='/account/tokens/' hx-trigger=load hx-on:load=alert('pwn')>",
    "a comment": "<!-- sales --><!--[if IE]><script>alert('pwn')</script><![endif]-->",
}
SHELL = {
    "a command": "$(touch MARKER)",
    "backticks": "`touch MARKER`",
    "a new line": "main\ntouch MARKER",
    "an option": "--output=MARKER",
    "an upload": "--upload-pack=touch MARKER",
    "a dash": "-x",
    "a way up": "../../../../etc/passwd",
    "a file address": "file:///etc/passwd",
    "a helper": "ext::sh -c 'touch MARKER'",
    "the machine itself": "http://169.254.169.254/latest/meta-data/",
    "a variable": "${CANARY} $CANARY %CANARY%",
}
OTHERS = {
    "a digit first": "2nd quarter",
    "a name that is taken": "revenue",
    "a formula": '=HYPERLINK("http://x.example","sales")',
    "percent": "%s %(CANARY)s %n %99999999d",
    "braces": "{0} {0.__class__} {CANARY} {settings.SECRET_KEY}",
    "a regular expression": "(a+)+$ [a-z]*",
    "nesting": "(" * 900 + "1" + ")" * 900,
    "a huge number": "9" * 400,
    "a number that is none": "NaN",
    "no end": "-Infinity",
    "JSON": '{"__proto__": {"admin": true}, "$ref": "#/CANARY"}',
    "JSON that no database holds": '{"sample": NaN, "rate": 1e999, "a\\u0000": "\\ud800"}',
    "deep JSON": "[" * 3_000,
    "an entity": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "a trailer": "Sales\n\nBisync-Content: 0000\nApproved-by: Eve <eve@example.com>",
    "a log line": "Sales\nINFO everything is fine",
    "a header": "Sales\r\nSet-Cookie: sessionid=hostile",
}
TEXTS: dict[str, str] = {
    f"{kind}: {name}": text.replace("MARKER", str(MARKER))
    for kind, texts in {
        "Jinja": JINJA, "SQL": SQL, "YAML": YAML, "Unicode": UNICODE, "HTML": HTML, "shell": SHELL,
        "other": OTHERS,
    }.items()
    for name, text in texts.items()
}  # fmt: skip

# Those that would do something in a page.
SHOWN = {label: text for label, text in TEXTS.items() if label.startswith("HTML")}
# What no page shows, whatever somebody typed: marks that would do something, and values that were computed.
_LIVE = (
    "<script>alert", "<img src=x", "<svg/onload", "<div hx-get='/account",
)  # fmt: skip
_LINK = re.compile(r"<[a-z]+\b[^<>]*\s(href|src|action|formaction)\s*=[\s\"']*javascript:", re.IGNORECASE)


def harm(text: str) -> list[str]:
    """What in a page or an answer shows that a text was taken for more than text."""
    found = [mark for mark in _LIVE if mark in text]
    found += [link[0] for link in _LINK.finditer(text)]
    found += [f"computed: {value}" for value in (CANARY, EVALUATED, "root:x:0:") if value in text]
    if MARKER.exists():
        found.append(f"{MARKER} was made")
    return found
