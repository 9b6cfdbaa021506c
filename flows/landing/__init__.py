"""What happens to usage between a file and the lake.

`workspace` is the folder and engine of one run; `landed` makes rows of one shape of whatever a source gives; `judged`
says what is wrong with each row; `places` finds each series' account, SKU, unit and period in the reference tables;
`record_ids` hashes ids, `hashed_ids` holds a delivery's hashes and `stored_ids` those of the lake, and `fates` decides
about ids that were met before; `reject_rows` and `storage` write what came of it.
"""
