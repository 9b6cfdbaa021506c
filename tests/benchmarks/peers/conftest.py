"""Scripts for other interpreters, with packages that this one does not have, are no modules to look for doctests in."""

collect_ignore = ["cloudkitty_hashmap.py", "pandas_script.py"]
