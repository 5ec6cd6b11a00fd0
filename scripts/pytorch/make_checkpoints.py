"""Writes the small checkpoints that the importer is tested with, test/fixtures/checkpoints: networks of torchvision, timm,
lightly and solo-learn in narrow, with random weights, in the layouts of their authors, and the features that PyTorch
computes with them.

  PYTHONPATH=<torch 2.13, torchvision, timm, safetensors> python3 scripts/pytorch/make_checkpoints.py <folder> --lightly <clone>
  python3 scripts/pytorch/save_again.py <folder>      # with PyTorch 1.13: what of them is of that time
"""
import argparse
import collections
import importlib.util
import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import torch
import torch_cpu  # noqa: F401
import timm
import torchvision
from safetensors.torch import save_file
from timm.models import regnet as timm_regnet
from timm.models import resnet as timm_resnet
from torch import nn
from torchvision.models import regnet, resnet

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--lightly", required=True, help="lightly/models/resnet.py of a clone")
options = parser.parse_args()
os.makedirs(options.folder, exist_ok=True)
expected = {}
summary = {}


def pixels(size):
    """What both sides compute: two images [2, 3, S, S] of numbers in −1..1."""
    n = torch.arange(2 * 3 * size * size, dtype=torch.float64)
    return ((n * 7919) % 1000 / 500 - 1).float().reshape(2, 3, size, size)


def randomise(net, seed):
    torch.manual_seed(seed)
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("running_mean") or (name.endswith("bias") and tensor.dim() == 1):
            tensor.normal_(0, 0.2)
        elif tensor.dim() == 1 and tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point() and tensor.numel() > 0:
            nn.init.normal_(tensor, 0, (2 / max(1, tensor[0].numel())) ** 0.5)
    return net.eval()


def narrow_resnet(block, planes, depths, stem=8, small=False, padding=1):
    """torchvision's ResNet with other widths."""
    net = resnet.ResNet(block, list(depths) + [1] * (4 - len(depths)))
    net.inplanes = stem
    net.conv1 = nn.Conv2d(3, stem, 3, 1, padding, bias=False) if small else nn.Conv2d(3, stem, 7, 2, 3, bias=False)
    net.bn1 = nn.BatchNorm2d(stem)
    if small:
        net.maxpool = nn.Identity()
    for i in range(4):
        layer = net._make_layer(block, planes[i], depths[i], stride=1 if i == 0 else 2)
        setattr(net, f"layer{i + 1}", layer)
    net.fc = nn.Identity()
    return net


def features(name, net, size):
    with torch.no_grad():
        out = net(pixels(size))
    expected[name] = out.flatten(1).contiguous()
    summary[name] = {"size": size, "features": out.flatten(1).shape[1]}


def prefixed(prefix, net):
    return collections.OrderedDict((prefix + k, v.clone()) for k, v in net.state_dict().items())


def path(name):
    return os.path.join(options.folder, name)


def momentum_sgd(net):
    """An optimiser that has made a step, for its state in the file."""
    optimizer = torch.optim.SGD(net.parameters(), 0.03, momentum=0.9, weight_decay=1e-4)
    return optimizer


PLANES, DEPTHS = [2, 3, 4, 5], [1, 2, 1, 1]

# MoCo v1 and v2: DistributedDataParallel's `module.`, both encoders, the queue, the optimiser.
for version, seed in (("moco-v1", 1), ("moco-v2", 2)):
    net = randomise(narrow_resnet(resnet.Bottleneck, PLANES, DEPTHS), seed)
    features(version, net, 64)
    width = PLANES[-1] * 4
    net.fc = nn.Linear(width, 16) if version == "moco-v1" else nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 16))
    randomise(net.fc, seed + 10)
    key = narrow_resnet(resnet.Bottleneck, PLANES, DEPTHS)
    key.fc = net.fc
    randomise(key, seed + 20)
    state = prefixed("module.encoder_q.", net)
    state.update(prefixed("module.encoder_k.", key))
    state["module.queue"] = torch.randn(16, 32)
    state["module.queue_ptr"] = torch.zeros(1, dtype=torch.long)
    checkpoint = {"epoch": 200, "arch": "resnet50", "state_dict": state, "optimizer": momentum_sgd(net).state_dict()}
    torch.save(checkpoint, path(f"{version}.pth.tar"), _use_new_zipfile_serialization=False)

# MoCo v3: projector with batch norm as `fc`, predictor, mixed precision's scaler.
net = randomise(narrow_resnet(resnet.Bottleneck, PLANES, DEPTHS), 3)
features("moco-v3", net, 64)
net.fc = nn.Sequential(
    nn.Linear(20, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 8, bias=False), nn.BatchNorm1d(8, affine=False)
)
momentum = randomise(narrow_resnet(resnet.Bottleneck, PLANES, DEPTHS), 23)
state = prefixed("module.base_encoder.", net)
state.update(prefixed("module.momentum_encoder.", momentum))
state["module.predictor.0.weight"] = torch.randn(32, 8)
torch.save(
    {"epoch": 300, "arch": "resnet50", "state_dict": state, "optimizer": momentum_sgd(net).state_dict(), "scaler": {"scale": 65536.0, "_growth_tracker": 7}},
    path("moco-v3.pth.tar"),
)

