"""What happens to usage between a file and the lake.

`workspace` is the folder and engine of one run; `landed` makes rows of one shape of whatever a source gives; `judged`
says what is wrong with each row; `places` finds each series' account, SKU, unit and period in the reference tables;
`record_ids` finds ids that were met before and `fates` decides about them; `reject_rows` and `storage` write what
came of it.
"""
