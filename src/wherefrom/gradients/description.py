"""How each parameter's gradients are taken, in words."""

from wherefrom.gradients.coverage import Coverage
from wherefrom.gradients.differentiable import Differentiable


def coverage_lines(problem: Differentiable, coverage: Coverage) -> list[str]:
    """Return the share of each way, a line for each parameter, and one for each operation that no rule understands."""
    served, sizes = coverage.served(), {name: problem.state[name].numel() for name in problem.names}
    shares: dict[str, int] = {}
    for name, count in sizes.items():
        shares[served[name]] = shares.get(served[name], 0) + count
    total, width = max(1, sum(sizes.values())), max(len(name) for name in problem.names)
    lines = ["gradients by " + ", ".join(f"{kind} ({count / total:.1%})" for kind, count in shares.items())]
    for name in problem.names:
        way = served[name] if name not in coverage.rest else f"{served[name]}{_because(coverage, name)}"
        lines.append(f"  {name:<{width}}  {tuple(problem.state[name].shape)}, l2 {problem.objective.l2_of(name):g}, {way}")
    for one in dict.fromkeys((unknown.operation, unknown.place) for unknown in coverage.unknown):
        lines.append(f"no rule for {one[0]} at {one[1]}")
    return lines


def _because(coverage: Coverage, name: str) -> str:
    """Return why no rule serves a parameter: the operation that is not understood, or a proof that failed."""
    reasons = dict.fromkeys(f"{one.operation} at {one.place}" for one in coverage.unknown if name in one.parameters)
    if reasons:
        return f", for want of a rule for {', '.join(reasons)}"
    kinds = " + ".join(dict.fromkeys(coverage.kinds.get(name, ())))
    return f", since what {kinds} gave was unlike autograd's" if kinds else ", since it is used where no torch function shows it"
