"""A ResNet-50 of torchvision embeds a batch of images, timed: the peer of bench/embed.ts, which starts it. Prints one
line of JSON. A batch comes from the machine's memory and its embeddings go back there.
"""
import argparse
import json
import resource
import statistics
import time

import torch
import torchvision

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--runs", type=int, required=True)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
parser.add_argument("--channels-last", action="store_true")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--tf32", action="store_true", help="products of float32 in the GPU's shorter format")
parser.add_argument("--bfloat16", action="store_true", help="automatic mixed precision")
options = parser.parse_args()

WARM_UP = 3
torch.set_num_threads(options.threads)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.tf32
torch.backends.cudnn.benchmark = True
layout = torch.channels_last if options.channels_last else torch.contiguous_format

encoder = torchvision.models.resnet50(weights=None)
encoder.fc = torch.nn.Identity()
encoder = encoder.eval().to(options.device, memory_format=layout)
if options.compile:
    encoder = torch.compile(encoder)
mixed = torch.autocast(options.device, torch.bfloat16, enabled=options.bfloat16)

images = torch.randn(options.batch, 3, 224, 224).to(memory_format=layout)
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

print(json.dumps({
    "version": torch.__version__,
    "median": options.batch / statistics.median(seconds),
    "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
}))
