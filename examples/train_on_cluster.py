"""MoCo v2 on any number of GPUs or processors, with PyTorch's distributed training; writes a checkpoint in the layout of the
authors' code, for `moco-search import`.

  torchrun --nproc-per-node 8 train_on_cluster.py photos/ --arch resnet50 --size 224 --epochs 200

Needs torch, torchvision and, with --init, safetensors. Without a GPU it runs on processors (gloo), to be tried.
"""
import argparse
import math
import os
from pathlib import Path

import torch
import torch.distributed as dist
import torchvision
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from torchvision import transforms as T

parser = argparse.ArgumentParser()
parser.add_argument("images", help="folder of images, read with the folders in it")
parser.add_argument("--arch", default="resnet18", help="a ResNet of torchvision")
parser.add_argument("--size", type=int, default=32, help="side of the views, pixels")
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--batch", type=int, default=256, help="images in a step, all processes together")
parser.add_argument("--queue", type=int, default=65536, help="K: keys in the queue, a multiple of the batch")
parser.add_argument("--momentum", type=float, default=0.999, help="m: of the key encoder")
parser.add_argument("--temperature", type=float, default=0.2)
parser.add_argument("--lr", type=float, default=0.03)
parser.add_argument("--init", help="weights to begin from: moco-search export --to torchvision")
parser.add_argument("--output", default="checkpoint.pth.tar")
parser.add_argument("--workers", type=int, default=4, help="processes that decode images, for each GPU")
options = parser.parse_args()

on_gpu = torch.cuda.is_available()
dist.init_process_group("nccl" if on_gpu else "gloo")
rank, world = dist.get_rank(), dist.get_world_size()
device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
torch.manual_seed(rank)


class Views(Dataset):
    """Two views of every image."""

    def __init__(self, folder, size):
        endings = {".jpg", ".jpeg", ".png", ".webp"}
        self.paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in endings)
        self.view = T.Compose([
            T.RandomResizedCrop(size, (0.2, 1)),
            T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            T.RandomGrayscale(0.2),
            T.RandomHorizontalFlip(),
            T.ToTensor(),
            T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        image = Image.open(self.paths[i]).convert("RGB")
        return self.view(image), self.view(image)


def encoder():
    """The network with the head of MoCo v2; for small images with a first layer that keeps the resolution, as moco-search's."""
    net = getattr(torchvision.models, options.arch)()
    if options.size <= 64:
        net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    width = net.fc.in_features
    if options.init:
        from safetensors.torch import load_file

        net.fc = nn.Identity()
        net.load_state_dict(load_file(options.init), strict=True)
    net.fc = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 128))
    return net.to(device)


def gathered(x):
    """x of all processes, in the order of their ranks."""
    parts = [torch.empty_like(x) for _ in range(world)]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


@torch.no_grad()
def keys_of(key_encoder, x):
    """Keys with shuffling BN: each process encodes images of others, so that no query shares its key's statistics."""
    everything = gathered(x)
    order = torch.randperm(len(everything), device=device)
    dist.broadcast(order, 0)
    mine = order.view(world, -1)[rank]
    keys = gathered(F.normalize(key_encoder(everything[mine])))
    return keys[order.argsort().view(world, -1)[rank]]


data = Views(options.images, options.size)
sampler = DistributedSampler(data, world, rank, shuffle=True, drop_last=True)
loader = DataLoader(data, options.batch // world, sampler=sampler, num_workers=options.workers, drop_last=True)
query_encoder, key_encoder = encoder(), encoder()
ddp = DistributedDataParallel(query_encoder, device_ids=[device.index] if on_gpu else None)  # the first process's weights
key_encoder.load_state_dict(query_encoder.state_dict())
optimizer = torch.optim.SGD(ddp.parameters(), options.lr, momentum=0.9, weight_decay=1e-4)
queue = F.normalize(torch.randn(options.queue, 128, device=device))  # [K, D]
dist.broadcast(queue, 0)
place = 0

for epoch in range(options.epochs):
    sampler.set_epoch(epoch)
    for group in optimizer.param_groups:
        group["lr"] = options.lr * 0.5 * (1 + math.cos(math.pi * epoch / options.epochs))
    losses = []
    for x_q, x_k in loader:
        x_q, x_k = x_q.to(device), x_k.to(device)
        q = F.normalize(ddp(x_q))  # [B, D]
        with torch.no_grad():
            for key, query in zip(key_encoder.parameters(), query_encoder.parameters()):
                key.mul_(options.momentum).add_(query, alpha=1 - options.momentum)
        k = keys_of(key_encoder, x_k)
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1)  # [B, 1+K]
        loss = F.cross_entropy(logits / options.temperature, torch.zeros(len(q), dtype=torch.long, device=device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        keys = gathered(k)
        queue[place : place + len(keys)] = keys
        place = (place + len(keys)) % options.queue
        losses.append(loss.item())
    if rank == 0:
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}", flush=True)
        state = {f"module.encoder_q.{name}": value for name, value in query_encoder.state_dict().items()}
        torch.save({"epoch": epoch + 1, "arch": options.arch, "state_dict": state}, options.output)
dist.destroy_process_group()
