"""A step of MoCo in PyTorch, which the peers of the benchmarks share: Algorithm 1 of the paper. The key encoder
follows, keys without gradient, queries, InfoNCE over a queue, backward, the optimiser.
"""
import copy

import torch
from torch.nn import functional as F


def moco(query_encoder, optimizer, forms, *, batch, queue, dimensions, momentum=0.99, temperature=0.1):
    """Gives step(x_q, x_k), which trains on two views [B, 3, H, W] of the same images.

    `forms` are the options and the context that `use_forms` is about; `queue` negative keys are whole batches.
    """
    options, mixed = forms
    key_encoder = copy.deepcopy(query_encoder).requires_grad_(False)
    f_q, f_k = query_encoder, key_encoder
    if options.compile:
        f_q, f_k = torch.compile(f_q), torch.compile(f_k)
    negatives = F.normalize(torch.randn(dimensions, queue, device=options.device), dim=0)
    labels = torch.zeros(batch, dtype=torch.long, device=options.device)
    pointer = 0

    def step(x_q, x_k):
        nonlocal pointer
        with torch.no_grad(), mixed:
            for k, q in zip(key_encoder.parameters(), query_encoder.parameters()):
                k.mul_(momentum).add_(q, alpha=1 - momentum)
            keys = F.normalize(f_k(x_k).float(), dim=1)
        with mixed:
            queries = F.normalize(f_q(x_q).float(), dim=1)
            positive = (queries * keys).sum(1, keepdim=True)
            logits = torch.cat([positive, queries @ negatives], 1).float() / temperature
            loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        negatives[:, pointer : pointer + batch] = keys.t()
        pointer = (pointer + batch) % queue
        return loss

    return step
