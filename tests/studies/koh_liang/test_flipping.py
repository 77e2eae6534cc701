"""Flipping digits: the chord ends where Newton does, and what is counted is what the attack did."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom_studies.koh_liang.flipping import RADIUS, TOP, Chord, DigitClassifier, Digits, StagedAttack, draw_attack


def test_the_chord_ends_where_newton_does() -> None:
    p = problem("logistic").problem
    changed = p.replaced([3], torch.full((1, 4), 5.0, dtype=torch.float64))
    found = Chord(wf.IHVP().fit(p))(changed, 0)
    for name, value in wf.train.newton(1e-12)(changed, 0).parameters.items():
        torch.testing.assert_close(found[name], value, atol=1e-7, rtol=1e-7)


def test_a_chord_that_leads_nowhere_is_drawn_anew() -> None:
    p = problem("logistic").problem
    stale = wf.IHVP().fit(p.at({name: value + 4 for name, value in p.parameters.items()}))
    chord = Chord(stale)
    found = chord(p.at({name: value + 0.5 for name, value in p.parameters.items()}), 0)
    assert chord.ihvp is not stale
    for name, value in p.parameters.items():
        torch.testing.assert_close(found[name], value, atol=1e-7, rtol=1e-7)


def test_digits_are_fours_and_nines_of_the_files_rows(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    whole, one, two = wf.datasets.mnist("test"), Digits.read("test", 50, 2, seed=1), Digits.read("test", 50, 2, seed=1)
    places = [list(whole.ids).index(key) for key in one.ids]
    assert set(whole.y[places].tolist()) == {4, 9} and torch.equal(one.y, (whole.y[places] == 9).double())
    corners = whole.X[places].view(50, 14, 2, 14, 2).double().mean((2, 4))
    torch.testing.assert_close(one.X, corners.flatten(1), atol=1e-6, rtol=0)
    assert torch.equal(one.X, two.X) and not np.array_equal(one.ids, Digits.read("test", 50, 2, seed=2).ids)


def test_margins_say_which_digits_are_closest(model: DigitClassifier) -> None:
    weights = torch.cat([value.flatten() for value in model.problem.parameters.values()])
    margins = ((model.test.X @ weights[:16] + weights[16]) * (2 * model.test.y - 1)).numpy()
    np.testing.assert_allclose(model.margins.numpy(), margins, atol=1e-12)
    right = np.flatnonzero(margins > 0)
    assert model.accuracy == len(right) / 40 < 1
    closest = model.closest(5)
    assert closest.tolist() == right[np.argsort(margins[right])][:5].tolist()
    assert set(model.draw(len(right) - 5, closest)) == set(right) - set(closest)


def test_concentration_is_the_ten_largest_over_all(model: DigitClassifier) -> None:
    places = model.closest(3)
    scores = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact())), model.problem, model.queries(places)).values.abs().numpy()
    brute = np.sort(scores)[:, ::-1][:, :TOP].sum(1) / scores.sum(1)
    np.testing.assert_allclose(model.concentration(places).shares, brute, rtol=1e-6)


def test_an_attack_in_two_rounds_is_the_attack_in_one(model: DigitClassifier) -> None:
    places = np.sort(np.flatnonzero(model.margins > 0))[:7]
    two, one = StagedAttack.run(model, places, 1, 4), model.attack(places, 4, stop=True)
    assert two.more is not None and 0 < two.share(1) < two.share(4)
    assert [two.share(count) for count in range(1, 5)] == pytest.approx([one.flipped(count) for count in range(1, 5)])
    assert StagedAttack.run(model, places, 1, 1).more is None
    reached = max(float((each.inputs - each.originals).abs().max()) for each in one.attacked)
    assert reached == pytest.approx(RADIUS) and all(each.inputs.min() >= 0 and each.inputs.max() <= 1 for each in one.attacked)


def test_a_picture_shows_the_change_five_times_about_grey(model: DigitClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, np.ndarray]] = []
    monkeypatch.setattr("wherefrom_studies.koh_liang.flipping.gallery", shown.extend)
    places = model.closest(3)
    draw_attack(model, places, model.attack(places, 1, stop=True), 2)
    assert len(shown) == 2 and all(image.shape == (4, 4) for row in shown for image in row.values())
    for place, row in zip(places[:2], shown, strict=True):
        np.testing.assert_allclose(row["5 × difference"] - 0.5, 5 * (row["changed"] - row["training image"]))
        assert np.array_equal(row["asked about"].ravel(), model.test.X[place].numpy())
