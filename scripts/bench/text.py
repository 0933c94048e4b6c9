"""Fine-tuning an encoder as one would write it in PyTorch, for comparison with
knas-finetune.

text.py TEXTS LENGTH EPOCHS

Prints the training texts a second of the last epoch, of a BERT of MiniLM's size
with a classifier. All texts have LENGTH tokens, so that nobody's padding is in
the way.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional

texts, length, epochs = map(int, sys.argv[1:])
BATCH, RATE = 16, 2e-5
LAYERS, WIDTH, HEADS, INTERMEDIATE = 6, 384, 12, 1536
VOCABULARY, POSITIONS, TYPES, CLASSES, DROPOUT = 30522, 512, 2, 2, 0.1


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, INTERMEDIATE), nn.Linear(INTERMEDIATE, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, 1e-12) for _ in range(2))

    def forward(self, x, mask):
        def heads(y):
            return y.view(*y.shape[:2], HEADS, -1).transpose(1, 2)

        rate = DROPOUT if self.training else 0.0
        attended = functional.scaled_dot_product_attention(
            heads(self.query(x)), heads(self.key(x)), heads(self.value(x)), mask, rate
        )
        attended = self.out(attended.transpose(1, 2).reshape(x.shape))
        x = self.norms[0](x + functional.dropout(attended, DROPOUT, self.training))
        wide = functional.gelu(self.up(x))
        return self.norms[1](x + functional.dropout(self.down(wide), DROPOUT, self.training))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.types, self.norm = nn.Embedding(TYPES, WIDTH), nn.LayerNorm(WIDTH, 1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.pooler, self.classifier = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, ids, types, mask):
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.types(types)
        x = functional.dropout(self.norm(x), DROPOUT, self.training)
        mask = mask.bool()[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        pooled = torch.tanh(self.pooler(x[:, 0]))
        return self.classifier(functional.dropout(pooled, DROPOUT, self.training))


encoder = Encoder().train()
decayed = [p for p in encoder.parameters() if p.dim() > 1]
others = [p for p in encoder.parameters() if p.dim() == 1]
groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, RATE, (0.9, 0.98), 1e-6)
steps = epochs * -(-texts // BATCH)
warm = max(1, round(0.06 * steps))
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm))
)
ids = torch.randint(5, VOCABULARY, (texts, length))
types, mask = torch.zeros_like(ids), torch.ones_like(ids)
targets = torch.arange(texts) % CLASSES
for _ in range(epochs):
    start = time.perf_counter()
    for places in torch.randperm(texts).split(BATCH):
        logits = encoder(ids[places], types[places], mask[places])
        loss = functional.cross_entropy(logits, targets[places])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if not torch.isfinite(loss):
            sys.exit("diverged")
    speed = texts / (time.perf_counter() - start)
print(f"{speed:.1f}")