# lightly: a Sequential of torchvision's layers, in a checkpoint of PyTorch Lightning.
LIGHTNING = {"epoch": 99, "global_step": 1000, "pytorch-lightning_version": "2.1.0", "loops": {"fit_loop": {"state_dict": {}}}, "callbacks": {}, "lr_schedulers": [], "optimizer_states": [{"state": {0: {"momentum_buffer": torch.zeros(2)}}, "param_groups": [{"lr": 0.06, "params": [0]}]}]}
net = randomise(narrow_resnet(resnet.BasicBlock, [4, 6, 8, 10], [1, 1, 1, 1]), 4)
features("lightly", net, 64)
backbone = nn.Sequential(*list(net.children())[:-1])
state = prefixed("backbone.", backbone)
state.update(prefixed("backbone_momentum.", randomise(nn.Sequential(*list(net.children())[:-1]), 24)))
state["projection_head.layers.0.weight"] = torch.randn(8, 10)
net = randomise(net, 4)
state.update(prefixed("backbone.", nn.Sequential(*list(net.children())[:-1])))
torch.save({**LIGHTNING, "state_dict": state}, path("lightly.ckpt"))

# lightly's own ResNet, whose first layer is of 3×3 and whose shortcuts have another name.
spec = importlib.util.spec_from_file_location("lightly.models.resnet", options.lightly)
lightly_resnet = importlib.util.module_from_spec(spec)
sys.modules["lightly"] = type(sys)("lightly")
sys.modules["lightly.models"] = type(sys)("lightly.models")
sys.modules["lightly.models.batchnorm"] = type(sys)("lightly.models.batchnorm")
sys.modules["lightly.models.batchnorm"].get_norm_layer = lambda planes, splits: nn.BatchNorm2d(planes)
spec.loader.exec_module(lightly_resnet)
net = randomise(lightly_resnet.ResNetGenerator("resnet-9", width=0.0625), 5)
backbone = nn.Sequential(*list(net.children())[:-1], nn.AdaptiveAvgPool2d(1))


class Backbone(nn.Module):
    def forward(self, x):
        f = torch.relu(backbone[1](backbone[0](x)))
        for layer in list(backbone)[2:]:
            f = layer(f)
        return f


features("lightly-cifar", Backbone().eval(), 32)
torch.save({**LIGHTNING, "state_dict": prefixed("backbone.", backbone)}, path("lightly-cifar.ckpt"))

# solo-learn: `backbone.` with a padding of 2 on CIFAR.
net = randomise(narrow_resnet(resnet.BasicBlock, [4, 6, 8, 10], [1, 1, 1, 1], small=True, padding=2), 6)
features("solo-learn", net, 32)
state = prefixed("backbone.", net)
state.update({"classifier.weight": torch.randn(10, 10), "classifier.bias": torch.randn(10)})
state.update(prefixed("momentum_backbone.", randomise(narrow_resnet(resnet.BasicBlock, [4, 6, 8, 10], [1, 1, 1, 1], small=True), 26)))
state.update({"projector.0.weight": torch.randn(8, 10), "momentum_projector.0.weight": torch.randn(8, 10), "queue": torch.randn(2, 8, 16)})
torch.save({**LIGHTNING, "state_dict": state, "hyper_parameters": argparse.Namespace(dataset="cifar10", lr=0.3)}, path("solo-learn.ckpt"))

# The authors' demo on CIFAR-10: a Sequential without the pooling, its fully connected layer the projection.
net = randomise(narrow_resnet(resnet.BasicBlock, [4, 6, 8, 10], [1, 1, 1, 1], small=True), 15)
features("moco-cifar", net, 32)
net.fc = nn.Linear(10, 16)
parts = [part for name, part in net.named_children() if name != "maxpool"]
demo = nn.Sequential(*parts[:-1], nn.Flatten(1), parts[-1])
state = prefixed("encoder_q.net.", demo)
state.update({k.replace("encoder_q", "encoder_k"): torch.zeros_like(v) for k, v in state.items()})
state.update({"queue": torch.randn(16, 32), "queue_ptr": torch.zeros(1, dtype=torch.long)})
torch.save({"epoch": 200, "state_dict": state, "optimizer": momentum_sgd(net).state_dict()}, path("moco-cifar.pth"))

