"""Reference data: the small dated tables that people edit, read once, checked whole, and named by one digest.

`load_reference(folder)` gives either tables that every later stage may trust, or every fault of the folder at once.
The order of work, one module each: `reading` (files to text cells), `one_table` (cells to values, rows, windows),
`shipped` (what billfold brings where a folder is silent), `across` (keys, money and tiers between tables), `canonical`
(order and digest). What each table wants is declared in `tables`.
"""

from flows.reference.faults import Fault, ReferenceFaults
from flows.reference.load import Reference, load_reference, load_reference_with
from flows.reference.page import reference_page
from flows.reference.shipped import default_reference_folder, write_default_reference

__all__ = [
    "Fault",
    "Reference",
    "ReferenceFaults",
    "default_reference_folder",
    "load_reference",
    "load_reference_with",
    "reference_page",
    "write_default_reference",
]
