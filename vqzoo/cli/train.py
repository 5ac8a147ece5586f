"""`vqzoo train`: train a tokenizer on one's own images."""

from vqzoo.cli.arguments import Train
from vqzoo.cli.show import note

try:
    from trainers.loop.memory import as_value_errors
    from trainers.loop.signals import Stopped
    from trainers.own.train import train_own
except ModuleNotFoundError as error:
    raise ValueError(f'train needs {error.name}: in the checkout, pip install -e ".[train]"') from None


def run(settings: Train) -> int:
    """Train and return the exit code; an interrupted run prints how to resume it."""
    try:
        with as_value_errors():
            train_own(settings)
    except Stopped as stopped:
        note(f"stopped: {stopped}; go on with the same command and --resume")
        return stopped.code
    return 0
