"""One step of MoCo in PyTorch, timed: the peer of bench/train.ts, which starts it. Prints one line of JSON.

Views are ready-made tensors on the device.
"""
import argparse
import statistics
import time

import torch
from torch import nn

from pytorch_forms import add_forms, report, use_forms
from pytorch_moco import moco
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

if options.network:
    import torchvision

    encoder = getattr(torchvision.models, options.network)(num_classes=options.dimensions)
else:
    widths = [int(width) for width in options.widths.split(",")]
    layers, channels = backbone(widths, options.blocks, options.stem_stride)
    encoder = nn.Sequential(*layers, nn.Linear(channels, options.dimensions))
encoder.to(device, memory_format=layout)
optimizer = torch.optim.SGD(encoder.parameters(), 0.03, momentum=0.9, weight_decay=5e-4)
sizes = {"batch": options.batch, "queue": options.queue, "dimensions": options.dimensions}
step = moco(encoder, optimizer, (options, mixed), **sizes)


def now():
    if options.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


seconds = []
for i in range(WARM_UP + options.steps):
    x_q = torch.randn(options.batch, 3, options.side, options.side, device=device).to(memory_format=layout)
    x_k = (x_q + 0.1 * torch.randn_like(x_q)).to(memory_format=layout)
    start = now()
    step(x_q, x_k)
    if i >= WARM_UP:
        seconds.append(now() - start)

report(options.batch / statistics.median(seconds))
