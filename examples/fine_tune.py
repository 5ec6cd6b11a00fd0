"""Fine-tunes an encoder of moco-search on labelled images with cross entropy, in PyTorch, and saves it for
`moco-search import`. Labels are the folders that images lie in.

  moco-search export runs/photos --to torchvision          # writes photos.safetensors
  python3 fine_tune.py photos.safetensors labelled/ --size 64 --epochs 1
  moco-search import fine-tuned.pth --name photos-labelled --images photos/

Needs torch, torchvision and safetensors.
"""
import argparse

import torch
import torchvision  # noqa: F401
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms as T
from torchvision.datasets import ImageFolder

parser = argparse.ArgumentParser()
parser.add_argument("weights", help="what moco-search export --to torchvision wrote")
parser.add_argument("images", help="folder with a folder of images for each label")
parser.add_argument("--size", type=int, default=64, help="side of the views, pixels: that of the encoder")
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--output", default="fine-tuned.pth")
options = parser.parse_args()
device = "cuda" if torch.cuda.is_available() else "cpu"


def encoder(path):
    """The network, built by the lines of Python in the file: it gives pooled features. And what the file states about it,
    from which import knows its first layer and the size of its images."""
    with safe_open(path, "pt") as file:
        facts = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    lines = facts["python"].splitlines()
    scope = {}
    exec("\n".join(line for line in lines if "load_file" not in line), scope)  # run it on files of your own only
    scope["net"].load_state_dict(weights, strict=True)
    return scope["net"], facts["moco-search"]


view = T.Compose([
    T.RandomResizedCrop(options.size, (0.5, 1)),
    T.RandomHorizontalFlip(),
    T.ToTensor(),
    T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])
data = ImageFolder(options.images, view)
loader = DataLoader(data, options.batch, shuffle=True, drop_last=True)
net, stated = encoder(options.weights)
net.to(device).eval()
with torch.no_grad():
    width = net(torch.zeros(1, 3, options.size, options.size, device=device)).shape[1]
net.train()
classifier = nn.Linear(width, len(data.classes)).to(device)
optimizer = torch.optim.SGD([*net.parameters(), *classifier.parameters()], options.lr, momentum=0.9, weight_decay=1e-4)

for epoch in range(options.epochs):
    losses = []
    for images, labels in loader:
        loss = F.cross_entropy(classifier(net(images.to(device))), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}", flush=True)
    torch.save({"epoch": epoch + 1, "state_dict": net.state_dict(), "moco-search": stated}, options.output)
