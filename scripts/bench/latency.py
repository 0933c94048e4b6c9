"""The latency of a network that knas-export wrote, in plain PyTorch, for comparison with
knas-score --proxy latency.

latency.py MODULE WEIGHTS SIDE|LENGTH

Prints the median of passes over one image, or one text of so many tokens, in
milliseconds: one thread, evaluation mode, as many passes as knas-score makes.
"""

import runpy
import statistics
import sys
import time

import torch

module, weights, size = sys.argv[1:]
torch.set_num_threads(1)
found = runpy.run_path(module)
network = found["load"](weights)
if found["SPACE"] == "roberta-skip":
    ids = torch.randint(5, 30000, (1, int(size)))
    inputs = (ids, torch.zeros_like(ids), torch.ones_like(ids))
else:
    inputs = (torch.randn(1, 3, int(size), int(size)),)


def times(count, seconds):
    found, begin = [], time.perf_counter()
    while len(found) < 1000 and (len(found) < count or time.perf_counter() - begin < seconds):
        start = time.perf_counter()
        network(*inputs)
        found.append((time.perf_counter() - start) * 1e3)
    return found


with torch.no_grad():
    times(3, 0.05)
    print(statistics.median(times(15, 0.3)))
