"""The text encoder of the memory bank's router: a small causal Llama, mean-pooled and L2-normalised."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from model import RmsNorm, attend, rope, rope_tables

MOST_TOKENS = 256  # of a key; of a longer one the last


@dataclass
class EncoderConfig:
    vocabulary: int = 2048
    layers: int = 2
    dim: int = 128
    heads: int = 4
    ffn: int = 256
    context: int = MOST_TOKENS
    rope_theta: float = 10000.0
    eps: float = 1e-6

    def as_dict(self):
        return asdict(self)


class EncoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.attn_norm, self.ffn_norm = RmsNorm(c.dim, c.eps), RmsNorm(c.dim, c.eps)
        self.q, self.k, self.v, self.o = (nn.Linear(c.dim, c.dim, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(c.dim, c.ffn, bias=False), nn.Linear(c.dim, c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.dim, bias=False)

    def forward(self, h, visible, cos, sin):
        x = self.attn_norm(h)
        q, k, v = (m(x).view(*x.shape[:2], self.c.heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = rope(q, cos, sin).to(v.dtype), rope(k, cos, sin).to(v.dtype)
        h = h + self.o(attend(q, k, v, visible).transpose(1, 2).reshape(x.shape))
        x = self.ffn_norm(h)
        return h + self.down(F.silu(self.gate(x)) * self.up(x))


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c = config
        self.embedding = nn.Embedding(config.vocabulary, config.dim)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.norm = RmsNorm(config.dim, config.eps)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.05)

    def forward(self, ids, counts):
        """ids [keys, tokens], padded at the end; counts [keys]: tokens that are there. Returns [keys, dim], of length 1."""
        tokens = torch.arange(ids.shape[1], device=ids.device)
        there = tokens[None, :] < counts[:, None]
        visible = ((tokens[:, None] >= tokens[None, :])[None] & (there[:, None, :] | torch.eye(len(tokens), dtype=torch.bool, device=ids.device)))[:, None]
        cos, sin = rope_tables(ids.shape[1], self.c.dim // self.c.heads, self.c.rope_theta, ids.device)
        h = self.embedding(ids)
        for layer in self.layers:
            h = layer(h, visible, cos, sin)
        mean = (self.norm(h) * there[:, :, None]).sum(1) / counts[:, None]
        return F.normalize(mean, dim=-1)


def pad(keys, device="cpu"):
    """Token lists to (ids, counts)."""
    keys = [k[-MOST_TOKENS:] for k in keys]
    counts = np.array([len(k) for k in keys])
    ids = np.zeros((len(keys), counts.max()), dtype=np.int64)
    for row, key in zip(ids, keys):
        row[: len(key)] = key
    return torch.from_numpy(ids).to(device), torch.from_numpy(counts).to(device)



def named_tensors(encoder):
    """(GGUF name, parameter, may it be quantised)."""
    out = [("token_embd.weight", encoder.embedding.weight, True)]
    for i, layer in enumerate(encoder.layers):
        for name, module in (("attn_norm", layer.attn_norm), ("attn_q", layer.q), ("attn_k", layer.k), ("attn_v", layer.v), ("attn_output", layer.o),
                             ("ffn_norm", layer.ffn_norm), ("ffn_gate", layer.gate), ("ffn_up", layer.up), ("ffn_down", layer.down)):
            out.append((f"blk.{i}.{name}.weight", module.weight, not name.endswith("norm")))
    return out + [("output_norm.weight", encoder.norm.weight, False)]
