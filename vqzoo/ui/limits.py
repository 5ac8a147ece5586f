"""Limits on visitors of a shared app, and who can reach it."""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import gradio as gr
from gradio.utils import get_space
from spaces.config import Config

from vqzoo.files import images


@dataclass(frozen=True)
class Limits:
    """Limits on visitors, each of whom runs one comparison at a time.

    Attributes:
        models: models per comparison.
        side: longest side of a photograph in pixels.
        loaded: models that all visitors together may add.
        waiting: waiting jobs per address.
        seconds: duration of a job.
    """

    models: int
    side: int
    loaded: int = 16
    waiting: int = 3
    seconds: float = 120
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Condition = field(default_factory=threading.Condition)

    def check(self, names: Sequence[str], longest: int) -> None:
        """Raise gr.Error for too many models or too large a side."""
        if len(names) > self.models:
            raise gr.Error(
                f"{len(names)} models are ticked, and this app takes {self.models} at a click: untick some, or run "
                "it on a machine of your own.",
                print_exception=False,
            )
        if longest > self.side:
            raise gr.Error(
                f"This app takes at most {self.side} pixels a side: choose a smaller one, or run it on a "
                "machine of your own.",
                print_exception=False,
            )

    @contextmanager
    def turn(self, session: str | None, patience: float = 0.0) -> Iterator[None]:
        """Mark a session as busy; raises gr.Error if it still is after `patience` seconds.

        A caller without a session is not limited.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: session not in self._busy, patience):
                raise gr.Error(
                    "Your last comparison is still running: wait for it, or press Stop.", print_exception=False
                )
            if session:
                self._busy.add(session)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(session or "")
                self._lock.notify_all()


HUB_VARIABLE = "VQZOO_ALLOW_HUB"
"""Environment variable: 1 offers the published models, too, and downloads those that are asked for."""
HOSTS_VARIABLE = "VQZOO_HOSTS"
"""Environment variable: host names, with commas between them, under which the app is served beside localhost."""
TRUST_VARIABLE = "VQZOO_TRUST_NETWORK"
"""Environment variable: 1 lets whoever can reach the app do all that its owner may."""


@dataclass(frozen=True)
class Reach:
    """Who can reach the app.

    space: everybody, through the Hub. beyond: others on the network. link: everybody, through Gradio's public link.
    names: host names of this machine beside localhost. allowed: those set by its owner. trusted: whether
    whoever reaches it may do all that its owner may.
    """

    space: bool = False
    beyond: bool = False
    link: bool = False
    names: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    trusted: bool = False

    @property
    def shared(self) -> bool:
        """Whether visitors are others than the owner, and get a Space's limits."""
        return self.space or ((self.beyond or self.link) and not self.trusted)

    def is_link(self, name: str) -> bool:
        """Whether a host name is that of Gradio's public link."""
        return self.link and name.endswith(".gradio.live")

    def __str__(self) -> str:
        if not (self.beyond or self.link):
            return "For this machine alone: whoever uses it may read its folders and load models, as its owner."
        where = "Through a public link" if self.link else "On the network"
        if self.shared:
            return (
                f"{where}, with the limits of a Space: no folders of this machine, no models from the Hub, "
                f"{SPACE.models} models at a click, {SPACE.seconds:.0f} s a job. {TRUST_VARIABLE}=1 lifts them for all "
                "who can reach it."
            )
        return f"{where}, without limits ({TRUST_VARIABLE}=1): all who can reach it may read folders and load models."


def reach() -> Reach:
    """Return who can reach the app, from the environment variables of Spaces, Gradio and vqzoo."""
    address = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1").strip("[]").lower()
    beyond = not is_loopback(address)
    allowed = frozenset(filter(None, (name.strip().lower() for name in os.environ.get(HOSTS_VARIABLE, "").split(","))))
    own = socket.gethostname().lower()
    names = allowed | ({address, own, f"{own.partition('.')[0]}.local"} if beyond else set())
    link = os.environ.get("GRADIO_SHARE", "").lower() == "true"
    return Reach(bool(get_space()), beyond, link, names, allowed, os.environ.get(TRUST_VARIABLE) == "1")


def is_address(name: str) -> bool:
    """Return whether a host name is an IP address, which cannot be made to resolve to another."""
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def is_loopback(name: str) -> bool:
    """Return whether a host name always is this machine."""
    return name == "localhost" or (is_address(name) and ip_address(name).is_loopback)


def hub_allowed() -> bool:
    """Return whether models may be downloaded: always by the owner, in a shared app only if the owner allows it."""
    return not reach().shared or os.environ.get(HUB_VARIABLE) == "1"


def on_zerogpu() -> bool:
    """Return whether this process runs in a ZeroGPU Space."""
    return bool(Config.zero_gpu)


def trust_proxies() -> None:
    """In a Space, let the server take visitors' addresses from its proxies, all of them in private networks."""
    if get_space():
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "127.0.0.1,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16")


SPACE = Limits(models=12, side=512)


def limits_here() -> Limits | None:
    """Return the limits of an app that others than its owner use; None on a machine of one's own."""
    return SPACE if reach().shared else None


def image_limits() -> images.ImageLimits:
    """Return the limits on a photograph's file: strict where `limits_here` has any, generous on one's own machine."""
    return images.SPACE if limits_here() else images.OWN_MACHINE
