"""A Llama text encoder's forward pass in numpy, written from the model's description and from no other code here.

The vector of a text: the mean over its tokens of the final norm's output, of length 1. float64 inside.
"""

import numpy as np

from gguf_numpy import Gguf
from numpy_smallthinker import rms_norm, softmax


class Encoder:
    def __init__(self, path):
        gguf = Gguf(path)
        meta = gguf.metadata
        if meta.get("general.architecture") != "llama" or meta.get("llama.pooling_type") != 1:
            raise ValueError(f"{path}: expected architecture llama with pooling_type 1")
        self.layers = meta["llama.block_count"]
        self.heads, self.kv_heads = meta["llama.attention.head_count"], meta["llama.attention.head_count_kv"]
        self.dim = meta["llama.embedding_length"]
        self.head_dim = self.dim // self.heads
        self.eps, self.theta = meta["llama.attention.layer_norm_rms_epsilon"], meta["llama.rope.freq_base"]
        load = lambda name: gguf.tensor(name + ".weight").astype(np.float64)
        self.embedding, self.norm = load("token_embd"), load("output_norm")
        names = "attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate ffn_up ffn_down".split()
        self.blocks = [{name: load(f"blk.{layer}.{name}") for name in names} for layer in range(self.layers)]

    def _rope(self, x):
        """x [heads, tokens, head_dim], neighbouring pairs (2i, 2i + 1)."""
        half = self.head_dim // 2
        angle = np.arange(x.shape[1])[:, None] * self.theta ** (-2.0 * np.arange(half) / self.head_dim)
        cos, sin = np.cos(angle), np.sin(angle)
        y = np.empty_like(x)
        y[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        y[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return y

    def _attention(self, block, x):
        tokens = len(x)
        split = lambda w, heads: (x @ w.T).reshape(tokens, heads, self.head_dim).transpose(1, 0, 2)
        q, k = self._rope(split(block["attn_q"], self.heads)), self._rope(split(block["attn_k"], self.kv_heads))
        v = split(block["attn_v"], self.kv_heads)
        earlier = np.arange(tokens)[:, None] >= np.arange(tokens)[None, :]
        out = np.empty_like(q)
        for head in range(self.heads):
            kv = head // (self.heads // self.kv_heads)
            scores = q[head] @ k[kv].T / np.sqrt(self.head_dim)
            out[head] = softmax(np.where(earlier, scores, -np.inf)) @ v[kv]
        return out.transpose(1, 0, 2).reshape(tokens, -1) @ block["attn_output"].T

    def vector(self, ids):
        """f32 [dim]"""
        h = self.embedding[np.asarray(ids)]
        for block in self.blocks:
            h = h + self._attention(block, rms_norm(h, block["attn_norm"], self.eps))
            x = rms_norm(h, block["ffn_norm"], self.eps)
            gate = x @ block["ffn_gate"].T
            h = h + (gate / (1.0 + np.exp(-gate)) * (x @ block["ffn_up"].T)) @ block["ffn_down"].T
        mean = rms_norm(h, self.norm, self.eps).mean(axis=0)
        return (mean / np.sqrt((mean * mean).sum())).astype(np.float32)
