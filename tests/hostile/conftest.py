"""The double of the Hub and the small card of tests/hub, here as well."""

from ..hub.conftest import hub, hub_env, hub_server, make_card, run_python  # noqa: F401  fixtures
