"""The loop of MoCo in PyTorch with torchvision's views, timed: the peer of bench/loop.ts, which starts it. Prints one
line of JSON.

Network, batch, queue, views and optimiser are those of the configuration that `train` made. What differs saves time:
batch norm takes a batch as a whole, so that keys need no shuffling between its groups; the learning rate stays; nothing
is logged or measured. Views are bytes until a batch of them is normalised, which is faster than one by one.
"""
import argparse
import json
import multiprocessing
import time
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2
from torchvision.transforms.functional import pil_to_tensor

from pytorch_forms import add_forms, report, use_forms
from pytorch_moco import moco
from pytorch_network import backbone

parser = argparse.ArgumentParser()
parser.add_argument("images", type=Path, help="folder")
parser.add_argument("--config", type=json.loads, required=True, help="config.json of a run, of basic blocks alike")
parser.add_argument("--warm-up", type=int, required=True, help="steps that are not timed")
parser.add_argument("--steps", type=int, required=True)
parser.add_argument("--workers", type=int, default=0, help="processes of the loader; each takes a thread")
parser.add_argument("--v2", action="store_true", help="transforms v2 on tensors of bytes, not v1 on images of PIL")
parser.add_argument("--cached", action="store_true", help="decode images once, and keep them small in memory")
add_forms(parser)
options = parser.parse_args()
options.threads = max(1, options.threads - options.workers)
layout, mixed = use_forms(options)
config = options.config
batch = config["batch"]


def open_image(path):
    return Image.open(path).convert("RGB")


def decode(paths):
    """All images, as they are stored for training: bytes [N, S, S, 3]."""
    side = config["storedSize"]
    kept = numpy.empty((len(paths), side, side, 3), numpy.uint8)
    for n, path in enumerate(paths):
        kept[n] = open_image(path).resize((side, side))
    return kept


def draw_views():
    """What draws a view of an image: bytes [3, S, S]."""
    kind = v2 if options.v2 else transforms
    views = config["views"]
    jitter = {name: value for name, value in views["jitter"].items() if name != "probability"}
    return kind.Compose([
        kind.RandomResizedCrop(config["imageSize"], scale=views["cropScale"]),
        kind.RandomApply([kind.ColorJitter(**jitter)], views["jitter"]["probability"]),
        kind.RandomGrayscale(views["grey"]),
        kind.RandomHorizontalFlip(views["flip"]),
        *([] if options.v2 else [kind.PILToTensor()]),
    ])


class Pairs(Dataset):
    """Two views of each image."""

    def __init__(self, paths):
        self.paths = paths
        self.kept = decode(paths) if options.cached else None
        self.view = draw_views()

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, n):
        if not options.cached:
            image = open_image(self.paths[n])
            image = pil_to_tensor(image) if options.v2 else image
        elif options.v2:
            image = torch.from_numpy(self.kept[n]).permute(2, 0, 1)
        else:
            image = Image.fromarray(self.kept[n])
        return self.view(image), self.view(image)


def new_encoder():
    widths, depths, stem = (config["architecture"][part] for part in ("widths", "depths", "stem"))
    layers, channels = backbone(widths, depths[0], stem["stride"])
    head = [nn.Linear(channels, channels), nn.ReLU(inplace=True), nn.Linear(channels, config["dim"])]
    return nn.Sequential(*layers, *head).to(memory_format=layout)


def new_optimizer(encoder):
    decaying = [p for p in encoder.parameters() if p.ndim > 1 or config["decayVectors"]]
    others = [p for p in encoder.parameters() if not (p.ndim > 1 or config["decayVectors"])]
    return torch.optim.SGD(
        [{"params": decaying, "weight_decay": config["weightDecay"]}, {"params": others}],
        config["learningRate"],
        momentum=config["momentum"],
        nesterov=config["nesterov"],
    )


def own_mb(process):
    """Memory that a process shares with no other."""
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) // 1000


mean = 255 * torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
std = 255 * torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)


def normalised(views):
    return views.to(torch.float32, memory_format=layout).sub_(mean).div_(std)


began = time.perf_counter()
suffixes = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".gif"}
pairs = Pairs(sorted(path for path in options.images.rglob("*") if path.suffix.lower() in suffixes))
reading = {"readingSeconds": time.perf_counter() - began} if options.cached else {}
loader = DataLoader(
    pairs, batch, shuffle=True, drop_last=True, num_workers=options.workers, persistent_workers=options.workers > 0
)


def batches():
    while True:
        yield from loader


encoder = new_encoder()
sizes = {"batch": batch, "queue": config["queue"], "dimensions": config["dim"]}
paper = {"momentum": config["keyMomentum"], "temperature": config["temperature"]}
step = moco(encoder, new_optimizer(encoder), (options, mixed), **sizes, **paper)
for done, (x_q, x_k) in enumerate(batches()):
    if done == options.warm_up:
        began = time.perf_counter()
    if done == options.warm_up + options.steps:
        break
    step(normalised(x_q), normalised(x_k))

seconds = time.perf_counter() - began
workers_mb = sum(own_mb(worker) for worker in multiprocessing.active_children())
report(batch * options.steps / seconds, workers_mb=workers_mb, **reading)
