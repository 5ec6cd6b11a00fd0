"""lightly's MoCo and SimCLR: the peers of bench/lightly.ts, which starts this. Prints one line of JSON.

As lightly's own benchmark on CIFAR-10 has them (docs/source/getting_started/benchmarks/cifar10_benchmark.py): views,
heads, losses, optimiser and rates are lightly's. The network is ours, so MoCo's batch norm over eighths of a batch is
missing. Images are decoded once, before the clock begins, and batches are in channels-last memory, which is fastest
here. The learning rate falls by a cosine of the time that has passed.
"""
import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead, SimCLRProjectionHead
from lightly.models.utils import batch_shuffle, batch_unshuffle, deactivate_requires_grad, update_momentum
from lightly.transforms import SimCLRTransform
from lightly.transforms.utils import IMAGENET_NORMALIZE
from PIL import Image
from torch import nn
from torchvision import transforms

from pytorch_network import backbone

parser = argparse.ArgumentParser()
parser.add_argument("method", choices=["moco", "simclr"])
parser.add_argument("--train", type=Path, required=True, help="folder of a folder for each label")
parser.add_argument("--held", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True, help="folder for features and projections, float32")
parser.add_argument("--minutes", type=float, required=True)
parser.add_argument("--widths", required=True, help="channels of the stages, separated by commas")
parser.add_argument("--side", type=int, default=32, help="of an image, pixels")
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()

torch.manual_seed(options.seed)
torch.set_num_threads(1)


def open_images(folder):
    paths = sorted(path for label in folder.iterdir() if label.is_dir() for path in label.iterdir())
    size = (options.side, options.side)
    return [Image.open(path).convert("RGB").resize(size) for path in paths], [path.parent.name for path in paths]


images, labels = open_images(options.train)
views = SimCLRTransform(input_size=options.side, cj_strength=0.5, gaussian_blur=0.0)


def batches():
    while True:
        order = torch.randperm(len(images))
        for first in range(0, len(images) - options.batch + 1, options.batch):
            pairs = [views(images[i]) for i in order[first : first + options.batch].tolist()]
            yield [torch.stack(view).to(memory_format=torch.channels_last) for view in zip(*pairs)]


layers, channels = backbone([int(width) for width in options.widths.split(",")], 1, 2)
encoder = nn.Sequential(*layers).to(memory_format=torch.channels_last)
head = {"moco": MoCoProjectionHead, "simclr": SimCLRProjectionHead}[options.method](channels, channels, 128)
key_encoder, key_head = copy.deepcopy(encoder), copy.deepcopy(head)
deactivate_requires_grad(key_encoder)
deactivate_requires_grad(key_head)
moco_loss = NTXentLoss(temperature=0.1, memory_bank_size=4096)
simclr_loss = NTXentLoss()


def moco(x0, x1):
    update_momentum(encoder, key_encoder, 0.99)
    update_momentum(head, key_head, 0.99)

    def one_way(queries, keys):
        keys, shuffle = batch_shuffle(keys)
        keys = batch_unshuffle(key_head(key_encoder(keys)), shuffle)
        return moco_loss(head(encoder(queries)), keys)

    return 0.5 * (one_way(x0, x1) + one_way(x1, x0))


def simclr(x0, x1):
    return simclr_loss(head(encoder(x0)), head(encoder(x1)))


loss_of = {"moco": moco, "simclr": simclr}[options.method]
parameters = [*encoder.parameters(), *head.parameters()]
rate = 0.06 * options.batch / 128
optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=5e-4)

seconds = 60 * options.minutes
began = time.perf_counter()
steps = 0
for x0, x1 in batches():
    done = (time.perf_counter() - began) / seconds
    if done >= 1:
        break
    optimizer.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * done)) / 2
    loss = loss_of(x0, x1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    steps += 1

encoder.eval()
head.eval()
plain = transforms.Compose([
    transforms.ToTensor(),
    transforms.Normalize(IMAGENET_NORMALIZE["mean"], IMAGENET_NORMALIZE["std"]),
])


@torch.no_grad()
def write(part, images):
    features = torch.cat([
        encoder(torch.stack([plain(image) for image in images[first : first + 256]]))
        for first in range(0, len(images), 256)
    ])
    for name, values in {"features": features, "projection": head(features)}.items():
        values = nn.functional.normalize(values, dim=1).contiguous()
        (options.out / f"{part}.{name}").write_bytes(values.numpy().tobytes())


write("train", images)
held, held_labels = open_images(options.held)
write("held", held)
print(json.dumps({
    "imagesSeen": steps * options.batch,
    "loss": loss.item(),
    "labels": {"train": labels, "held": held_labels},
}))
