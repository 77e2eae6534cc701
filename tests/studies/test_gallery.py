"""A grid holds each picture in its row and column, under its heading and beside its name."""

from typing import Any

import numpy as np

import wherefrom as wf
from wherefrom_studies.gallery import SIZE, gallery

IMAGES = np.random.default_rng(0).uniform(size=(2, 2, 5, 5))
ROWS = [{"before": before, "after": after} for before, after in IMAGES]


def layers(spec: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [spec["datasets"][layer["data"]["name"]] for layer in spec["layer"]]


def test_each_picture_stands_in_its_row_and_column() -> None:
    pictures, headings = layers(gallery(ROWS).to_dict())
    assert {(cell["row"], cell["column"]): cell["url"] for cell in pictures} == {
        (row, column): wf.plot.picture_url(IMAGES[row, column]) for row in range(2) for column in range(2)
    }
    assert [(cell["column"], cell["text"]) for cell in headings] == [(0, "before"), (1, "after")]


def test_names_stand_at_the_left_of_their_rows_and_make_room() -> None:
    plain, spec = gallery(ROWS).to_dict(), gallery(ROWS, ["seven", "one"]).to_dict()
    _, headings, names = layers(spec)
    assert [(cell["row"], cell["text"]) for cell in names] == [(0, "seven"), (1, "one")] and all(cell["column"] < 0 for cell in names)
    assert spec["width"] > plain["width"] > 2 * SIZE and spec["height"] == plain["height"] > 2 * SIZE
    assert all(cell["row"] < 0 for cell in headings)
