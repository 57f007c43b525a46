"""How much of a job is done at once."""

from __future__ import annotations

from aisuite.services.rag.job_work import BatchSize


def test_quick_batches_grow_so_that_little_is_flushed_and_slow_ones_shrink_so_that_progress_is_told() -> None:
    size, quick, slow = BatchSize(), list[int](), list[int]()
    for found, seconds in ((quick, 0.1), (slow, 60.0)):
        for _ in range(10):
            size.learn(seconds)
            found.append(size.documents)
    assert quick[:3] == [64, 128, 256]
    assert set(quick[2:]) == {256}
    assert slow[:2] == [128, 64]
    assert slow[-1] == 4
