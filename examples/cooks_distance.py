"""Cook's distance: which held-out point moves a regression line, and which does not. Writes cooks_distance.png.

Progression of diabetes against body-mass index (scikit-learn's data) with one patient's record mistyped. Leaving the
mistyped row out moves the line; leaving an ordinary row out does not. The refitted lines are true refits.
"""

import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_diabetes

import wherefrom as wf


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, default=Path("cooks_distance.png"))
    out = arguments.parse_args().out

    data = load_diabetes(scaled=False)
    x, y = torch.from_numpy(data.data[:60, 2:3]), torch.from_numpy(data.target[:60])
    x[7], y[7] = 52.0, 40.0  # typed one column too far to the left
    model = torch.nn.Linear(1, 1, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.squared_error(), (x, y))
    problem = problem.at(wf.train.newton()(problem, 0).parameters)

    distance = wf.methods.cooks_distance(problem)
    outlying = int(distance.argmax())
    ordinary = int((distance - distance.median()).abs().argmin())

    def line(fitted: wf.Problem) -> tuple[float, float]:
        return float(fitted.parameters["bias"]), float(fitted.parameters["weight"])

    def refit(kind: str, row: int) -> wf.plot.Refit:
        smaller = problem.without([row])
        title = f"{kind} row {row}: Cook's distance {float(distance[row]):.3f}"
        return wf.plot.Refit(title, row, line(problem.at(wf.train.newton()(smaller, 0).parameters)))

    panels = (refit("outlying", outlying), refit("ordinary", ordinary))
    chart = wf.plot.refitted_line(x[:, 0], y, line(problem), panels, x_title="body-mass index", y_title="progression of diabetes")
    print(f"Cook's distance: {panels[0].title}, {panels[1].title}. Wrote {wf.plot.save(chart, out)}")


if __name__ == "__main__":
    main()
