"""What was compared with autograd is remembered as it was: for several examples, or for one alone."""

from wherefrom.gradients.proofs import OFTEN, Proofs, Signature

USE: Signature = frozenset({("linear", "matrix", "", False)})


def test_one_example_proves_nothing_for_several() -> None:
    proofs = Proofs()
    proofs.add({"w": USE}, 1, right=True)
    assert proofs.verdict("w", USE, 1) is True and proofs.verdict("w", USE, 5) is None
    proofs.add({"w": USE}, 5, right=False)
    assert proofs.verdict("w", USE, 1) is False and proofs.verdict("w", frozenset(), 5) is None


def test_a_few_examples_are_due_every_so_often() -> None:
    proofs = Proofs()
    assert [proofs.due(OFTEN // 2) for _ in range(5)] == [False, True, False, True, False]
