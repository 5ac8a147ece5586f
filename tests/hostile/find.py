"""Print the table `CORPUS` of make.py anew: of many mutations one seed for each way in which they end.

python tests/hostile/find.py
"""

import traceback
import warnings
from dataclasses import replace

from make import mutated, seeds

from vqzoo.files.images import OWN_MACHINE, ImageError
from vqzoo.files.images.decode import Request, TooCostly, decode
from vqzoo.files.images.formats import format_of

NUMBER, MOST = 400, 100
REQUEST = Request(replace(OWN_MACHINE, min_side=1))


def ending(data: bytes) -> str:
    """Return what tells one ending from another."""
    kind = format_of(data)
    if kind is None:
        return "no format"
    try:
        loaded = decode(kind, data, REQUEST, in_worker=True)
    except ImageError as error:
        cause = error.__cause__ or error
        frame = traceback.extract_tb(cause.__traceback__)[-1]
        return f"{kind} {type(cause).__name__} {frame.filename.rpartition('/')[2]}:{frame.lineno}"
    except TooCostly:
        return f"{kind} costly"
    return f"{kind} {loaded.notes}"


def main() -> None:
    warnings.simplefilter("ignore")
    endings: dict[str, tuple[str, int]] = {}
    for kind, data in seeds().items():
        for seed in range(NUMBER):
            endings.setdefault(ending(mutated(data, seed)), (kind, seed))
    chosen: dict[str, list[int]] = {}
    for kind, seed in list(endings.values())[:MOST]:
        chosen.setdefault(kind, []).append(seed)
    print(len(endings), "endings")
    for kind, numbers in chosen.items():
        print(f"    {kind!r}: {tuple(numbers)},".replace("'", '"'))


if __name__ == "__main__":
    main()
