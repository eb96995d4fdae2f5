"""Passwords are guessed slowly: after so many wrong ones for an account, or from an address, one waits."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import ngettext

from bisync.lib.limits import Limit
from bisync.lib.web import address_of

logger = logging.getLogger(__name__)
TOO_MANY = "too-many-attempts"
# A person who has forgotten a password tries less often, and an office behind one address too.
BY_ACCOUNT = Limit("sign-in-account", most=10, seconds=900)
BY_ADDRESS = Limit("sign-in-address", most=50, seconds=900)


class SignInForm(AuthenticationForm):
    """E-mail and password; after too many wrong ones not even the right one for some minutes."""

    def clean(self) -> dict[str, Any]:
        account, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not account or not password or self.request is None:
            return super().clean()
        account, address = account.strip().lower(), address_of(self.request)
        seconds = max(BY_ACCOUNT.spend(account), BY_ADDRESS.spend(address) if address else 0)
        if seconds:
            logger.warning("too many wrong passwords", extra={"address": address})
            raise ValidationError(_wait(seconds), code=TOO_MANY)
        cleaned = super().clean()
        BY_ACCOUNT.forget(account)
        BY_ADDRESS.give_back(address)
        return cleaned


class AdminSignInForm(SignInForm, AdminAuthenticationForm):
    """The same at the door of the admin site, which is for staff."""


def _wait(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return ngettext(
        "There were too many wrong attempts. Wait a minute, then try again.",
        "There were too many wrong attempts. Wait %(minutes)s minutes, then try again.",
        minutes,
    ) % {"minutes": minutes}
