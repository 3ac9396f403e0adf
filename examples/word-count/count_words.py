"""Counts the words of one text and writes the most frequent ones to counts.csv."""

import collections
import csv
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
words = re.findall(r"[^\W\d_]+", source.read_text(encoding="utf-8").lower())
counts = collections.Counter(words)

with open("counts.csv", "w", newline="", encoding="utf-8") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["word", "count"])
    table.writerows(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

print(f"{source.name}: {len(words)} words, {len(counts)} different, most often “{counts.most_common(1)[0][0]}”")
