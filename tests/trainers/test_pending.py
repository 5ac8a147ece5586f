"""The queue: what has no card at its full budget, in the table's order, with minutes."""

import pytest

from trainers import pending
from trainers.recipes import RECIPES, get_recipe
from vqzoo.files.storage import read_json, write_json

NAME = "cifar10-cvq-1024x128"


def write_card(cards, images: int, seconds: float, device: str, name: str = NAME) -> None:
    folder = cards / name
    folder.mkdir(parents=True, exist_ok=True)
    training = {"images": images, "seconds": seconds, "device": device, "recipe": get_recipe(name).to_dict()}
    write_json(folder / "metrics.json", {"training": training})


def row(cards) -> pending.Pending:
    return {row.name: row for row in pending.pending(cards)}[NAME]


def test_without_cards_all_recipes_in_order(tmp_path):
    assert [row.name for row in pending.pending(tmp_path)] == list(RECIPES)
    assert [row.name for row in pending.pending(tmp_path / "nowhere")] == list(RECIPES)


def test_a_full_budget_leaves_the_queue_and_a_short_one_does_not(tmp_path):
    full = get_recipe(NAME).images
    write_card(tmp_path, full - 1, 60.0, "CPU")
    assert row(tmp_path).images_seen == full - 1
    for enough in (full, full + 1):
        write_card(tmp_path, enough, 60.0, "CPU")
        assert [row.name for row in pending.pending(tmp_path)] == [name for name in RECIPES if name != NAME]


def test_minutes_by_the_constants_and_by_the_last_run(tmp_path):
    full = get_recipe(NAME).images
    by_cpu, by_gpu = (full * 32 * 32 / rate / 60 for rate in (pending.CPU_RATE, pending.GPU_RATE))
    assert (row(tmp_path).cpu_minutes, row(tmp_path).gpu_minutes) == pytest.approx((by_cpu, by_gpu))
    write_card(tmp_path, 6000, 60.0, "CPU")  # 6,000 images a minute
    assert (row(tmp_path).cpu_minutes, row(tmp_path).gpu_minutes) == pytest.approx((full / 6000, by_gpu))
    write_card(tmp_path, 90_000, 30.0, "NVIDIA something")
    assert (row(tmp_path).cpu_minutes, row(tmp_path).gpu_minutes) == pytest.approx((by_cpu, full / 180_000))


def test_a_card_of_another_optimizer_does_not_count(tmp_path):
    write_card(tmp_path, get_recipe(NAME).images, 60.0, "CPU")
    assert NAME not in [row.name for row in pending.pending(tmp_path)]
    record = read_json(tmp_path / NAME / "metrics.json")
    for before in ({"optimizer": "adam"}, {}):  # cards of before there was a choice have no such field
        recipe = {key: value for key, value in record["training"]["recipe"].items() if key != "optimizer"} | before
        write_json(tmp_path / NAME / "metrics.json", {"training": record["training"] | {"recipe": recipe}})
        assert row(tmp_path).images_seen == 0


def test_pixels_count_and_so_do_networks_of_the_loss(tmp_path):
    """A run on crops of a quarter tells what whole images will take; without a run, the constants do."""
    name = "flowers-vqgan-1024x256"
    recipe = get_recipe(name)

    def minutes() -> float:
        return {row.name: row for row in pending.pending(tmp_path)}[name].cpu_minutes

    by_constants = recipe.images * 64**2 * pending.LOSS_NETWORKS_SLOWDOWN / pending.CPU_RATE / 60
    assert minutes() == pytest.approx(by_constants)
    training = {"images": 600, "seconds": 60.0, "device": "CPU", "recipe": {**recipe.to_dict(), "crop": 32}}
    (tmp_path / name).mkdir()
    write_json(tmp_path / name / "metrics.json", {"training": training})
    assert minutes() == pytest.approx(recipe.images * 4 / 600)


def test_what_the_command_prints(tmp_path, capsys):
    write_card(tmp_path, 6000, 60.0, "CPU")
    assert pending.main(tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(RECIPES)]] == list(RECIPES)
    minutes = f"{get_recipe(NAME).images / 6000:,.0f}"
    assert [line.split()[1:4] for line in lines if line.startswith(f"{NAME} ")] == [["6,000", "204,800", minutes]]
    assert f"next: accelerate launch trainers/train.py {next(iter(RECIPES))}" in lines


def test_nothing_is_left_when_all_is_trained(tmp_path, capsys):
    for name in RECIPES:
        write_card(tmp_path, get_recipe(name).images, 60.0, "CPU", name)
    assert pending.main(tmp_path) == 0
    assert capsys.readouterr().out.endswith("nothing: every recipe has a card at its full budget\n")


def test_a_damaged_card_is_named(tmp_path, capsys):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "metrics.json").write_text("{")
    assert pending.main(tmp_path) == 1
    assert capsys.readouterr().err.startswith(f"error: metrics.json of {NAME} is not valid JSON")


def test_a_card_that_was_just_trained_tells_how_long_the_recipe_takes(finished):
    root, _ = finished
    name = "cifar10-vq-1024x128"
    rows = {row.name: row for row in pending.pending(root / "cards")}
    training = read_json(root / "cards" / name / "metrics.json")["training"]
    pixels_a_second = training["images"] * 16**2 / training["seconds"]
    assert rows[name].cpu_minutes == pytest.approx(get_recipe(name).images * 32**2 / pixels_a_second / 60)
