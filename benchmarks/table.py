"""Writes the tables of stored results into README.md and docs/; ``--check`` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent


def load(path: Path) -> Any:
    """Return a stored result."""
    return json.loads(path.read_text(encoding="utf-8"))


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def delays() -> str:
    """Return the mean delay of each controller, a row per environment."""
    studies = {path.parent.name: load(path) for path in HERE.glob("results/*/summary.json")}
    names = sorted(studies)
    controllers = list(studies[names[0]]["environments"][names[0]]["controllers"])
    rows = []
    for name in names:
        found = studies[name]["environments"][name]["controllers"]
        best = min(found, key=lambda c: found[c]["mean_delay_s"]["mean"])
        cells = []
        for controller in controllers:
            delay = found[controller]["mean_delay_s"]
            low, high = delay["interval95"]
            text = f"{delay['mean']:.1f} [{low:.1f}, {high:.1f}]"
            cells.append(f"**{text}**" if controller == best else text)
        minutes = load(HERE / "results" / name / "training.json")["training_wall_s"] / 60
        rows.append([f"`{name}`", *cells, f"{minutes:.1f} min"])
    return table(["environment", *controllers, "training"], rows)


def stepping() -> str:
    """Return what a step costs, a row per map."""
    rows = []
    for name, found in load(HERE / "results" / "stepping.json")["maps"].items():
        low, high = found["against_range"]
        faster = found["faster"]
        rows.append(
            [
                f"`{name}`",
                f"{found['beside_the_simulation']:.1%}",
                f"{found['against_the_empty_loop']:.1%} ({low:.1%} to {high:.1%})",
                *(f"{faster[peer]:.2f}" if peer in faster else "-" for peer in PEERS),
            ]
        )
    head = ["map", "beside the simulation", "against an empty loop, with range"]
    return table([*head, "times faster than sumo-rl", "than its parallel environment"], rows)


PEERS = ("sumo-rl", "sumo-rl-parallel")
TABLES = {ROOT / "README.md": ("results", delays), ROOT / "docs/design.md": ("stepping", stepping)}


def main() -> int:
    """Write the tables, or compare; exit with 1 where they differ."""
    differ = 0
    for page, (name, make) in TABLES.items():
        text = page.read_text(encoding="utf-8")
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        head, _, rest = text.partition(begin)
        new = head + begin + make() + end + rest.partition(end)[2]
        if new != text:
            differ += 1
            if "--check" in sys.argv[1:]:
                print(f"{page} and benchmarks/results/ differ: python benchmarks/table.py")
            else:
                page.write_text(new, encoding="utf-8")
    return int(differ > 0 and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
