"""`vqzoo doctor`: diagnose a model or a training run, and say what to try."""

from dataclasses import asdict

from vqzoo.cli.arguments import Doctor
from vqzoo.cli.show import bar, print_json

try:
    from trainers.data.source import Source
    from trainers.tools.doctor import examine
    from trainers.tools.subject import load_subject
except ModuleNotFoundError as error:
    raise ValueError(f'doctor needs {error.name}: in the checkout, pip install -e ".[train]"') from None


def run(settings: Doctor) -> int:
    """Print each finding with its measurement, what to try, and the measured effect of that; return 0."""
    with bar(None, enabled=not settings.json) as step:
        step(f"examining {settings.source}")
        subject = load_subject(
            settings.source,
            Source(settings.data, config=settings.config, column=settings.column, splits=settings.splits),
        )
        findings = examine(subject)
    if settings.json:
        print_json({"images": len(subject.images), "findings": [asdict(finding) for finding in findings]})
        return 0
    print(f"{settings.source}, on {len(subject.images):,} images: {len(findings) or 'no'} findings")
    for finding in findings:
        print(f"\n{finding.kind}: {finding.text}\n  try: {finding.command}")
        if finding.effect:
            print(f"  its effect: {finding.effect}")
    return 0
