"""The goals of speed and memory, each with the line it is read from; and where one is missed, the measured reason.

A reason is one sentence about what the time goes to; it is printed only beside a goal that the reference misses, and a
test wants one there. Figures themselves are in `reference.json` alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RATIO, GROWTH, SECONDS, MEGABYTES = "ratio", "growth", "wall_seconds", "peak_megabytes"
UNITS = {RATIO: "×", GROWTH: "×", SECONDS: "s", MEGABYTES: "MB"}
SMALL, LARGE = 20_000_000, 100_000_000

Run = Mapping[str, Any]
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """What a work may cost: at most so many seconds, megabytes, or times what it is measured against."""

    says: str
    run: str
    rows: int
    work: str
    figure: str
    at_most: float
    reason: str = ""

    def line(self, runs: Sequence[Run]) -> Line | None:
        """The line it is read from, if that was measured."""
        found = [run for run in runs if (run["run"], run["rows"]) == (self.run, self.rows)]
        lines = [line for run in found for line in run["works"] if line["work"] == self.work]
        return lines[0] if lines else None

    def reached(self, runs: Sequence[Run]) -> float | None:
        """The figure, if it was measured; growth is what all of the rows take of what a part of them takes."""
        line = self.line(runs)
        if line is None:
            return None
        return 1 / line[RATIO] if self.figure == GROWTH else line[self.figure]

    def is_missed(self, runs: Sequence[Run]) -> bool:
        """Whether it was measured and found to cost more."""
        reached = self.reached(runs)
        return reached is not None and reached > self.at_most


METERING, TENTH = "metering, all meters", "bill, a tenth of the rows"
METERED = (
    "It reads the month three times: sums and counts of all series, series with stretches or the meters time_weighted, "
    "max and last, and the records that are a peak or the last; 0.25, 0.5 and 0.3 F at 20 M rows."
)
BILLED = (
    "Of 2.5 CPU seconds at 20 M rows 1.0 are metering and 0.5 ask the invariants before the commit; the rest is"
    " pricing, tax, documents and what spans the month's end, in two groups of buckets, most of it in small frames that"
    " cost the same for few accounts. One to four threads of Polars, and one group or two, take the same time."
)
AUDITED = (
    "Two fifths of it bring what was just written into the engine, three fifths ask some fifty questions, of which a"
    " third is understanding them, however few the rows. On two connections the questions take as long, as the engine"
    " has work for both cores by itself; relations over frames are made in half the time and asked in twice."
)
IN_BUCKETS = (
    "It reads 2,000 files of usage and series and takes 1.7 CPU seconds more: a millisecond for each. Keeping their"
    " footers in the engine saves nothing. Buckets are for sharing work among machines; sixteen are enough for one."
)
BILL_MEMORY = (
    "Two groups of ten million rows that are priced beside each other take 540 MB, 200 of them the interpreter and its"
    " libraries; the audit after them holds what it asks in memory, up to 32 MB of files, which are ten times that."
)
INGEST_MEMORY = (
    "Two engines, the reader's in a process of its own and the writer's, spill beyond 1,750 MB each; ids are compared"
    " a part at a time, about four million of their hashes together."
)
LANDED = (
    "Rows are written twice, by bucket as they come and then sorted, so that bytes do not depend on threads nor memory "
    "on rows: at 20 M rows that is 31 and 35 % of the CPU time, finding the series 13 %, hashing ids 9 %. Sorting in "
    "arrays and not in the engine saves a fifth of the sort and gives other bytes; next is to divide rows by bucket in "
    "arrays, as two thirds of the first writing are the engine's partitioned file."
)
LANDED_CSV = (
    "Beside what Parquet takes, 36 of 62 CPU seconds make typed rows of the text: 5 divide it into fields, 8 are the"
    " grammar of instants and numbers, and half write the rows with the texts beside the values, so that a reject shows"
    " what came; the floor's reading takes 12. Without compression, or in a table of the engine, writing takes as long"
    " or longer."
)
RECOMPUTED = (
    "What does not depend on rows is most of either side: 0.3 CPU seconds for each of the three months, in some 2,700"
    " operations on small frames, and 0.45 that ask the invariants; a month of a million rows takes 1.0 in all. In a"
    " year of 20 M rows and 3,000 accounts a month, three months of thirty accounts take 2.4 and the last month 2.4,"
    " at 10 M 1.9 and 1.7; a third of the backfill's wall time asks the invariants of what changed, which took about"
    " twice as long when they were asked of all months alike."
    " Those of some months are asked beside those of all, which takes a tenth off the wall time. With 20,000 accounts"
    " that have fifty rows each it is 1.2 times a month: half of it asks the invariants, of everybody in these months."
)

GOALS: tuple[Goal, ...] = (
    Goal("metering, all meters and segments", "stages", SMALL, METERING, RATIO, 1.6, METERED),
    Goal("the same at 100 M rows", "stages", LARGE, METERING, RATIO, 1.3, METERED),
    Goal("bill a period, 3,000 accounts", "stages", SMALL, "bill", RATIO, 2.75, BILLED),
    Goal("the same at 100 M rows, 15,000 accounts", "stages", LARGE, "bill", RATIO, 1.75, BILLED),
    Goal("peak memory of billing 20 M rows", "stages", SMALL, "bill", MEGABYTES, 1_000),
    Goal("peak memory of billing 100 M rows", "stages", LARGE, "bill", MEGABYTES, 1_000, BILL_MEMORY),
    Goal("audit before the commit of a bill", "stages", SMALL, "audit of the bill", RATIO, 0.1, AUDITED),
    Goal("ingest Parquet", "stages", SMALL, "ingest", RATIO, 2, LANDED),
    Goal("ingest CSV", "stages", SMALL, "ingest CSV", RATIO, 2.25, LANDED_CSV),
    Goal("peak memory of ingest, Parquet", "stages", SMALL, "ingest", MEGABYTES, 4_000),
    Goal("peak memory of ingest, CSV", "stages", SMALL, "ingest CSV", MEGABYTES, 4_000),
    Goal("peak memory of ingest, Parquet, 100 M rows", "stages", LARGE, "ingest", MEGABYTES, 4_000, INGEST_MEMORY),
    Goal("charges from a million metered rows", "rating", 2_000_000, "1 M metered rows priced", SECONDS, 0.4),
    Goal("allocation: 1 M charges, 100,000 accounts", "allocation", 1_000_000, "waterfall", SECONDS, 0.25),
    Goal("the same against a plain loop", "allocation", 1_000_000, "waterfall", RATIO, 0.4),
    Goal("one account, 10,000 grants", "allocation", 1_000_000, "one account, 10,000 grants", SECONDS, 0.5),
    Goal("ten times the grants", "allocation", 1_000_000, "one account, 10,000 grants", RATIO, 2),
    Goal("shares by largest remainder", "allocation", 1_000_000, "share by largest remainder", SECONDS, 0.15),
    Goal("ten times the rows: bill", "stages", SMALL, TENTH, GROWTH, 10.5),
    Goal("bill in 1,000 buckets, as in 16", "stages", SMALL, "bill, 1,000 buckets", RATIO, 1.1, IN_BUCKETS),
    Goal("bill on two Dask workers", "stages", SMALL, "bill, two Dask workers", RATIO, 1.5),
    Goal("ingest again, nothing new", "stages", SMALL, "ingest again", RATIO, 0.1),
    Goal("bill again, nothing new", "stages", SMALL, "bill again", RATIO, 0.1),
    Goal("backfill 1 % of accounts over 3 of 12 months", "backfill", 1_000_000, "backfill", RATIO, 0.1, RECOMPUTED),
)
"""In the order in which the page shows them."""
