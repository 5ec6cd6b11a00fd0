"""Loads what scripts/pytorch-round-trip.ts wrote into torchvision and timm, strictly, and compares their features with ours.

  PYTHONPATH=<torch, torchvision, timm, safetensors> python3 scripts/pytorch/check_exports.py /tmp/exports
"""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch
import torch_cpu  # noqa: F401
from safetensors import safe_open

os.chdir(sys.argv[1])
torch.set_num_threads(1)
worst = 0.0
for path in sorted(glob.glob("*.safetensors")):
    with safe_open(path, "pt") as file:
        python = file.metadata()["python"]
    with safe_open(path.split(".")[0] + ".features", "pt") as file:
        expected, size = file.get_tensor("features"), int(file.metadata()["size"])
    names = {}
    exec(python, names)
    n = torch.arange(2 * 3 * size * size, dtype=torch.float64)
    pixels = ((n * 7919) % 1000 / 500 - 1).float().reshape(2, 3, size, size)
    with torch.no_grad():
        features = names["net"](pixels)
    apart = ((features - expected).abs().max() / expected.abs().max()).item()
    worst = max(worst, apart)
    print(f"{path}: {apart:.1e} of the largest feature apart")
print(f"{worst:.1e} at most, PyTorch {torch.__version__}")
sys.exit(0 if worst <= 1e-5 else 1)
