"""A hierarchical memory bank in PyTorch: blocks of further FFN neurons, one block a level for each token.

Training computes all neurons and zeroes those of blocks that are not on a token's path: the same sum as fetching the
path, and one matrix product. Source: arXiv 2510.02375.
"""

from dataclasses import asdict, dataclass, field

import torch
import torch.nn as nn
import torch.nn.functional as F

GENERIC = -1  # as the id of a node: the level's generic block


@dataclass
class BankConfig:
    branching: int = 16
    rows: list = field(default_factory=lambda: [32, 4])  # neurons per layer of a block, level by level
    layers: int = 6
    dim: int = 256

    def as_dict(self):
        return asdict(self)

    def blocks(self, level):
        """Of a level, the generic one (the last) included."""
        return self.branching ** (level + 1) + 1


class Bank(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c = config
        neurons = sum(r * config.blocks(l) for l, r in enumerate(config.rows))
        self.gate = nn.Parameter(torch.randn(config.layers, neurons, config.dim) * 0.04)
        self.up = nn.Parameter(torch.randn(config.layers, neurons, config.dim) * 0.04)
        self.down = nn.Parameter(torch.zeros(config.layers, neurons, config.dim))  # transposed: a row a neuron

    def level_slice(self, level):
        """The neurons of a level's blocks, [blocks * rows]."""
        begin = sum(r * self.c.blocks(l) for l, r in enumerate(self.c.rows[:level]))
        return slice(begin, begin + self.c.rows[level] * self.c.blocks(level))

    def mask(self, paths, dtype):
        """paths [tokens, levels], ids or GENERIC. Returns [tokens, neurons]: 1 for the neurons on the path."""
        parts = []
        for level, rows in enumerate(self.c.rows):
            count = self.c.blocks(level)
            ids = torch.where(paths[:, level] < 0, count - 1, paths[:, level])
            chosen = (ids[:, None] == torch.arange(count, device=ids.device)).to(dtype)
            parts.append(chosen[:, :, None].expand(-1, -1, rows).reshape(len(ids), -1))
        return torch.cat(parts, 1)

    def functions(self, paths):
        """For SmallThinker.forward: a function a layer. paths [tokens, levels]."""
        masks = {}

        def run(layer, x):
            hidden = F.relu(F.linear(x, self.gate[layer])) * F.linear(x, self.up[layer])
            if hidden.dtype not in masks:
                masks[hidden.dtype] = self.mask(paths, hidden.dtype)
            return F.linear(hidden * masks[hidden.dtype], self.down[layer].t())

        return [lambda x, l=l: run(l, x) for l in range(self.c.layers)]
