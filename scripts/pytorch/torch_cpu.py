"""Imports torchvision beside a PyTorch without CUDA: its wheel for CUDA cannot load its operators there, and none of its
networks needs them. `import torch_cpu` before torchvision or timm."""
import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    import sys

    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
