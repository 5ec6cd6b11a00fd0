"""What the peers of the benchmarks share: the forms that PyTorch is run in, and the line of JSON that they print."""
import json
import resource

import torch


def add_forms(parser):
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--tf32", action="store_true", help="products of float32 in the GPU's shorter format")
    parser.add_argument("--bfloat16", action="store_true", help="automatic mixed precision")


def use_forms(options):
    """Sets PyTorch up. Returns the memory format of images and weights, and the context to compute in."""
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.tf32
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    return layout, torch.autocast(options.device, torch.bfloat16, enabled=options.bfloat16)


def report(images_per_second, *, workers_mb=0, **more):
    """Prints the line. `workers_mb` is memory that processes started by this one have for themselves."""
    print(json.dumps({
        "version": torch.__version__,
        "imagesPerSecond": images_per_second,
        "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000 + workers_mb,
        **more,
    }))
