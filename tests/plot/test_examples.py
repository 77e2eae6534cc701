"""The grid of pictures."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

import wherefrom as wf
from wherefrom.plot.examples import picture_url, said

TOP = wf.Scores(torch.tensor([[4.0, -3.0, 2.0, 1.0]]), np.array(["p"]), np.arange(4), "loss change", "m").top(2)


def test_a_picture_for_each_cell() -> None:
    images = {key: np.full((1, 8, 8), key / 4) for key in range(4)}
    chart = wf.plot.examples(TOP, images, {"p": np.zeros((8, 8, 3), np.uint8)}, labels={0: "zero"}).to_dict()
    cells = next(iter(chart["datasets"].values()))
    assert [cell["text"] for cell in cells] == ["query p", "zero: +4", "2: +2", "1: -3", "3: +1"]


@pytest.mark.parametrize("shape", [(4, 6), (1, 4, 6), (3, 4, 6), (4, 6, 3), (4, 6, 1)])
def test_pictures_of_any_layout(shape: tuple[int, ...]) -> None:
    content = base64.b64decode(picture_url(np.ones(shape)).split(",")[1])
    picture = Image.open(io.BytesIO(content))
    assert picture.size == (72, 48) and picture.getpixel((0, 0)) in (255, (255, 255, 255))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="cannot be drawn"):
        picture_url(np.zeros((4, 6, 2)))
    with pytest.raises(wf.UsageError, match="needs both ends"):
        wf.plot.examples(wf.Scores(torch.ones(1, 4), np.array(["p"]), np.arange(4), "u", "m").top(2, by="magnitude"), {}, {})


@pytest.mark.parametrize(
    ("score", "text"), [(0.0123, "+0.012"), (-12.3, "-12"), (99.6, "+100"), (-6234.0, "-6200"), (3e6, "+3e+06"), (2e-5, "+2e-05")]
)
def test_scores_are_short_beneath_a_picture(score: float, text: str) -> None:
    assert said(score) == text
