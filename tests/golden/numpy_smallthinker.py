"""SmallThinker's forward pass in numpy, written from the model's description and from no other code here.

The second opinion for golden logits: no cache, no quantised arithmetic, float64 inside unless told otherwise.
Covers both gating functions, hybrid and all-RoPE layouts, tied and untied heads, both layouts of ffn_down_exps.
"""

import numpy as np

from gguf_numpy import Gguf

SOFTMAX, SIGMOID = 1, 2


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * weight


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class SmallThinker:
    def __init__(self, path, dtype=np.float64):
        gguf = Gguf(path)
        meta = gguf.metadata
        if meta.get("general.architecture") != "smallthinker":
            raise ValueError(f"{path}: expected architecture smallthinker, found {meta.get('general.architecture')!r}")
        key = lambda name, default=None: meta.get("smallthinker." + name, default)
        self.metadata = meta
        self.layers = key("block_count")
        self.heads, self.kv_heads = key("attention.head_count"), key("attention.head_count_kv")
        self.dim = key("embedding_length")
        self.head_dim = key("attention.key_length", self.dim // self.heads)
        self.eps = key("attention.layer_norm_rms_epsilon")
        self.window = key("attention.sliding_window", 0)
        self.theta = key("rope.freq_base", 10000.0)
        self.used = key("expert_used_count")
        self.gating = key("expert_gating_func", SOFTMAX)
        ffn = key("expert_feed_forward_length", key("feed_forward_length"))
        load = lambda name: gguf.tensor(name + ".weight").astype(dtype)
        self.embedding, self.norm = load("token_embd"), load("output_norm")
        self.head = load("output") if "output.weight" in gguf else self.embedding
        self.blocks = []
        for layer in range(self.layers):
            names = "attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate_inp ffn_gate_exps ffn_up_exps ffn_down_exps".split()
            block = {name: load(f"blk.{layer}.{name}") for name in names}
            if block["ffn_down_exps"].shape[1:] != (self.dim, ffn):  # stored transposed; equal sizes mean the ordinary layout
                block["ffn_down_exps"] = block["ffn_down_exps"].transpose(0, 2, 1)
            self.blocks.append(block)

    def is_hybrid(self):
        return self.window > 0

    def uses_rope(self, layer):
        return not self.is_hybrid() or layer % 4 != 0

    def slides(self, layer):
        return self.is_hybrid() and layer % 4 != 0

    def _rope(self, x):
        """x [heads, tokens, head_dim], NeoX pairs (i, i + head_dim / 2)."""
        half = self.head_dim // 2
        angle = np.arange(x.shape[1])[:, None] * self.theta ** (-2.0 * np.arange(half) / self.head_dim)
        cos, sin = np.cos(angle), np.sin(angle)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate((a * cos - b * sin, a * sin + b * cos), axis=-1)

    def _attention(self, block, x, layer):
        tokens = len(x)
        split = lambda w, heads: (x @ w.T).reshape(tokens, heads, self.head_dim).transpose(1, 0, 2)
        q, k, v = split(block["attn_q"], self.heads), split(block["attn_k"], self.kv_heads), split(block["attn_v"], self.kv_heads)
        if self.uses_rope(layer):
            q, k = self._rope(q), self._rope(k)
        age = np.arange(tokens)[:, None] - np.arange(tokens)[None, :]
        visible = age >= 0
        if self.slides(layer):
            visible &= age < self.window
        out = np.empty_like(q)
        for head in range(self.heads):
            kv = head // (self.heads // self.kv_heads)
            scores = q[head] @ k[kv].T / np.sqrt(self.head_dim)
            out[head] = softmax(np.where(visible, scores, -np.inf)) @ v[kv]
        return out.transpose(1, 0, 2).reshape(tokens, -1) @ block["attn_output"].T

    def route(self, block, h):
        """Chosen experts, best first, and their weights, both [tokens, used]."""
        logits = h @ block["ffn_gate_inp"].T
        chosen = np.argsort(-logits, axis=-1, kind="stable")[:, : self.used]
        best = np.take_along_axis(logits, chosen, axis=-1)
        if self.gating == SIGMOID:
            weights = 1.0 / (1.0 + np.exp(-best))
            return chosen, weights / weights.sum(axis=-1, keepdims=True), logits
        if self.gating == SOFTMAX:
            return chosen, softmax(best), logits
        raise ValueError(f"expert_gating_func is {self.gating}; expected 1 (softmax) or 2 (sigmoid)")

    def _experts(self, block, x, chosen, weights):
        y = np.zeros_like(x)
        for e in np.unique(chosen):
            rows, slots = np.nonzero(chosen == e)
            gate = np.maximum(x[rows] @ block["ffn_gate_exps"][e].T, 0.0)
            up = x[rows] @ block["ffn_up_exps"][e].T
            y[rows] += weights[rows, slots][:, None] * ((gate * up) @ block["ffn_down_exps"][e].T)
        return y

    def _memory(self, memory, layer, x):
        """What the blocks of a path add: each [layers, 3, rows, dim], gate, up and down transposed."""
        return sum((np.maximum(x @ block[layer, 0].T, 0.0) * (x @ block[layer, 1].T)) @ block[layer, 2] for block in memory)

    def logits(self, ids, margins=None, memory=()):
        """f32 [tokens, vocabulary]. `margins` collects, per layer, how clearly the router chose."""
        h = self.embedding[np.asarray(ids)]
        for layer, block in enumerate(self.blocks):
            chosen, weights, scores = self.route(block, h)
            if margins is not None:
                ranked = -np.sort(-scores, axis=-1)
                margins.append(float((ranked[:, self.used - 1] - ranked[:, self.used]).min()))
            h = h + self._attention(block, rms_norm(h, block["attn_norm"], self.eps), layer)
            x = rms_norm(h, block["ffn_norm"], self.eps)
            h = h + self._experts(block, x, chosen, weights) + self._memory(memory, layer, x)
        return (rms_norm(h, self.norm, self.eps) @ self.head.T).astype(np.float32)
