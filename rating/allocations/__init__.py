"""Who pays for what, in order: discounts, grants before tax, grants after tax; all rows of one shape, `allocations`."""
