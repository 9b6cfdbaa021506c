"""The lake: immutable Parquet files, one journal of commits, and what people read of them. Nothing else knows paths."""
