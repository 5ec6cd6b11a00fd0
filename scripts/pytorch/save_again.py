"""Saves some of the checkpoints of make_checkpoints.py again, with the PyTorch that runs this: 1.13 for the fixtures.

  python3 scripts/pytorch/save_again.py test/fixtures/checkpoints
"""
import os
import sys

import torch

for name, new in (("moco-v1.pth.tar", False), ("moco-v3.pth.tar", True)):
    path = os.path.join(sys.argv[1], name)
    checkpoint = torch.load(path, map_location="cpu")
    torch.save(checkpoint, path, _use_new_zipfile_serialization=new)
print(torch.__version__)
