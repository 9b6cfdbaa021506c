"""What has changed for billed periods since they were billed: usage, operations, reference tables (X1).

Each module names accounts and periods for one cause; too many are named rather than too few, as what is named is only
computed again. `flows/touched.py` is the front.
"""
