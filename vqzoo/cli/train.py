"""`vqzoo train`: train a tokenizer on one's own images."""

from vqzoo.cli.arguments import Train
from vqzoo.cli.show import note

try:
    from trainers.loop.memory import NO_MEMORY, out_of_memory
    from trainers.loop.signals import Stopped
    from trainers.own.train import train_own
except ModuleNotFoundError as error:
    raise ValueError(f'train needs {error.name}: in the checkout, pip install -e ".[train]"') from None


def run(settings: Train) -> int:
    """Train and return the exit code; an interrupted run prints how to resume it."""
    try:
        train_own(settings)
    except Stopped as stopped:
        note(f"stopped: {stopped}; go on with the same command and --resume")
        return stopped.code
    except FloatingPointError as error:
        raise ValueError(str(error)) from None
    except (MemoryError, RuntimeError) as error:
        if out_of_memory(error):
            raise ValueError(NO_MEMORY) from None
        raise
    return 0
