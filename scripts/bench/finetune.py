"""Training as one would write it in PyTorch, for comparison with knas-finetune.

finetune.py CIFAR_FOLDER ARCH CHANNELS CELLS IMAGES EPOCHS

Prints the training images a second of the last epoch. The images lie in memory
and are flipped and cropped a batch at a time, so that no data loader is in the
way.
"""

import pathlib
import sys
import time

import torch
from torch.nn import functional

from nb201 import TinyNetwork

folder, arch = sys.argv[1:3]
channels, cells, images, epochs = map(int, sys.argv[3:])
BATCH = 256

rows = torch.frombuffer(
    bytearray((pathlib.Path(folder) / "data_batch_1.bin").read_bytes()), dtype=torch.uint8
).reshape(-1, 3073)[:images]
targets = rows[:, 0].long()
mean = torch.tensor([0.4914, 0.4822, 0.4465]).reshape(3, 1, 1)
std = torch.tensor([0.2470, 0.2435, 0.2616]).reshape(3, 1, 1)
pixels = (rows[:, 1:].reshape(-1, 3, 32, 32).float() / 255 - mean) / std


def augmented(batch):
    flip = torch.rand(len(batch), 1, 1, 1) < 0.5
    padded = functional.pad(torch.where(flip, batch.flip(3), batch), (4, 4, 4, 4))
    top, left = torch.randint(9, (2, len(batch)))
    return torch.stack(
        [image[:, t : t + 32, l : l + 32] for image, t, l in zip(padded, top, left)]
    )


network = TinyNetwork(arch, channels, cells)
optimizer = torch.optim.SGD(
    network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
)
steps = epochs * -(-images // BATCH)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
for _ in range(epochs):
    start = time.perf_counter()
    for places in torch.randperm(images).split(BATCH):
        logits = network(augmented(pixels[places]))
        loss = functional.cross_entropy(logits, targets[places])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if not torch.isfinite(loss):
            sys.exit("diverged")
    speed = images / (time.perf_counter() - start)
print(f"{speed:.1f}")
