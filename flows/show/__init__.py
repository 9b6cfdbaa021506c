"""What people read in a terminal: an invoice as they expect it, and short lists of what is in the books."""
