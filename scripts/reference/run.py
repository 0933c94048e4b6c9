"""What the definitions of scores have to work with."""

import torch
from network import normal
from torch import nn
from torch.nn import functional as F

SCORES = {}


def score(name, init="default"):
    """Registers a definition: a function of a Run."""

    def register(function):
        SCORES[name] = (function, init)
        return function

    return register


class Run:
    """A network, its inputs, and what it takes to draw more."""

    def __init__(self, net, cell, x, y, seed):
        self.net, self.cell, self.x, self.y, self.seed = net, cell, x, y, seed

    def noise(self, purpose, *shape):
        return normal(shape, self.seed, purpose).to(self.x.dtype)

    def loss(self, of=slice(None)):
        return F.cross_entropy(self.net(self.x[of]), self.y[of])

    def relus(self, x):
        """What goes into every ReLU, N × units each."""
        seen = []
        hooks = [
            m.register_forward_hook(lambda _, i, o: seen.append(i[0].detach().flatten(1)))
            for m in self.net.modules()
            if isinstance(m, nn.ReLU)
        ]
        with torch.no_grad():
            self.net(x)
        for hook in hooks:
            hook.remove()
        return seen


def gradients(value, tensors, **options):
    found = torch.autograd.grad(value, tensors, allow_unused=True, **options)
    return [torch.zeros_like(t) if g is None else g for g, t in zip(found, tensors)]
