"""Writes encoders of full size with random weights in the layouts of their authors, and PyTorch's features of them:
`npx tsx scripts/pytorch-round-trip.ts import <folder>` imports them and compares.

  PYTHONPATH=<torch, torchvision, timm, safetensors> python3 scripts/pytorch/make_full_size.py /tmp/full-size
"""
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch
import torch_cpu  # noqa: F401
import timm
import torchvision
from safetensors.torch import save_file
from torch import nn

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
torch.set_num_threads(1)


def randomise(net):
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 1:
            tensor.normal_(0, 0.1)
    return net.eval()


def write(file, net, prefix="", size=224, legacy=False, head=None, wrap=None):
    torch.manual_seed(1)
    randomise(net)
    n = torch.arange(2 * 3 * size * size, dtype=torch.float64)
    pixels = ((n * 7919) % 1000 / 500 - 1).float().reshape(2, 3, size, size)
    with torch.no_grad():
        features = net(pixels).contiguous()
    save_file({"features": features}, os.path.join(folder, file + ".features"), {"size": str(size)})
    state = collections.OrderedDict((prefix + k, v) for k, v in net.state_dict().items())
    state.update(head or {})
    saved = {wrap: state, "epoch": 200, "arch": "resnet50"} if wrap else state
    torch.save(saved, os.path.join(folder, file), _use_new_zipfile_serialization=not legacy)


def headless(net):
    net.fc = nn.Identity()
    return net


models = torchvision.models
for name in ("resnet18", "resnet34", "resnet101", "wide_resnet50_2", "resnext50_32x4d", "regnet_x_400mf", "regnet_y_400mf", "regnet_x_1_6gf", "regnet_y_1_6gf"):
    write(f"torchvision-{name}.pth", headless(getattr(models, name)()))
fc = {"module.encoder_q.fc.0.weight": torch.randn(2048, 2048), "module.encoder_q.fc.0.bias": torch.randn(2048), "module.encoder_q.fc.2.weight": torch.randn(128, 2048), "module.encoder_q.fc.2.bias": torch.randn(128)}
write("moco-v2-resnet50.pth.tar", headless(models.resnet50()), "module.encoder_q.", legacy=True, head=fc, wrap="state_dict")
write("moco-v3-resnet50.pth.tar", headless(models.resnet50()), "module.base_encoder.", wrap="state_dict")
for name in ("resnet34", "regnetx_008", "regnety_008", "regnetx_004_tv"):
    write(f"timm-{name}.pth", timm.create_model(name, num_classes=0))

# MoCo v3's ViT-S and ViT-B, DINO's ViT-S of patches of 16 and of 8, DINOv2's ViT-S at the size of its positions in
# small.
vit = timm.models.vision_transformer.VisionTransformer
for name, width, heads, patch, more in (
    ("moco-v3-vit-small", 384, 12, 16, {}),
    ("moco-v3-vit-base", 768, 12, 16, {}),
    ("dino-vit-small", 384, 6, 16, {}),
    ("dino-vit-small-8", 384, 6, 8, {}),
    ("dinov2-vit-small", 384, 6, 14, {"init_values": 1e-5}),
):
    net = vit(patch_size=patch, embed_dim=width, depth=12, num_heads=heads, num_classes=0, **more)
    is_moco = name.startswith("moco")
    write(f"{name}.pth", net, "module.base_encoder." if is_moco else "", wrap="state_dict" if is_moco else None)
