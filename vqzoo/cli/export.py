"""`vqzoo export`: write a token set in another format."""

from vqzoo.cli.arguments import Export

try:
    from vqzoo.tokens.adapters import export
except ModuleNotFoundError as error:
    raise ValueError(f'export needs {error.name}: in the checkout, pip install -e ".[tokens]"') from None


def run(settings: Export) -> int:
    """Write the copy and return the exit code; ValueError where it cannot be written."""
    for split, rows in export(settings.tokens, settings.out, settings.to).items():
        print(f"{split}: {rows:,} rows")
    print(f"{settings.to}: {settings.out}")
    return 0
