"""Tokenize with Ray Data: actors on one machine or on a cluster, each writing whole shards."""

from collections.abc import Callable
from typing import Any

try:
    import ray
except ModuleNotFoundError:
    raise ValueError("engine='ray' needs ray: in the checkout, pip install -e '.[ray]'") from None

from vqzoo.tokens.picture import Unit
from vqzoo.tokens.progress import Progress
from vqzoo.tokens.run import unfinished, write_shard
from vqzoo.tokens.shard import Encoder, Footer
from vqzoo.tokens.store import Store

Open = Callable[[], tuple[Encoder, Store]]
"""Opens the data set, the tokenizer and the folder; called in each actor."""


class _Actor:
    def __init__(self, open_job: Open):
        self.encoder, self.store = open_job()
        self.units = {unit.file: unit for unit in self.encoder.pictures.units}

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        footers = [write_shard(self.encoder, self.store, self.units[file]) for file in batch["file"]]
        return {
            "file": list(batch["file"]),
            "images": [footer.images for footer in footers],
            "rows": [footer.rows for footer in footers],
            "bits": [footer.bits for footer in footers],
            "broken": [[list(pair) for pair in footer.broken] for footer in footers],
        }


def tokenize_on_ray(
    open_job: Open, store: Store, units: list[Unit], actors: int, gpus: int, progress: Progress
) -> None:
    """Write the shards that are not there with `actors` actors, each with a core and `gpus` GPUs.

    It joins the cluster that `ray start` or RAY_ADDRESS names, else starts Ray on this machine. `actors` 0: one for
    each GPU of the cluster, or for each core where `gpus` is 0. What a worker that dies had in hand is done again by
    another one.
    """
    todo = {unit.file: unit for unit in unfinished(store, units)}
    if not todo:
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    number = actors or int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1))
    number = min(number, len(todo))
    files = ray.data.from_items([{"file": file} for file in todo], override_num_blocks=len(todo))
    done = files.map_batches(
        _Actor,
        fn_constructor_args=(open_job,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=number),
        num_cpus=1,
        num_gpus=gpus,
    )
    for row in done.iter_rows():
        broken = [(str(key), str(reason)) for key, reason in row["broken"]]
        progress.advance(int(row["images"]))
        progress.finished(todo[row["file"]], Footer(int(row["images"]), int(row["rows"]), float(row["bits"]), broken))
