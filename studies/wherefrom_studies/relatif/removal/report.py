"""What is shown of leaving out: tables, the rise of the loss by method, and DIVINE's trade-off."""

import pandas as pd

from wherefrom_studies.findings import Figure
from wherefrom_studies.panels import dots, lines
from wherefrom_studies.part import Report
from wherefrom_studies.relatif.lists import RANDOM
from wherefrom_studies.relatif.removal.analysis import ARMS, RemovalResults, arm_number
from wherefrom_studies.relatif.removal.experiment import CURVE


def compose(results: RemovalResults) -> Report:
    """Return the tables and figures."""
    rows = results.table.rows
    each = rows[rows["method"] != CURVE].drop(columns=["gamma", "influence", "diversity", "distance"], errors="ignore")
    return Report({"removed, each seed": each.drop(columns="chosen"), "DIVINE, trade-off": results.trade_off}, figures(results))


def figures(results: RemovalResults) -> dict[str, Figure]:
    """Draw the rise of the loss by method, and the trade-off."""
    rows, count = [], results.table.count
    for arm in ARMS:
        mean = results.numbers[arm_number(arm, "change")].estimate
        rows.append({"method": arm, "series": RANDOM if arm == RANDOM else "named first", "value": mean.value, "low": mean.low, "high": mean.high})
    frame = pd.DataFrame(rows)
    edges = [float(frame[["value", "low"]].min().min()), float(frame[["value", "high"]].max().max())]
    return {
        "retrained": Figure(
            dots(frame, category="method", x_title=f"rise of the mean loss without the first {count}", domain=[min(0.0, edges[0]), 1.05 * edges[1]]),
            f"Trained again without the {count} examples that each method names first of all queries together: rise of the queries' mean loss, means "
            "over seeds, 95 % intervals.",
        ),
        "trade-off": Figure(
            lines(results.trade_off, x="gamma", x_title="γ, the weight of diversity", y_title="relative to the plain top", log_x=True, width=260),
            f"DIVINE, {count} examples: what more diversity costs in influence and brings in distance between pairs; means and 95 % intervals over "
            "seeds.",
        ),
    }
