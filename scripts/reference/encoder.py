#!/usr/bin/env python3
"""Prints the logits of small BERT and RoBERTa classifiers by `transformers`.

The expected values of the encoder's tests come from here. Needs torch and
transformers; weights and texts follow from formulas, so that nothing is stored.
"""

import torch
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


for config, model, types in (
    (BertConfig(**SIZES, type_vocab_size=2), BertForSequenceClassification, 2),
    (
        RobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5),
        RobertaForSequenceClassification,
        1,
    ),
):
    net = model(config).eval()
    fill(net)
    ids, second, mask = texts(types)
    logits = net(input_ids=ids, token_type_ids=second, attention_mask=mask).logits
    print(model.__name__, [round(v, 6) for v in logits.flatten().tolist()])
