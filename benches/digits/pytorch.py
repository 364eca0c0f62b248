#!/usr/bin/env python3
"""The network of examples/digits.dp in PyTorch, one thread: prints milliseconds an epoch and the test accuracy.

needs: torch. usage: pytorch.py [batch size] (as in examples/digits.dp: 32)
"""
import os
import sys
import time
import torch

torch.set_num_threads(1)
torch.manual_seed(1)
here = os.path.dirname(os.path.abspath(__file__))
rows = [[float(v) for v in line.split(',')] for line in open(os.path.join(here, '../../examples/data/digits.csv')) if line.strip()]
data = torch.tensor(rows, dtype=torch.float64)[torch.randperm(len(rows))]
x, y = data[:, :64] / 16, data[:, 64].long()
n = int(0.8 * len(rows))
batch = int(sys.argv[1]) if len(sys.argv) > 1 else 32

net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10)).double()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
times = []
for epoch in range(30):
    order = torch.randperm(n)
    start = time.perf_counter()
    for b in range(0, n, batch):
        i = order[b:b + batch]
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[i]), y[i])
        loss.backward()
        opt.step()
    times.append(time.perf_counter() - start)
accuracy = (net(x[n:]).argmax(1) == y[n:]).double().mean().item()
print(f'pytorch {torch.__version__}: batch {batch}, best epoch {1e3 * min(times):.2f} ms, median {1e3 * sorted(times)[15]:.2f} ms, test accuracy {accuracy:.3f}')
