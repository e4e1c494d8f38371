"""A PyTorch training on one GPU whose every step can be compared bit by bit: gpu_training.py STEPS [DEVICE [WIDTH]]

Prints "step N CHECKSUM" for each step, over the bits of all weights and of the optimizer's memory: one bit that is
lost in either changes every later line. At each tenth step "weights N SHA-256" of all weights follows.
"""
import hashlib
import sys

import torch

LAYERS, BATCH = 4, 64


def checksum(tensors):
    """Of integers, so that the order of the sum has no say in it."""
    total = 0
    for number, tensor in enumerate(tensors):
        bits = tensor.detach().contiguous().view(torch.int32).flatten().to(torch.int64)
        places = torch.arange(1, 2 * bits.numel(), 2, device=bits.device)
        total = (total * 31 + int((bits * places).sum().item()) + number) % 2**64
    return total


def main():
    steps, device = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "cuda"
    width = int(sys.argv[3]) if len(sys.argv) > 3 else 2048
    torch.manual_seed(20240229)
    torch.use_deterministic_algorithms(True)
    torch.backends.cuda.matmul.allow_tf32 = False
    layers = [torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.GELU()) for _ in range(LAYERS)]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 1)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    for step in range(steps):
        inputs = torch.randn(BATCH, width, device=device)
        loss = (model(inputs) - inputs.sum(dim=1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        memory = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
        print(f"step {step} {checksum([*model.parameters(), *memory]):016x}", flush=True)
        if step % 10 == 0:
            digest = hashlib.sha256()
            for name, weights in sorted(model.state_dict().items()):
                digest.update(name.encode() + weights.detach().contiguous().cpu().numpy().tobytes())
            print(f"weights {step} {digest.hexdigest()}", flush=True)


main()
