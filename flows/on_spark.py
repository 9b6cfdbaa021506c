"""Billing usage that lies in Spark: the bucket function of `rating.bucket`, carried by `mapInArrow`.

Needs the extra `spark` and Java where it is run, and billfold on every executor. It commits nothing: who wants the
books kept in a lake bills with `billfold bill`, on Dask if one machine is too small.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.bill_period import BillPlan, inputs_of
from rating.bucket import Terms, rated, schema_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def on_spark(usage: "DataFrame", terms: Terms, table: str = "charges") -> "DataFrame":
    """A table of the bill of all accounts that usage (`rating.bucket.USAGE`) is of; each is billed in one partition."""
    from pyspark.sql.pandas.types import from_arrow_schema

    def bill(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return rated(table, batches, terms)

    return usage.repartition("billing_account_id").mapInArrow(bill, from_arrow_schema(schema_of(table)))


def terms_of(plan: BillPlan) -> Terms:
    """What the bills of a planned period depend on but usage, as the lake says it: of all accounts."""
    return Terms.of(inputs_of(plan, tuple(range(plan.lake.buckets))))
