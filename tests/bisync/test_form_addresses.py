"""An address that only takes what a form sends leads whoever opens it to the form."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.roles import Role
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/shop/proposals/12/comment/", "/shop/proposals/12/"),
        ("/shop/proposals/12/return/", "/shop/proposals/12/"),
        ("/shop/people/7/remove/", "/shop/people/7/"),
        ("/shop/pulls/start/", "/shop/pulls/"),
        ("/shop/pulls/holds/3/agree/", "/shop/pulls/"),
        ("/account/tokens/5/revoke/", "/account/tokens/"),
        ("/account/appearance/", "/"),
    ],
)
def test_whoever_opens_it_is_told_and_finds_the_page_with_the_form(
    client: Client, address: str, page: str
) -> None:
    client.force_login(make_member(make_project(slug="shop"), Role.VIEWER))

    answer = client.get(address)

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert f'<a class="btn btn-primary" href="{page}">' in answer.content.decode()


def test_strangers_and_programs_are_told_no_more_than_before(client: Client) -> None:
    unknown = client.get("/shop/proposals/12/comment/")
    client.force_login(make_member(make_project(slug="shop"), Role.VIEWER))
    by_script = client.get("/shop/proposals/12/comment/", headers={"HX-Request": "true"})

    assert [(one.status_code, one.content) for one in (unknown, by_script)] == [(405, b"")] * 2
