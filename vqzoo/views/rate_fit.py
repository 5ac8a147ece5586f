"""A power law through the points of a data set, and the bits that a PSNR takes by it."""

from vqzoo.analysis.powerlaw import PowerLaw, distortion, fit
from vqzoo.ops.check import check_choice
from vqzoo.views.rate import ONE, SEVERAL, Point, Rates, placed

CODEVECTORS = "models with codevectors"

Placed = list[tuple[Point, float, float]]


def groups(rates: Rates, dataset: str) -> dict[str, Placed]:
    """What a law can be fitted through: (point, bits, PSNR) of groups with at least three different rates."""
    found = placed([*rates.models(dataset), *rates.codecs(dataset)], "bits per image", "psnr")
    named: dict[str, Placed] = {CODEVECTORS: [each for each in found if each[0].kind in (ONE, SEVERAL)]}
    for each in found:
        named.setdefault(each[0].kind, []).append(each)
    for each in found:
        if each[0].model is not None:
            named.setdefault(f"{each[0].name} and its other sizes", []).extend(
                other for other in found if other[0].series == each[0].series
            )
    chosen: dict[str, Placed] = {}
    for name, points in named.items():
        if len({round(x, 3) for _, x, _ in points}) >= 3 and points not in chosen.values():
            chosen[name] = points
    return chosen


def law_of(rates: Rates, dataset: str, group: str) -> tuple[Placed, PowerLaw]:
    """The points of a group and the law through them; raises ValueError for an unknown one."""
    points = groups(rates, dataset)
    chosen = points[check_choice("group", group, points)]
    return chosen, fit([x for _, x, _ in chosen], [distortion(psnr) for *_, psnr in chosen])


def law_said(law: PowerLaw, points: Placed) -> str:
    """The law with its interval, and what it rests on, as Markdown."""
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


def bits_said(law: PowerLaw, psnr: float) -> str:
    """How many bits the law wants for a PSNR in dB; raises ValueError where that is too far outside the points."""
    found, low, high = law.bits(distortion(psnr))
    return (
        f"**{psnr:g} dB: about {found:,.0f} bits an image**; of further models of this kind 95 % would be at that "
        f"quality somewhere between {_about(low)} and {_about(high)} bits."
    )


def _about(bits: float) -> str:
    return f"{bits:.2g}" if bits < 10 else f"{bits:,.0f}" if bits < 1e8 else f"{bits:.1e}"
