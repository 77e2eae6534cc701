"""What an attack found, counted by hand."""

import numpy as np
import torch

from wherefrom.methods.attacks.attacked import Arm, Attack, Attacked


def one(key: int, aimed: Arm, random: Arm) -> Attacked:
    m = len(aimed.predictions) - 1
    return Attacked(key, np.arange(m), torch.zeros(m, 2), torch.ones(m, 2), aimed, random, (5,) * m)


STAYED = Arm((1.0, 1.1, 1.0), (0, 0, 0), 1.0)
UPWARDS = one(7, Arm((1.0, 2.0, 4.0), (0, 0, 1), 1.0), STAYED)
DOWNWARDS = one(8, Arm((3.0, 1.0), (1, 0), -1.0), Arm((3.0, 3.5), (1, 1), -1.0))
FOUND = Attack((UPWARDS, DOWNWARDS), 3, 0.1, "loss change")


def test_flips_and_gains() -> None:
    assert [one.aimed.flipped_by for one in FOUND.attacked] == [2, 1] and STAYED.flipped_by is None
    assert [FOUND.flipped(m) for m in (0, 1, 2)] == [0.0, 0.5, 1.0] and FOUND.flipped() == 1.0 and FOUND.flipped(random=True) == 0.0
    assert FOUND.gain(1).tolist() == [1.0, 2.0] and FOUND.gain(3).tolist() == [3.0, 2.0]  # what falls where higher is better worsens
    assert FOUND.gain(2, random=True).tolist() == [0.0, -0.5]


def test_the_table_has_a_row_for_each_number_of_changed_examples() -> None:
    table = FOUND.to_pandas()
    assert table["query_id"].tolist() == [7, 7, 7, 8, 8] and table["changed"].tolist() == [0, 1, 2, 0, 1]
    assert table["measurement"].tolist() == [1.0, 2.0, 4.0, 3.0, 1.0] and table["random prediction"].tolist() == [0, 0, 0, 1, 1]
    assert table["train_id"].isna().tolist() == [True, False, False, True, False]
