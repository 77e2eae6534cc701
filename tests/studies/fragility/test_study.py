"""The grids of the full and quick forms."""

from wherefrom_studies.fragility import iris_found, mnist_found


def test_grids_hold_no_network_twice() -> None:
    for part, count in ((iris_found, 42), (mnist_found, 12)):
        full = part.full_grid()
        assert len(set(full)) == len(full) == count and set(part.quick_grid()) <= set(full)
