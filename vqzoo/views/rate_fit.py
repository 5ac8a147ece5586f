"""Power laws fitted to the points of a data set, and the bits that they predict for a PSNR."""

from vqzoo.analysis.powerlaw import PowerLaw, distortion, fit
from vqzoo.ops.check import check_choice
from vqzoo.views.rate import ONE, SEVERAL, Plotted, Rates, placed

CODEVECTORS = "models with codevectors"


def groups(rates: Rates, dataset: str) -> dict[str, list[Plotted]]:
    """Return the groups of points, x in bits and y in dB of PSNR, that have at least three different rates."""
    plotted = placed([*rates.models(dataset), *rates.codecs(dataset)], "bits per image", "psnr")
    named = {CODEVECTORS: [each for each in plotted if each.point.kind in (ONE, SEVERAL)]}
    for each in plotted:
        named.setdefault(each.point.kind, []).append(each)
    for each in plotted:
        if each.point.model is not None:
            named.setdefault(f"{each.point.name} and its other sizes", []).extend(
                other for other in plotted if other.point.series == each.point.series
            )
    chosen: dict[str, list[Plotted]] = {}
    for name, points in named.items():
        if len({round(x, 3) for _, x, _ in points}) >= 3 and points not in chosen.values():
            chosen[name] = points
    return chosen


def law_of(rates: Rates, dataset: str, group: str) -> tuple[list[Plotted], PowerLaw]:
    """Return the points of a group and the law fitted to them; raises ValueError for an unknown group."""
    points = groups(rates, dataset)
    chosen = points[check_choice("group", group, points)]
    return chosen, fit([x for _, x, _ in chosen], [distortion(psnr) for *_, psnr in chosen])


def describe_law(law: PowerLaw, points: list[Plotted]) -> str:
    """Return the law, its confidence interval and its assumptions, as Markdown."""
    low, high = law.exponent_interval
    shares = [point.trained for point, *_ in points if point.trained is not None]
    short = ""
    if shares:
        least, most = f"{min(shares):.1%}", f"{max(shares):.1%}"
        short = f" They were trained for {least if least == most else f'{least} to {most}'} of their full budgets."
    return (
        f"**distortion = {law.scale:.3g} · bits^−{law.exponent:.3f}**, the exponent between {low:.3f} and {high:.3f} "
        f"with 95 % confidence ({law.number} points, {law.r2:.0%} of the variance of log distortion explained). "
        "Distortion is 10^(−PSNR / 10) with the mean PSNR of the test split: the geometric mean of the images' squared "
        f"errors, pixels in [0, 1].{short} The interval takes deviations for independent, which models that share "
        "recipe and seed are not."
    )


def describe_bits(law: PowerLaw, psnr: float) -> str:
    """Return the bits that the law gives for a PSNR in dB and their scatter; ValueError too far from the points."""
    bits, low, high = law.bits(distortion(psnr))
    return (
        f"The law gives about {bits:,.0f} bits an image for {psnr:g} dB. It is no promise: around it models need up to "
        f"{max(high / bits, bits / low):,.1f} times as many bits or as few (95 %)."
    )
