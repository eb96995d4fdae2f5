"""One's inbox, and what one wants to hear of."""

from __future__ import annotations

from datetime import UTC
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bisync.lib.web import came_from, go, page
from governance.web import Request
from notify import actions, selectors
from notify.models import Kind, Notification

PAGE = 50


@login_required
@require_safe
def inbox(request: Request) -> HttpResponse:
    """What one was told, by thread: what is unread, or everything."""
    everything = request.GET.get("tab") == "all"
    mine = selectors.inbox(request.user, unread=not everything)
    shown = Paginator(mine, PAGE).get_page(request.GET.get("page"))
    context = {
        "everything": everything,
        "threads": selectors.threads(request.user, shown),
        "shown": shown,
        "newest": mine.values_list("pk", flat=True).first() or 0,
        "query": "tab=all&" if everything else "",
    }
    return page(request, "notify/inbox.html", context)


@login_required
@require_POST
def read(request: Request, pk: int) -> HttpResponse:
    """Mark one, and what came before it in its thread, as read."""
    mine = get_object_or_404(Notification, pk=pk, person=request.user)
    actions.thread_read(notification=mine, actor=request.user)
    return go(request, came_from(request, reverse("notifications")))


@login_required
@require_POST
def all_read(request: Request) -> HttpResponse:
    """Mark everything that there was when the page was made as read."""
    until = request.POST.get("until", "")
    if not until.isdecimal() or len(until) > 18:
        raise Http404
    count, at = actions.all_read(actor=request.user, until=int(until))
    undo = f"{reverse('notifications-unread')}?{urlencode({'at': at.isoformat()})}" if count else ""
    return go(request, reverse("notifications"), say=_("Everything is marked as read."), undo=undo)


@login_required
@require_POST
def unread_again(request: Request) -> HttpResponse:
    """Undo that everything was marked as read."""
    try:
        at = parse_datetime(request.GET.get("at", ""))
        if at is None or at.tzinfo is None:
            raise Http404
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Http404 from None
    actions.unread_again(actor=request.user, read_at=at)
    return go(request, reverse("notifications"), say=_("They are unread again."))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def choices(request: Request) -> HttpResponse:
    """What one wants to hear of, and which threads one follows or mutes."""
    if request.method == "POST":
        actions.kinds_choose(actor=request.user, kinds=request.POST.getlist("kinds"))
        return go(request, reverse("notification-choices"), say=_("Saved."))
    silenced = selectors.silenced(request.user)
    context = {
        "kinds": [(kind.value, kind.label, kind not in silenced) for kind in Kind],
        "threads": selectors.chosen(request.user),
    }
    return page(request, "notify/choices.html", context)


SAID = {
    "follow": gettext_lazy("You will hear of everything that happens to it."),
    "mute": gettext_lazy("You will hear nothing more of it."),
    "": gettext_lazy("You will hear of it where it concerns you."),
}


@login_required
@require_POST
def thread(request: Request) -> HttpResponse:
    """Follow one thing, mute it, or neither. `was` is what an undo expects to find."""
    key, choice, was = (request.POST.get(n, request.GET.get(n)) for n in ("thread", "choice", "was"))
    key, choice = key or "", choice or ""
    before = actions.thread_choose(actor=request.user, thread=key, choice=choice, was=was)
    back = urlencode({"thread": key, "choice": before, "was": choice})
    return go(
        request,
        came_from(request, reverse("notification-choices")),
        say=str(SAID[choice]),
        undo=f"{reverse('notification-thread')}?{back}" if was is None else "",
    )
