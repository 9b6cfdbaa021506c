"""How long the races are: BILLFOLD_RACES=n runs each n times, with eight processes and two readers."""

import os

ROUNDS = int(os.environ.get("BILLFOLD_RACES", "0"))
"""None in the ordinary suite, which runs each race once, with fewer processes."""

RACERS = 8 if ROUNDS else 4
READERS = 2
EVERY_ROUND = range(max(1, ROUNDS))
