"""Writes reference runs of MoCo v3 as safetensors, test/fixtures/moco-v3-*.safetensors: a few steps in float32 on one
thread, which `npm run parity` replays. The format is in docs/training.md.

Few steps, small learning rates, and an ε of AdamW above the rounding errors of gradients that are 0 (that of the last
layer norm's bias, say, before a batch norm): otherwise two correct programs drift apart.

  PYTHONPATH=<torch> python3 scripts/pytorch/make_moco_v3.py <folder> [--authors <moco/builder.py of a clone>]

With --authors the first loss of each run is computed by the authors' class MoCo as well, and must be the same.
"""
import argparse
import importlib.util
import json
import math
import os
import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)


def mlp(layers, inputs, hidden, outputs, last_norm):
    """Linear layers without bias; batch norm and ReLU between them; at the end batch norm without scale and offset."""
    parts = []
    for n in range(layers):
        last = n == layers - 1
        width = outputs if last else hidden
        parts.append(nn.Linear(inputs, width, bias=False))
        if not last:
            parts += [nn.BatchNorm1d(width), nn.ReLU()]
        elif last_norm:
            parts.append(nn.BatchNorm1d(width, affine=False))
        inputs = width
    return nn.Sequential(*parts)


class Residual(nn.Module):
    """Basic block, or bottleneck of half the width."""

    def __init__(self, block, inputs, outputs, stride, groups):
        super().__init__()
        inner = outputs // 2
        shapes = (
            [(inputs, outputs, 3, stride, 1), (outputs, outputs, 3, 1, 1)]
            if block == "basic"
            else [(inputs, inner, 1, 1, 1), (inner, inner, 3, stride, groups), (inner, outputs, 1, 1, 1)]
        )
        self.units = len(shapes)
        for n, (i, o, kernel, step, g) in enumerate(shapes, 1):
            setattr(self, f"conv{n}", nn.Conv2d(i, o, kernel, step, kernel // 2, groups=g, bias=False))
            setattr(self, f"bn{n}", nn.BatchNorm2d(o))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for n in range(1, self.units + 1):
            y = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(y))
            if n < self.units:
                y = F.relu(y)
        return F.relu(y + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    """A stem of 3×3, one block a stage, the head as `fc`."""

    def __init__(self, run):
        super().__init__()
        widths = run["widths"]
        self.conv1, self.bn1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0])
        self.stages = len(widths)
        before = widths[0]
        for n, width in enumerate(widths, 1):
            block = Residual(run["block"], before, width, 1 if n == 1 else 2, run["groups"])
            setattr(self, f"layer{n}", nn.Sequential(block))
            before = width
        self.fc = mlp(run["head_layers"], before, run["head_hidden"], run["dim"], True)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for n in range(1, self.stages + 1):
            x = getattr(self, f"layer{n}")(x)
        return self.fc(x.mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, t, d))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


