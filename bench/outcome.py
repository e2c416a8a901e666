"""What was measured: figures of a subject and its baselines, to keep and to compare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .spread import Spread, Verdict, between, ratios, spread, verdict


@dataclass(frozen=True)
class Outcome:
    """One figure of a subject, beside its baselines.

    Attributes:
        unit: "s" (of a call), "tokens/s", …
        spreads: by name, the subject's first, the baseline's second.
        ratio: subject / baseline, paired round by round; None without a baseline.
        num_bytes: that a call goes through; 0: none is told.
        skipped: why there is nothing, or what is missing beside it.
    """

    name: str
    unit: str = "s"
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    ratio: Spread | None = None
    is_more_better: bool = False
    num_bytes: int = 0
    skipped: str = ""

    @property
    def subject(self) -> str:
        """What is measured."""
        return next(iter(self.spreads), "")

    @property
    def baseline(self) -> str:
        """What it is measured against; empty: nothing."""
        return [*self.spreads, "", ""][1]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {
            "unit": self.unit,
            "spreads": {name: _short(each) for name, each in self.spreads.items()},
            "ratio": _short(self.ratio) if self.ratio else None,
            "is_more_better": self.is_more_better,
            "num_bytes": self.num_bytes,
            "skipped": self.skipped,
        }

    @classmethod
    def from_json(cls, name: str, figures: Mapping[str, Any]) -> "Outcome":
        """Return what `to_json` was made of.

        Raises:
            KeyError, TypeError: it was not made so.
        """
        ratio = figures["ratio"]
        return cls(
            name,
            figures["unit"],
            {each: Spread(**values) for each, values in figures["spreads"].items()},
            Spread(**ratio) if ratio else None,
            figures["is_more_better"],
            figures["num_bytes"],
            figures["skipped"],
        )


def _short(each: Spread) -> dict[str, float]:
    """Return a spread as JSON's types, with the digits that mean something."""
    return {key: float(f"{value:.6g}") for key, value in each._asdict().items()}


def outcome(name: str, values: Mapping[str, list[float]], **details: Any) -> Outcome:
    """Return the outcome of some rounds.

    Args:
        values: by name, round by round; the subject first, its baseline second.
    """
    names = list(values)
    ratio = None
    if len(names) > 1:
        ratio = spread(ratios(values[names[0]], values[names[1]]))
    return Outcome(
        name,
        spreads={each: spread(values[each]) for each in names},
        ratio=ratio,
        **details,
    )


@dataclass(frozen=True)
class Change:
    """How a figure differs from an earlier one of its name."""

    name: str
    of: str
    """What is compared: the ratio to a baseline, or the figure itself."""
    spread: Spread
    """New / old."""
    verdict: Verdict


def change(new: Outcome, old: Outcome) -> Change | None:
    """Compare with an earlier outcome of the same case; None where nothing is in both.

    Where both have the same baseline, the ratios to it are compared: a machine that is
    slower than it was is slower for both, and their ratio stays. What is not positive,
    such as a difference, has no quotient.
    """
    if not new.spreads or not old.spreads:
        return None
    if new.ratio and old.ratio and new.baseline == old.baseline:
        of, now, then = f"ratio to {new.baseline}", new.ratio, old.ratio
    else:
        of = new.unit
        now, then = new.spreads[new.subject], old.spreads[old.subject]
    if min(now.low, then.low) <= 0:
        return None
    moved = between(now, then)
    return Change(new.name, of, moved, verdict(moved, new.is_more_better))
