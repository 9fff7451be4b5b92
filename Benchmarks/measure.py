"""Counts what the server does for one of each thing it does, and compares that with the budgets. See README.md."""

import argparse
import contextlib
import fcntl
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True

import callgrind  # noqa: E402
import clients  # noqa: E402
from budgets import Budgets  # noqa: E402
from metrics import METRICS, Bench, Cost, Tokens, with_bases  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORK = ROOT / ".build" / "benchmark"
CONNECTIONS = 10_300  # what the largest audience and the rest need


def measure(binary, names, is_told=lambda name, bench: None):
    """What one of each costs, by name; those the kernel does not let us measure are left out."""
    program = callgrind.stripped(binary, WORK)
    tokens = Tokens(program, WORK / "keys")
    operations, costs = {}, {}
    for uses_ring in (False, True):
        metrics = [metric for metric in with_bases(names) if metric.uses_ring == uses_ring]
        if not metrics:
            continue
        if uses_ring and not callgrind.grants_io_uring():
            tell("what goes through io_uring is not measured: this kernel does not grant it")
            continue
        folder = WORK / ("ring" if uses_ring else "send")
        with callgrind.Server(program, tokens.public_key, folder, uses_ring) as server:
            bench = Bench(server, tokens)
            for metric in metrics:
                tell(f"counting {metric.name}")
                operations[metric.name] = metric.operation(bench)
                is_told(metric.name, bench)
    for name in filter(operations.get, names):
        costs[name] = METRICS[name].cost(operations)
    return costs


@contextlib.contextmanager
def alone():
    """Waits for other runs, which would use the same folder."""
    WORK.parent.mkdir(exist_ok=True)
    with open(WORK.with_suffix(".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another run to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


NO_BUDGET = Cost(None, None)


def shown(value, form=".0f"):
    return "-" if value is None else format(value, form)


def table(costs, budgets):
    """Measured, budgeted, and the share of the budget that is used."""
    lines = [f"{'':15}{'one':>12}{'instructions':>14}{'budget':>9}{'share':>8}{'allocations':>13}{'budget':>8}"
             f"{'code lines':>12}{'budget':>8}"]
    for name, cost in costs.items():
        budget = budgets.costs.get(name, NO_BUDGET)
        share = cost.instructions / budget.instructions if budget.instructions else None
        lines.append(
            f"{name:15}{METRICS[name].unit:>12}{cost.instructions:14.0f}{shown(budget.instructions):>9}"
            f"{shown(share, '.0%'):>8}{cost.allocations:13.2f}{shown(budget.allocations, '.2f'):>8}"
            f"{shown(cost.code_lines):>12}{shown(budget.code_lines):>8}")
    return "\n".join(lines)


def top(own, rows=40):
    """The functions an operation spends most in, what they call not counted."""
    lines = [f"{own.total():10.0f}  all"] + [f"{count:10.0f}  {symbol}" for symbol, count in own.most_common(rows)]
    done = subprocess.run(["swift", "demangle", "--compact"], input="\n".join(lines), capture_output=True, text=True)
    return "\n".join(line[:160] for line in (done.stdout or "\n".join(lines)).splitlines())


def tell(text):
    print(f"benchmark: {text}", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("metrics", nargs="*", metavar="METRIC", help=f"count these only, of {', '.join(METRICS)}")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build" / "release" / "notiflux",
                        help="count this notiflux, not the one of scripts/build")
    parser.add_argument("--update", action="store_true", help="make what is measured the budgets")
    parser.add_argument("--top", metavar="METRIC", choices=METRICS,
                        help="count this only, and show the functions one operation of it spends most in")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.metrics if name not in METRICS]:
        parser.error(f"there is no metric {unknown[0]}; there are {', '.join(METRICS)}")
    return chosen


def main():
    chosen = arguments()
    names = [chosen.top] if chosen.top else chosen.metrics or list(METRICS)
    if not clients.raise_file_limit(CONNECTIONS):
        raise callgrind.Failure(f"{CONNECTIONS} open files are needed: ulimit -Hn tells how many are allowed")
    if not chosen.binary.is_file():
        raise callgrind.Failure(f"{chosen.binary} is not there: scripts/build makes it")
    profiles = {}
    budgets = Budgets()
    with alone():
        costs = measure(chosen.binary, names, lambda name, bench: profiles.update({name: bench.own}))
    print(table(costs, budgets), flush=True)
    if chosen.top in profiles:
        print(f"\n{top(profiles[chosen.top])}", flush=True)
    if chosen.update:
        budgets.update(costs)
        return 0
    if not budgets.apply_here:
        tell("nothing is checked: the budgets are of another processor")
        return 0
    for line in (complaints := budgets.complaints(costs)) + budgets.hints(costs):
        tell(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (callgrind.Failure, OSError, subprocess.SubprocessError) as failure:
        sys.exit(f"benchmark: {failure}")