def places(side, width):
    """Sines and cosines of row and column, and zeros for the class token: [1, 1 + side², width]."""
    frequencies = 1 / 10000 ** (torch.arange(width // 4, dtype=torch.float32) / (width // 4))
    rows, columns = torch.meshgrid(torch.arange(side).float(), torch.arange(side).float(), indexing="ij")
    angles = [where.flatten()[:, None] * frequencies[None] for where in (rows, columns)]
    grid = torch.cat([part for a in angles for part in (a.sin(), a.cos())], 1)
    return torch.cat([torch.zeros(1, width), grid])[None]


class ViT(nn.Module):
    """timm's names; the head as `fc`."""

    def __init__(self, run):
        super().__init__()
        width, patch = run["width"], run["patch"]
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.pos_embed = nn.Parameter(places(run["image_size"] // patch, width), requires_grad=False)
        self.blocks = nn.ModuleList(Block(width, run["heads"], run["hidden"]) for _ in range(run["depth"]))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.fc = mlp(run["head_layers"], width, run["head_hidden"], run["dim"], True)
        for parameter in self.patch_embed.parameters():
            parameter.requires_grad = not run["frozen_patches"]

    def forward(self, x):
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.fc(self.norm(x)[:, 0])


class Lars(torch.optim.Optimizer):
    """SGD whose steps are in proportion to the norm of their weights; vectors get neither that nor decay."""

    def __init__(self, parameters, run):
        super().__init__(parameters, {"lr": run["lr"]})
        self.run = run

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                step = p.grad
                if p.dim() > 1:
                    step = step + self.run["weight_decay"] * p
                    weight, update = p.norm(), step.norm()
                    if weight > 0 and update > 0:
                        step = step * (self.run["trust"] * weight / update)
                velocity = self.state[p].setdefault("velocity", torch.zeros_like(p))
                velocity.mul_(self.run["momentum"]).add_(step)
                p.sub_(self.run["lr"] * velocity)


def optimizer_of(run, parameters):
    if run["optimizer"] == "lars":
        return Lars(parameters, run)
    if run["optimizer"] == "adamw":
        return torch.optim.AdamW(parameters, run["lr"], betas=tuple(run["betas"]), eps=run["eps"], weight_decay=run["weight_decay"])
    return torch.optim.SGD(parameters, run["lr"], momentum=run["momentum"], weight_decay=run["weight_decay"])


def authors_loss(path, run, query, key, predictor, x1, x2, m):
    """The loss of the authors' class on the same networks; its one process gathers nothing."""
    spec = importlib.util.spec_from_file_location("builder", path)
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    builder.concat_all_gather = lambda tensor: tensor
    torch.distributed.get_rank = lambda *_: 0
    torch.Tensor.cuda = lambda self, *_: self
    model = builder.MoCo.__new__(builder.MoCo)
    nn.Module.__init__(model)
    model.T, model.base_encoder, model.momentum_encoder, model.predictor = run["temperature"], query, key, predictor
    return model(x1, x2, m).item()


def copies(*networks):
    import copy

    return [copy.deepcopy(network) for network in networks]


def play(run, authors):
    torch.manual_seed(run["seed"])
    make = ViT if run["block"] == "vit" else ResNet
    query, key = make(run), make(run)
    key.load_state_dict(query.state_dict())
    for parameter in key.parameters():
        parameter.requires_grad = False
    predictor = mlp(2, run["dim"], run["predictor_hidden"], run["dim"], run["predictor_norm"])
    both = nn.ModuleDict({"base": query, "predictor": predictor})
    optimizer = optimizer_of(run, [p for p in both.parameters() if p.requires_grad])
    out = {}

    def keep(prefix, network, inner=""):
        for name, tensor in network.state_dict().items():
            if "num_batches" not in name:
                out[f"{prefix}.{inner}{name}"] = tensor.detach().clone()

    keep("q", query), keep("q", predictor, "predictor.")
    B, S, T, steps = run["batch"], run["image_size"], run["temperature"], run["steps"]
    losses = []
    for t in range(steps):
        base = torch.randn(B, 3, S, S)
        x1, x2 = base + 0.3 * torch.randn_like(base), base + 0.3 * torch.randn_like(base)
        out[f"x_1.{t}"], out[f"x_2.{t}"] = x1, x2
        m = run["key_momentum"]
        if run["key_momentum_schedule"] == "cosine":
            m = 1 - 0.5 * (1 + math.cos(math.pi * t / steps)) * (1 - m)
        if t == 0 and authors:
            expected = authors_loss(authors, run, *copies(query, key, predictor), x1, x2, m)
        q1, q2 = predictor(query(x1)), predictor(query(x2))
        with torch.no_grad():
            for a, b in zip(query.parameters(), key.parameters()):
                b.mul_(m).add_(a, alpha=1 - m)
            k1, k2 = key(x1), key(x2)

        def logits(q, k):
            return F.normalize(q, dim=1) @ F.normalize(k, dim=1).t() / T

        l1, l2 = logits(q1, k2), logits(q2, k1)
        own = torch.arange(B)
        loss = 2 * T * (F.cross_entropy(l1, own) + F.cross_entropy(l2, own))
        optimizer.zero_grad()
        loss.backward()
        if t == 0:
            out["logits_1.0"], out["logits_2.0"] = l1.detach(), l2.detach()
            for prefix, network in (("", query), ("predictor.", predictor)):
                for name, p in network.named_parameters():
                    if p.requires_grad:
                        out[f"grad.{prefix}{name}"] = p.grad.clone()
            if authors:
                assert abs(expected - loss.item()) < 1e-5, (expected, loss.item())
        optimizer.step()
        losses.append(loss.item())
    keep("q_end", query), keep("q_end", predictor, "predictor."), keep("k_end", key)
    out["loss"] = torch.tensor(losses)
    return out


def save(path, tensors, run):
    header, blobs, offset = {"__metadata__": {"run": json.dumps(run)}}, [], 0
    for name in sorted(tensors):
        data = np.ascontiguousarray(tensors[name].numpy().astype(np.float32)).tobytes()
        shape = list(tensors[name].shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        blobs.append(data)
        offset += len(data)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + b"".join(blobs))


COMMON = dict(
    method="moco-v3", steps=5, batch=16, image_size=16, dim=8, head_hidden=24, predictor_hidden=12,
    key_momentum=0.9, key_momentum_schedule="cosine", seed=31,
)
RUNS = {
    "moco-v3-resnet": dict(
        COMMON, steps=3, block="bottleneck", widths=[8, 16], groups=1, head_layers=2, predictor_norm=False, temperature=1.0,
        optimizer="lars", lr=0.03, momentum=0.9, trust=0.05, weight_decay=1e-4,
    ),
    "moco-v3-vit": dict(
        COMMON, block="vit", width=24, depth=2, heads=3, patch=4, hidden=48, frozen_patches=True, head_layers=3,
        predictor_norm=True, temperature=0.2, optimizer="adamw", lr=1e-3, betas=[0.9, 0.999], eps=1e-3,
        weight_decay=0.1,
    ),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--authors")
    options = parser.parse_args()
    for name, run in RUNS.items():
        tensors = play(run, options.authors)
        save(os.path.join(options.folder, f"{name}.safetensors"), tensors, run)
        print(name, "loss", [round(float(v), 5) for v in tensors["loss"]])
