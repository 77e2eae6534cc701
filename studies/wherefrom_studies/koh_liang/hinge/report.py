"""What is shown of the machines: one test image's changes by temperature."""

from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.koh_liang.hinge.experiment import TEMPERATURES
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import against

BARS = (
    Bar("hinge/5000 images/t=0.001/pearson", at_least=0.90, source="the paper: 0.95"),
    Bar("hinge/5000 images/t=0.001/slope", 0.9, 1.1),
    Bar("hinge/5000 images/t=0/pearson", at_most=0.65, source="the paper: 0.63"),
)


def compose(results: RowResults) -> Report:
    """Return the rows, and the figure of the first machine's image of highest loss."""
    rows = results.rows
    images = rows["images"].iloc[0]
    first = rows[(rows["images"] == images) & (rows["query"] == rows["query"].iloc[0])]
    long = first.melt(["query", "left out", "actual"], [f"t = {t:g}" for t in TEMPERATURES], "temperature", "predicted")
    figure = Figure(
        against(long, panels="temperature", unit="hinge loss change", columns=3, size=170, alike=False),
        f"A linear SVM on {images} images, the hinge loss of the test image where it is highest: changes predicted with smooth hinges "
        "of temperature t at the hinge's own weights, against retraining without each of the images that the hinge ranks first; the dashes "
        "are y = x.",
    )
    return Report({"hinge, predicted and retrained changes": rows}, {"hinge": figure})
