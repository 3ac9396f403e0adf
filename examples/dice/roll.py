"""How often do six dice show at least two sixes? Rolls them for a while; the argument is the seed."""

import random
import sys
import time

seed = sys.argv[1]
dice = random.Random(seed)
rolls = hits = 0
until = time.monotonic() + 2
while time.monotonic() < until:
    rolls += 1
    hits += sum(dice.randrange(6) == 5 for _ in range(6)) >= 2
    # Half of the time is left to the others of this machine.
    if rolls % 500 == 0:
        time.sleep(0.005)
print(f"seed {seed:>3}: {hits / rolls:.4f}")
