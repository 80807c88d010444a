"""Writes the README's table of results from the stored ones; ``--check`` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- results:begin -->\n", "<!-- results:end -->"


def rows() -> list[str]:
    """Return the table, a row per environment."""
    studies = {
        p.parent.name: json.loads(p.read_text()) for p in HERE.glob("results/*/summary.json")
    }
    names = sorted(studies)
    controllers = list(studies[names[0]]["environments"][names[0]]["controllers"])
    lines = [
        "| environment | " + " | ".join(controllers) + " | training |",
        "|---|" + "---|" * (len(controllers) + 1),
    ]
    for name in names:
        found = studies[name]["environments"][name]["controllers"]
        best = min(found, key=lambda c: found[c]["mean_delay_s"]["mean"])
        cells = []
        for controller in controllers:
            delay = found[controller]["mean_delay_s"]
            low, high = delay["interval95"]
            text = f"{delay['mean']:.1f} [{low:.1f}, {high:.1f}]"
            cells.append(f"**{text}**" if controller == best else text)
        training = json.loads((HERE / "results" / name / "training.json").read_text())
        minutes = training["training_wall_s"] / 60
        lines.append(f"| `{name}` | " + " | ".join(cells) + f" | {minutes:.1f} min |")
    return lines


def main() -> int:
    """Write the table into the README, or compare; exit with 1 where they differ."""
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    new = head + BEGIN + "\n".join(rows()) + "\n" + END + tail
    if "--check" in sys.argv[1:]:
        if new != text:
            print("README.md and benchmarks/results/ differ: python benchmarks/table.py")
        return int(new != text)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
