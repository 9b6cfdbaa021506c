"""Who pays for what, in order: discounts, grants before tax, grants after tax. All are rows of one shape, `allocations`."""
