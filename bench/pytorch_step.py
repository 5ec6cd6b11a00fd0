"""One step of MoCo in PyTorch, timed: the peer of bench/train.ts, which starts it. Prints one line of JSON.

The step is Algorithm 1 of the paper: the key encoder follows, keys without gradient, queries, InfoNCE over a queue,
backward, SGD with momentum and weight decay. Views are ready-made tensors on the device.
"""
import argparse
import time

import torch
from torch import nn
from torch.nn import functional as F

from pytorch_forms import add_forms, report, use_forms
from pytorch_network import backbone

parser = argparse.ArgumentParser()
parser.add_argument("--network", help="of torchvision, instead of one of basic blocks")
parser.add_argument("--widths", help="channels of the stages, separated by commas")
parser.add_argument("--blocks", type=int, help="basic blocks of a stage")
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--stem-stride", type=int, default=1)
parser.add_argument("--side", type=int, default=32, help="of an image, pixels")
parser.add_argument("--dimensions", type=int, default=128)
parser.add_argument("--queue", type=int, default=4096)
parser.add_argument("--steps", type=int, default=8)
add_forms(parser)
options = parser.parse_args()

WARM_UP = 2 if options.device == "cpu" else 10
device = torch.device(options.device)
layout, mixed = use_forms(options)


def encoder():
    if options.network:
        import torchvision

        network = getattr(torchvision.models, options.network)(num_classes=options.dimensions)
    else:
        widths = [int(width) for width in options.widths.split(",")]
        layers, channels = backbone(widths, options.blocks, options.stem_stride)
        network = nn.Sequential(*layers, nn.Linear(channels, options.dimensions))
    return network.to(device, memory_format=layout)


query_encoder, key_encoder = encoder(), encoder()
key_encoder.load_state_dict(query_encoder.state_dict())
key_encoder.requires_grad_(False)
f_q, f_k = query_encoder, key_encoder
if options.compile:
    f_q, f_k = torch.compile(f_q), torch.compile(f_k)
optimizer = torch.optim.SGD(query_encoder.parameters(), 0.03, momentum=0.9, weight_decay=5e-4)
queue = F.normalize(torch.randn(options.dimensions, options.queue, device=device), dim=0)
labels = torch.zeros(options.batch, dtype=torch.long, device=device)


def step(x_q, x_k, pointer):
    with torch.no_grad(), mixed:
        parameters = zip(key_encoder.parameters(), query_encoder.parameters())
        for k, q in parameters:
            k.mul_(0.99).add_(q, alpha=0.01)
        keys = F.normalize(f_k(x_k).float(), dim=1)
    with mixed:
        queries = F.normalize(f_q(x_q).float(), dim=1)
        positive = (queries * keys).sum(1, keepdim=True)
        logits = torch.cat([positive, queries @ queue], 1).float() / 0.1
        loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    queue[:, pointer : pointer + options.batch] = keys.t()
    return loss


def now():
    if options.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


seconds = []
for i in range(WARM_UP + options.steps):
    x_q = torch.randn(options.batch, 3, options.side, options.side, device=device).to(memory_format=layout)
    x_k = (x_q + 0.1 * torch.randn_like(x_q)).to(memory_format=layout)
    start = now()
    step(x_q, x_k, i * options.batch % options.queue)
    if i >= WARM_UP:
        seconds.append(now() - start)

report(options.batch, seconds)