# torchvision: a plain dictionary; in half precision and with the channels last; a grouped, wide bottleneck.
net = randomise(narrow_resnet(resnet.BasicBlock, [4, 6, 8, 10], [2, 1, 1, 1]), 7)
features("torchvision", net, 64)
classifier = {"fc.weight": torch.randn(5, 10), "fc.bias": torch.randn(5)}
torch.save({**net.state_dict(), **classifier}, path("torchvision.pth"))
net.half()
features_of_half = narrow_resnet(resnet.BasicBlock, [4, 6, 8, 10], [2, 1, 1, 1])
features_of_half.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in net.state_dict().items()})
features("half-channels-last", features_of_half.eval(), 64)
torch.save(net.to(memory_format=torch.channels_last).state_dict(), path("half-channels-last.pt"))
features_of_half.bfloat16()
for_bfloat = narrow_resnet(resnet.BasicBlock, [4, 6, 8, 10], [2, 1, 1, 1])
for_bfloat.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in features_of_half.state_dict().items()})
features("bfloat16", for_bfloat.eval(), 64)
save_file(features_of_half.state_dict(), path("bfloat16.safetensors"))


class ResNeXtBlock(resnet.Bottleneck):
    expansion = 2


net = resnet.ResNet(ResNeXtBlock, [1, 1, 1, 1])
net.inplanes, net.groups, net.base_width = 8, 2, 32
net.conv1, net.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
for i, planes in enumerate([4, 4, 8, 8]):
    setattr(net, f"layer{i + 1}", net._make_layer(ResNeXtBlock, planes, 1, stride=1 if i == 0 else 2))
net.fc = nn.Identity()
features("resnext", randomise(net, 8), 64)
torch.save(net.state_dict(), path("resnext.pth"))

# RegNet: torchvision's names and timm's.
params = regnet.BlockParams([1, 2], [8, 16], [8, 8], [1.0, 1.0], [2, 2], se_ratio=0.25)
net = regnet.RegNet(params, stem_width=8)
net.fc = nn.Identity()
features("regnet-y", randomise(net, 9), 64)
torch.save({"model": net.state_dict(), "epoch": 3}, path("regnet-y.pth"))

config = timm_regnet.RegNetCfg(depth=5, w0=8, wa=10.0, wm=1.8, group_size=8, stem_width=8)
net = timm_regnet.RegNet(config, num_classes=0)
features("timm-regnet-x", randomise(net, 10), 64)
save_file(net.state_dict(), path("timm-regnet-x.safetensors"))

# timm's ResNet, as safetensors.
net = timm_resnet.ResNet(timm_resnet.Bottleneck, (1, 1, 1, 1), num_classes=0, channels=(2, 3, 4, 5))
net.conv1, net.bn1 = nn.Conv2d(3, 6, 7, 2, 3, bias=False), nn.BatchNorm2d(6)
net.layer1[0].conv1 = nn.Conv2d(6, 2, 1, bias=False)
net.layer1[0].downsample = nn.Sequential(nn.Conv2d(6, 8, 1, bias=False), nn.BatchNorm2d(8))
features("timm", randomise(net, 11), 64)
save_file(net.state_dict(), path("timm.safetensors"))

# Vision transformers: MoCo v3's, whose attention has 12 heads and whose projector is called `head`; DINO's with student
# and teacher and its arguments; DINOv2's with scaled branches.


def transformer(size=32, heads=12, **more):
    return timm.models.vision_transformer.VisionTransformer(
        img_size=size, patch_size=8, embed_dim=24, depth=2, num_heads=heads, num_classes=0, **more
    )


net = randomise(transformer(), 12)
features("moco-v3-vit", net, 32)
state = prefixed("module.base_encoder.", net)
state.update({"module.base_encoder.head.0.weight": torch.randn(32, 24), "module.base_encoder.head.1.running_mean": torch.randn(32)})
state["module.momentum_encoder.patch_embed.proj.weight"] = torch.randn(24, 3, 8, 8)
state["module.momentum_encoder.blocks.0.attn.qkv.weight"] = torch.randn(72, 24)
torch.save({"epoch": 300, "arch": "vit_small", "state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}}, path("moco-v3-vit.pth.tar"))

net = randomise(transformer(heads=3), 13)
features("dino", net, 32)
other = transformer(size=48, heads=3)
state = net.state_dict()
grid = state["pos_embed"][:, 1:].reshape(1, 4, 4, 24).permute(0, 3, 1, 2)
grid = nn.functional.interpolate(grid, size=(6, 6), mode="bicubic").permute(0, 2, 3, 1).reshape(1, 36, 24)
other.load_state_dict({**state, "pos_embed": torch.cat([state["pos_embed"][:, :1], grid], 1)})
features("dino-48", other.eval(), 48)
teacher = prefixed("backbone.", net)
teacher["head.mlp.0.weight"] = torch.randn(8, 24)
student = {f"module.backbone.{k}": v for k, v in randomise(transformer(heads=3), 33).state_dict().items()}
torch.save(
    {"student": student, "teacher": teacher, "epoch": 100, "args": argparse.Namespace(arch="vit_small", patch_size=8), "dino_loss": collections.OrderedDict(center=torch.zeros(1, 8))},
    path("dino.pth"),
)

net = randomise(transformer(init_values=0.1), 14)
features("dinov2", net, 32)
torch.save({**net.state_dict(), "mask_token": torch.zeros(1, 24)}, path("dinov2.pth"))

save_file(expected, path("features.safetensors"))
print(json.dumps(summary, indent=1), torch.__version__, torchvision.__version__, timm.__version__)
