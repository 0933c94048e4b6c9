#!/usr/bin/env python3
"""Prints logits and scores of small BERT and RoBERTa classifiers by `transformers`.

The expected values of the encoder's tests, and of the tests of the scores of
texts, come from here. Scores are written out as they are defined, with a pass for
every text. Needs torch and transformers; weights and texts follow from formulas,
so that nothing is stored.
"""

import torch
from torch.nn import functional as F
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

SIZES = dict(
    vocab_size=60,
    hidden_size=8,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=16,
    max_position_embeddings=20,
    num_labels=3,
)
LENGTHS = [9, 6, 2]


def fill(net):
    """Gives every parameter values that its name and its places decide."""
    with torch.no_grad():
        for name, p in net.named_parameters():
            place = sum(map(ord, name))
            p.copy_(((torch.arange(p.numel()) * 0.7 + place).sin() * 0.2).reshape(p.shape))
            if name.endswith("LayerNorm.weight"):
                p += 1


def texts(types):
    """Ids, types and mask of three texts of different lengths."""
    length = max(LENGTHS)
    ids = (torch.arange(3 * length) * 7 + 3).reshape(3, length) % 57 + 3
    mask = torch.stack([(torch.arange(length) < n).long() for n in LENGTHS])
    second = torch.stack([(torch.arange(length) >= n // 2).long() for n in LENGTHS])
    padding = 2 - types  # BERT has two types and pads with 0, RoBERTa one and 1
    return ids * mask + padding * (1 - mask), second * mask * (types - 1), mask


def gradients(of, tensors, **options):
    found = torch.autograd.grad(of, tensors, allow_unused=True, **options)
    return [torch.zeros_like(t) if g is None else g for g, t in zip(found, tensors)]


def scores(net, ids, second, mask, targets):
    """Every score of texts, from `output_attentions` and hooks."""
    names, tensors = zip(*net.named_parameters())
    linear = [n for n, m in net.named_modules() if isinstance(m, torch.nn.Linear)]
    linear = [i for i, n in enumerate(names) if n.removesuffix(".weight") in linear]
    attention = [m for n, m in net.named_modules() if n.endswith("attention.self")]
    wide = [m for n, m in net.named_modules() if n.endswith("intermediate.dense")]
    size = net.config.hidden_size // net.config.num_attention_heads
    rows, confidence, importance, units = [], [], [], []
    for i, n in enumerate(mask.sum(1).tolist()):
        seen = {m: [] for m in attention + wide}
        hooks = [
            m.register_forward_hook(lambda m, _, o: seen[m].append(o[0] if m in attention else o))
            for m in seen
        ]
        out = net(
            input_ids=ids[i : i + 1, :n],
            token_type_ids=second[i : i + 1, :n],
            attention_mask=mask[i : i + 1, :n],
            output_attentions=True,
        )
        for hook in hooks:
            hook.remove()
        loss = F.cross_entropy(out.logits, targets[i : i + 1])
        rows.append(gradients(loss, tensors, retain_graph=True))
        confidence += [h.max(-1).values.mean().item() for a in out.attentions for h in a[0]]
        heads = [seen[m][0] for m in attention]
        for a, g in zip(heads, gradients(loss, heads)):
            importance += (a * g).view(n, -1, size).sum((0, 2)).abs().tolist()
        units.append(torch.cat([seen[m][0][0, 0] for m in wide]) > 0)

    mean = [torch.stack(g).mean(0) for g in zip(*rows)]
    flat = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]).double()
    gram, n = flat @ flat.T, len(rows)
    entropies = []
    for place, name in enumerate(names):
        if not name.endswith("bias"):
            g = F.normalize(torch.stack([row[place].flatten() for row in rows]).double(), dim=1)
            p = torch.linalg.eigvalsh(g @ g.T).clamp(min=1e-300) / g.norm() ** 2
            entropies.append(-(p * p.log()).sum().item())
    picked = lambda *ends: [i for i, n in enumerate(names) if n.endswith(ends)]
    mha = picked("query.weight", "key.weight", "value.weight", "attention.output.dense.weight")
    ffn = picked("intermediate.dense.weight", "output.dense.weight")
    nuclear = lambda t: torch.linalg.matrix_norm(t.double(), "nuc").item()
    codes = torch.stack(units).double()
    agree = codes @ codes.T + (1 - codes) @ (1 - codes).T
    product = [(t * g).abs().sum().item() for t, g in zip(tensors, mean)]

    loss = F.cross_entropy(
        net(input_ids=ids, token_type_ids=second, attention_mask=mask).logits, targets
    )
    weights = [tensors[i] for i in linear]
    free = gradients(loss, weights, create_graph=True)
    curved = gradients(sum((g.detach() * g).sum() for g in free), weights)
    return {
        "mgm": gram.mean().item(),
        "mgm-offdiag": ((gram.sum() - gram.trace()) / (n * (n - 1))).item(),
        "mgm-layer": sum(g.double().pow(2).sum().item() for g in mean) / len(mean),
        "grad-norm": sum(g.norm().item() for g in mean),
        "gram-entropy": sum(entropies) / len(entropies),
        "gradsign": sum(
            torch.stack([row[i] for row in rows]).sign().sum(0).abs().sum().item() for i in linear
        ),
        "snip": sum(product[i] for i in linear),
        "grasp": -sum((w * h).sum().item() for w, h in zip(weights, curved)),
        "params": sum(t.numel() for t in tensors),
        "layers": net.config.num_hidden_layers,
        "attention-confidence": sum(confidence) / len(confidence),
        "head-importance": sum(importance) / len(importance),
        "synaptic-saliency": sum(product[i] for i in ffn if i not in mha),
        "synaptic-diversity": sum(nuclear(tensors[i].detach()) * nuclear(mean[i]) for i in mha),
        "activation-distance": torch.linalg.slogdet(agree)[1].item(),
    }


for config, model, types in (
    (BertConfig(**SIZES, type_vocab_size=2), BertForSequenceClassification, 2),
    (
        RobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5),
        RobertaForSequenceClassification,
        1,
    ),
):
    config._attn_implementation = "eager"
    net = model(config).eval()
    fill(net)
    ids, second, mask = texts(types)
    logits = net(input_ids=ids, token_type_ids=second, attention_mask=mask).logits
    print(model.__name__, [round(v, 6) for v in logits.flatten().tolist()])
    for name, value in scores(net, ids, second, mask, torch.tensor([2, 0, 1])).items():
        print(f'("{name}", {value!r}),')
