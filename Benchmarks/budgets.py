"""The budgets: what each metric may cost, in budgets.json."""

import json
import pathlib
import platform
import subprocess

from metrics import METRICS, Cost

PATH = pathlib.Path(__file__).with_name("budgets.json")
UNDERCUT = 0.85  # of a budget; who stays below can have a tighter one


class Budgets:
    """What is allowed, on the kind of processor and with the compiler it was measured with."""

    def __init__(self):
        values = json.loads(PATH.read_text()) if PATH.exists() else {}
        tolerance = values.get("tolerance", {"instructions": 0.1, "allocations": 0.25})
        self.instruction_share, self.allocation_count = tolerance["instructions"], tolerance["allocations"]
        self.measured_with = values.get("measured_with", {})
        rows = values.get("budgets", {})
        self.costs = {name: Cost(row["instructions"], row["allocations"], row.get("code_lines")) for name, row in rows.items()}

    @property
    def apply_here(self):
        """Another processor has other instructions."""
        return self.measured_with.get("processor") == platform.machine()

    def complaints(self, costs):
        """One line for each budget that is exceeded or missing, and one for each thing that may be why."""
        lines = []
        for name, cost in costs.items():
            unit = METRICS[name].unit
            if (budget := self.costs.get(name)) is None:
                lines.append(f"{name} has no budget: give it one with scripts/benchmark --update {name}")
                continue
            if cost.instructions > budget.instructions * (1 + self.instruction_share):
                lines.append(
                    f"{name}: {cost.instructions:.0f} instructions a {unit}, allowed are {budget.instructions:.0f} and "
                    f"{self.instruction_share:.0%}; scripts/benchmark --top {name} tells where they go")
            if cost.allocations > budget.allocations + self.allocation_count:
                lines.append(
                    f"{name}: {cost.allocations:.2f} allocations a {unit}, allowed are {budget.allocations:.2f} and "
                    f"{self.allocation_count:.2f}")
            if (lines_allowed := budget.code_lines) and (cost.code_lines or 0) > lines_allowed * (1 + self.instruction_share):
                lines.append(
                    f"{name}: runs through {cost.code_lines} cache lines of code, allowed are {lines_allowed} and "
                    f"{self.instruction_share:.0%}; where nothing is in the caches these are what it waits for")
        if lines and self.measured_with.get("swift") != swift_version():
            lines.append(f"the budgets are from {self.measured_with.get('swift')}, this is {swift_version()}")
        return lines

    def hints(self, costs):
        """One line for each budget that is looser than it need be."""
        lines = []
        for name, cost in costs.items():
            if (budget := self.costs.get(name)) and cost.instructions < budget.instructions * UNDERCUT:
                share = 1 - cost.instructions / budget.instructions
                lines.append(f"{name}: {share:.0%} below its budget; scripts/benchmark --update {name} keeps it there")
        return lines

    def update(self, costs):
        """Makes `costs` the budgets; those of other metrics stay, unless they are of another processor."""
        self.costs = (self.costs if self.apply_here else {}) | costs
        self.measured_with = {"processor": platform.machine(), "swift": swift_version()}
        tolerance = {"instructions": self.instruction_share, "allocations": self.allocation_count}
        rows = []
        for name in filter(self.costs.get, METRICS):
            cost = self.costs[name]
            row = {"instructions": round(cost.instructions), "allocations": round(cost.allocations, 2)}
            if cost.code_lines:
                row["code_lines"] = cost.code_lines
            rows.append(f"    {json.dumps(name)}: {json.dumps(row)}")
        PATH.write_text(
            f'{{\n  "measured_with": {json.dumps(self.measured_with)},\n  "tolerance": {json.dumps(tolerance)},\n'
            '  "budgets": {\n' + ",\n".join(rows) + "\n  }\n}\n")


def swift_version():
    text = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    return text.partition("Swift version ")[2].partition(" ")[0] or "an unknown Swift"
