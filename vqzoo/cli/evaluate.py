"""`vqzoo evaluate`: a checkpoint measured again by the trainer's own evaluation."""

from vqzoo.cli.arguments import Evaluate
from vqzoo.cli.models import folder_of
from vqzoo.cli.show import bar

try:
    from trainers.evaluate import reproduce
except ModuleNotFoundError as error:
    raise ValueError(f'evaluate needs {error.name}: in the checkout, pip install -e ".[train]"') from None


def run(settings: Evaluate) -> int:
    """Raises ValueError for a model that does not measure to what its record says."""
    folder = folder_of(settings.source)
    with bar(None, enabled=True) as step:
        step(f"measuring {settings.source}")
        try:
            agrees = reproduce(folder, settings.data)
        except KeyError as error:
            raise ValueError(f"metrics.json of {folder} has no entry {error}") from None
    if not agrees:
        raise ValueError(f"{settings.source} does not measure to what its metrics.json says")
    return 0
