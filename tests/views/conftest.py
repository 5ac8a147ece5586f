"""The Hub double, for pages that ask it."""

from ..hub.conftest import hub, hub_server, make_card  # noqa: F401
