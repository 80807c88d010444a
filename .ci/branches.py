"""Fail when the tests take too few of the branches of some files.

Usage: branches.py FILES PERCENT, after a run that wrote .coverage. `coverage report` weighs lines
and branches together; a safety layer is measured by its branches alone.
"""

import json
import subprocess
import sys


def main() -> int:
    """Compare the share of branches taken with the share asked for."""
    files, least = sys.argv[1], float(sys.argv[2])
    command = [sys.executable, "-m", "coverage", "json", "-q", "-o", "-", f"--include={files}"]
    report = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    totals = json.loads(report)["totals"]
    taken, branches = totals["covered_branches"], totals["num_branches"]
    if not branches:
        print(f"{files}: no branches measured; was the coverage recorded with branches?")
        return 1
    share = 100 * taken / branches
    print(f"{files}: {taken} of {branches} branches taken, {share:.1f} % (at least {least:g} %)")
    return int(share < least)


if __name__ == "__main__":
    sys.exit(main())
