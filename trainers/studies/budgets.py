"""How long a row of a study is trained: the constants, whose derivation is in docs/studies/README.md."""

from dataclasses import replace

from trainers.recipe import Recipe

SHORT_STEPS = {"looc": 300, "adaptive": 300, "rvq": 300}
"""Updates of budget "short", by the study; alike for all of a study's rows on all data sets."""
SHORT_BATCH = 64
SHORT_RATE = 1e-3
SHORT_WARMUP = 30
SHORT_EVALUATIONS = 5
"""Over the run: points of the curves, and moments that the best checkpoint is chosen from."""
FULL_EVALUATIONS = 50


def budgeted(recipe: Recipe, study: str, budget: str, seed: int) -> Recipe:
    """A recipe at a budget. short: another length, batch and rate, whose warm-up and cosine fit; full: the recipe's.

    Nothing else changes, but that a temperature which a recipe lets fall over its length falls over as large a part of
    the short one. Raises ValueError for another budget.
    """
    if budget == "short":
        steps = SHORT_STEPS[study]
        quantizer = dict(recipe.quantizer)
        if isinstance(anneal := quantizer.get("anneal_steps"), int):
            quantizer["anneal_steps"] = max(1, round(anneal * steps / recipe.steps))
        return replace(
            recipe,
            quantizer=quantizer,
            steps=steps,
            batch_size=SHORT_BATCH,
            accumulate=1,
            learning_rate=SHORT_RATE,
            warmup=SHORT_WARMUP,
            evaluate_every=steps // SHORT_EVALUATIONS,
            seed=seed,
        )
    if budget == "full":
        return replace(recipe, evaluate_every=max(1, recipe.steps // FULL_EVALUATIONS), seed=seed)
    raise ValueError(f"budget={budget!r}: expected short or full")
