"""Protection of a local app from other web pages, which must not call it, upload to it or frame it.

A browser lets any page send requests to 127.0.0.1, and a page whose host name is made to resolve to 127.0.0.1 (DNS
rebinding) may even read the answers. So requests are served under known names alone, and those that another page has
made are refused. Programs send neither Origin nor Sec-Fetch-Site, and are served.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vqzoo.ui.limits import HOSTS_VARIABLE, Reach, is_address, is_loopback

SPACE_PAGES = "https://huggingface.co https://*.huggingface.co"
"""Where a Space's page frames the app."""


@dataclass(frozen=True)
class Guard:
    """ASGI middleware that refuses requests from outside `reach`."""

    app: ASGIApp
    reach: Reach

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with status 403."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                pages = f" {SPACE_PAGES}" if self.reach.space else ""
                headers.append("Content-Security-Policy", f"frame-ancestors 'self'{pages}")
                if not pages:  # which this older header cannot say
                    headers["X-Frame-Options"] = "SAMEORIGIN"
            await send(message)

        why = None if self.reach.space else refusal(scope["method"], Headers(scope=scope), self.reach)
        answer = self.app if why is None else PlainTextResponse(why, 403)
        await answer(scope, receive, unframed)


def refusal(method: str, headers: Mapping[str, str], reach: Reach) -> str | None:
    """Return a sentence on why a request is refused; None if it is served."""
    host, origin = headers.get("host", ""), headers.get("origin")
    name = _name(host)
    if not (is_loopback(name) or name in reach.names or (reach.beyond and is_address(name)) or reach.is_link(name)):
        return f"This app does not answer to this host name; if it is its own, start it with {HOSTS_VARIABLE}=name."
    if origin is not None and origin.partition("//")[2].lower() != host.lower() and _name(origin) not in reach.allowed:
        return "This request comes from a page of another site, and is refused."
    follows_a_link = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
    if headers.get("sec-fetch-site") == "cross-site" and not follows_a_link:
        return "This request comes from a page of another site, and is refused."
    return None


def _name(host: str) -> str:
    """Return the lower-case host name of a Host or an Origin header; "" for an invalid one."""
    try:
        return (urlsplit(host if "//" in host else f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""
