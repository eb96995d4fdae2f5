"""What things are called in dbt whose labels are in any language."""

from __future__ import annotations

import pytest

from semantic.codegen.entries import plain_name
from semantic.fields import name_from


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Größe der Körbe 🏔️", "groesse_der_koerbe"),
        ("Café crème", "cafe_creme"),
        ("Ævar Łódź", "aevar_lodz"),
        ("a\u0308b", "aeb"),
        ("Net  revenue (€)", "net_revenue"),
        ("2nd quarter", "m_2nd_quarter"),
    ],
)
def test_letters_with_accents_become_plain_ones(label: str, name: str) -> None:
    assert name_from(label) == name
    assert plain_name(label) == name
