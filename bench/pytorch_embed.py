"""A ResNet-50 of torchvision embeds a batch of images, timed: the peer of bench/embed.ts, which starts it. Prints one
line of JSON. A batch comes from the machine's memory and its embeddings go back there.
"""
import argparse
import statistics
import time

import torch
import torchvision
from pytorch_forms import add_forms, report, use_forms

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--runs", type=int, required=True)
add_forms(parser)
parser.add_argument("--frozen", action="store_true", help="weights as constants, with batch norm folded into them")
options = parser.parse_args()

WARM_UP = 3
layout, mixed = use_forms(options)

encoder = torchvision.models.resnet50(weights=None)
encoder.fc = torch.nn.Identity()
encoder = encoder.eval().to(options.device, memory_format=layout)
images = torch.randn(options.batch, 3, 224, 224).to(memory_format=layout)
if options.compile:
    import torch._inductor.config
    torch._inductor.config.freezing = options.frozen
    encoder = torch.compile(encoder)
elif options.frozen:
    with torch.no_grad():
        encoder = torch.jit.freeze(torch.jit.trace(encoder, images.to(options.device)))

if options.device == "cuda":
    images = images.pin_memory()
seconds = []
with torch.inference_mode(), mixed:
    for i in range(WARM_UP + options.runs):
        start = time.perf_counter()
        features = encoder(images.to(options.device, non_blocking=True)).float()
        torch.nn.functional.normalize(features, dim=1).cpu()
        if i >= WARM_UP:
            seconds.append(time.perf_counter() - start)

report(options.batch / statistics.median(seconds))
