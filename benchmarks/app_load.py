"""Measure an app with many visitors at once.

    python benchmarks/app_load.py [--users 64] [--actions 20] [--minutes 10] [--csv FILE]

Each user is a gradio_client on a thread of its own, on this machine, with a mix of actions. Every answer must be a
result or a clear "busy", and what a comparison measures must equal what the same models give in this process. The app's
resident memory is recorded every second and must be flat after the first third of the time.
"""

import argparse
import csv
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from app_running import running
from gradio_client import Client, handle_file
from side_by_side import machine

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import list_models
from vqzoo.views.engine import Engine

MODELS = ["cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-rvq-8x256", "cifar10-fsq-8-5-5-5"]
SIDES = (32, 64, 128)
BUSY = ("queue is full", "busy", "still running", "too many")


class Expected:
    """Correct results of a comparison, computed in this process."""

    def __init__(self) -> None:
        self.engine = Engine(list_models())
        self.paths = {label: str(path) for label, path in examples().items()}

    def psnr(self, label: str, side: int, name: str) -> float:
        """Return the PSNR of a model on an example, as the page shows it."""
        return round(self.engine.run(name, self.engine.photo(self.paths[label], side)).metrics["psnr"], 2)


def compare(client: Client, chance: random.Random, expected: Expected) -> None:
    """Compare one or two models on an example, and check their PSNR."""
    label, side = chance.choice(list(expected.paths)), chance.choice(SIDES)
    names = chance.sample(MODELS, chance.randint(1, 2))
    records = client.predict(
        photograph=handle_file(expected.paths[label]),
        longest=side,
        codecs=False,
        models=names,
        api_name="/compare",
    )
    got = {record["name"]: round(record["psnr"], 2) for record in records}
    right = {name: expected.psnr(label, side, name) for name in names}
    assert got == right, f"wrong result: {got} in place of {right}"


def models(client: Client, chance: random.Random, expected: Expected) -> None:
    """Ask for the list of models, and check that a known one is in it."""
    listed = client.predict(
        text=chance.choice(["", "looc"]), quantizer="", dataset="", max_bits=0, max_megabytes=0, author="",
        where="", api_name="/models",
    )  # fmt: skip
    assert "cifar10-looc-256x4" in str(listed), "a list without the model that was asked for"


def rates(client: Client, chance: random.Random, expected: Expected) -> None:
    """Ask which bits reach a PSNR."""
    answer = client.predict(dataset="cifar10", quality=chance.choice([22, 25, 28]), api_name="/bits_for_quality")
    assert answer, "an empty answer"


def page(client: Client, chance: random.Random, expected: Expected) -> None:
    """Ask for the description of the API."""
    assert client.view_api(return_format="dict", print_info=False)["named_endpoints"], "no description"


ACTIONS = {compare: 8, models: 3, rates: 3, page: 6}


def user(number: int, url: str, actions: int, until: float, expected: Expected, outcomes: Counter[str]) -> None:
    """Do `actions` random actions until `until`, and count the outcomes."""
    chance = random.Random(number)
    client: Client | None = None
    for _ in range(actions):
        if time.monotonic() > until:
            return
        action = chance.choices(list(ACTIONS), list(ACTIONS.values()))[0]
        try:
            client = client or Client(url, verbose=False)
            action(client, chance, expected)
            outcomes[action.__name__] += 1
        except AssertionError as error:
            outcomes[f"WRONG {error}"] += 1
        except Exception as error:
            text = str(error)
            busy = any(word in text.lower() for word in BUSY)
            outcomes["busy" if busy else f"ERROR {type(error).__name__} {text}"] += 1
        time.sleep(chance.uniform(0, 1))


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--actions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--csv", type=Path, default=Path("app_load.csv"))
    settings = parser.parse_args()
    expected, outcomes, memory = Expected(), Counter[str](), []
    with running() as (process, url):
        app, begun = psutil.Process(process.pid), time.monotonic()
        until = begun + 60 * settings.minutes
        over = threading.Event()

        def watch() -> None:
            while not over.wait(1):
                memory.append((round(time.monotonic() - begun, 1), app.memory_info().rss))

        watcher = threading.Thread(target=watch)
        watcher.start()
        with ThreadPoolExecutor(settings.users) as pool:
            for number in range(settings.users):
                pool.submit(user, number, url, settings.actions, until, expected, outcomes)
        over.set()
        watcher.join()
    with settings.csv.open("w", newline="") as file:
        csv.writer(file).writerows([("seconds", "resident_bytes"), *memory])
    later = np.array(memory[len(memory) // 3 :], dtype=float)
    slope = np.polyfit(later[:, 0], later[:, 1], 1)[0] * 60 / 2**20
    print(f"## {settings.users} users, {settings.actions} actions each: {machine()}\n\n| answer | number |\n|---|---|")
    for what, number in sorted(outcomes.items()):
        print(f"| {what[:200]} | {number} |")
    print(f"\n{memory[-1][0]:.0f} s; resident memory {later[0, 1] / 2**20:.0f} MiB after a third of the time, ")
    print(f"{later[-1, 1] / 2**20:.0f} at the end, at most {later[:, 1].max() / 2**20:.0f}: {slope:+.1f} MiB a minute.")
    sys.exit(any(what.startswith(("ERROR", "WRONG")) for what in outcomes))


if __name__ == "__main__":
    main()
