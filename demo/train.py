"""A small language model learns to write like the text beside this file.

Everything is deterministic: the same steps give the same weights, bit for bit, however often the process was frozen,
saved, killed and brought back on the way.

    train.py TEXT STEPS OUT      writes OUT when it has done STEPS steps
"""
import hashlib
import os
import sys

import torch

CONTEXT, BATCH, WIDTH = 32, 16, 64


class Model(torch.nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.embedding = torch.nn.Embedding(letters, WIDTH)
        self.memory = torch.nn.GRU(WIDTH, WIDTH, num_layers=2, batch_first=True)
        self.output = torch.nn.Linear(WIDTH, letters)

    def forward(self, letters):
        hidden, _ = self.memory(self.embedding(letters))
        return self.output(hidden)


def main():
    text_file, steps, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.manual_seed(20240229)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with open(text_file, encoding="utf-8") as file:
        text = file.read()
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    data = torch.tensor([number[letter] for letter in text])
    model = Model(len(letters))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(1, steps + 1):
        starts = torch.randint(len(data) - CONTEXT - 1, (BATCH,))
        inputs = torch.stack([data[start:start + CONTEXT] for start in starts.tolist()])
        targets = torch.stack([data[start + 1:start + CONTEXT + 1] for start in starts.tolist()])
        loss = torch.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    digest = hashlib.sha256()
    with open(out + ".new", "wb") as file:
        for name, weights in sorted(model.state_dict().items()):
            content = name.encode() + weights.contiguous().numpy().tobytes()
            digest.update(content)
            file.write(content)
    os.replace(out + ".new", out)
    print(f"weights {digest.hexdigest()}", flush=True)


main()
