"""A table checked, rounded and written."""

from pathlib import Path

import polars as pl
import pyarrow as pa

from pipeline.writing import Written, merged, write


def written(folder: Path, frame: pl.DataFrame) -> Written:
    return write(str(folder / f"{frame.height}.parquet"), "marts.any", frame, is_synthetic=False)


def test_what_is_kept_of_a_shard_does_not_keep_the_shard_in_memory(tmp_path: Path) -> None:
    before = pa.total_allocated_bytes()
    # Polars takes over the memory of Arrow, which counts what is in use
    kept = written(tmp_path, pl.from_arrow(pa.table({"n": pa.array(range(100_000))})))
    assert kept.tail["n"].to_list() == [99_995, 99_996, 99_997, 99_998, 99_999]
    assert pa.total_allocated_bytes() - before < 10_000


def test_figures_of_shards_add_up_and_the_last_rows_are_those_of_the_last_shard_with_any(tmp_path: Path) -> None:
    stats, tail = merged([written(tmp_path, pl.DataFrame({"n": range(rows)})) for rows in (3, 7, 0)])
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert (stats.rows, stats.files, stats.bytes) == (10, 3, sum(sizes))
    assert tail["n"].to_list() == [2, 3, 4, 5, 6]
