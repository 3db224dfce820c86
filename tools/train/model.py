"""SmallThinker in PyTorch: router before attention, sparse ReGLU experts, hybrid NoPE / sliding-window RoPE."""

from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocabulary: int = 2048
    layers: int = 6
    dim: int = 256
    head_dim: int = 32
    heads: int = 8
    kv_heads: int = 2
    experts: int = 8
    experts_used: int = 2
    ffn: int = 192
    context: int = 1024
    window: int = 128
    rope_theta: float = 10000.0
    eps: float = 1e-6

    def as_dict(self):
        return asdict(self)

    def is_sliding(self, layer):
        """Period 4: the first layer of each period is global and has no positional embedding."""
        return layer % 4 != 0


class RmsNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def rope_tables(tokens, head_dim, theta, device):
    half = head_dim // 2
    frequency = theta ** (-torch.arange(half, device=device).float() / half)
    angle = torch.arange(tokens, device=device).float()[:, None] * frequency
    return angle.cos(), angle.sin()


def rope(x, cos, sin):
    """x [batch, heads, tokens, head_dim]; NeoX pairing: element i rotates with element i + head_dim/2."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def attend(q, k, v, visible):
    """q [batch, heads, tokens, head_dim]; k, v with fewer heads (GQA); visible bool, broadcast over heads."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k.to(q.dtype), v.to(q.dtype), attn_mask=visible)
    scores = torch.matmul(q, k.transpose(-1, -2)) * q.shape[-1] ** -0.5
    return torch.matmul(torch.softmax(scores.float().masked_fill(~visible, -1e9), -1).to(v.dtype), v)


class Attention(nn.Module):
    def __init__(self, config, sliding):
        super().__init__()
        self.c, self.sliding = config, sliding
        self.q = nn.Linear(config.dim, config.heads * config.head_dim, bias=False)
        self.k = nn.Linear(config.dim, config.kv_heads * config.head_dim, bias=False)
        self.v = nn.Linear(config.dim, config.kv_heads * config.head_dim, bias=False)
        self.o = nn.Linear(config.heads * config.head_dim, config.dim, bias=False)

    def forward(self, x, visible, cos, sin):
        c, (batch, tokens, _) = self.c, x.shape
        q = self.q(x).view(batch, tokens, c.heads, c.head_dim).transpose(1, 2)
        k = self.k(x).view(batch, tokens, c.kv_heads, c.head_dim).transpose(1, 2)
        v = self.v(x).view(batch, tokens, c.kv_heads, c.head_dim).transpose(1, 2)
        if self.sliding:
            q, k = rope(q, cos, sin).to(v.dtype), rope(k, cos, sin).to(v.dtype)
        out = attend(q, k, v, visible[self.sliding])
        return self.o(out.transpose(1, 2).reshape(batch, tokens, -1))


class Experts(nn.Module):
    """The same sum in two ways: only the chosen experts (CPU), or all of them with weight 0 for the others (GPU)."""

    def __init__(self, config):
        super().__init__()
        self.c = config
        shape = (config.experts, config.ffn, config.dim)
        self.gate = nn.Parameter(torch.randn(shape) * 0.04)
        self.up = nn.Parameter(torch.randn(shape) * 0.04)
        self.down = nn.Parameter(torch.randn(config.experts, config.dim, config.ffn) * 0.04 / (2 * config.layers) ** 0.5)

    def forward(self, x, weights, chosen):
        """x [tokens, dim]; weights, chosen [tokens, used]."""
        return (self._all if x.is_cuda else self._chosen)(x, weights, chosen)

    def _all(self, x, weights, chosen):
        c = self.c
        share = torch.zeros(x.shape[0], c.experts, device=x.device, dtype=weights.dtype).scatter(1, chosen, weights)
        hidden = F.relu(F.linear(x, self.gate.flatten(0, 1))) * F.linear(x, self.up.flatten(0, 1))
        hidden = (hidden.view(-1, c.experts, c.ffn) * share.to(hidden.dtype)[:, :, None]).flatten(1)
        return F.linear(hidden, self.down.transpose(0, 1).reshape(c.dim, -1))

    def _chosen(self, x, weights, chosen):
        order = chosen.flatten().argsort(stable=True)
        counts = torch.bincount(chosen.flatten(), minlength=self.c.experts).tolist()
        rows = torch.div(order, chosen.shape[1], rounding_mode="floor")
        scale = weights.flatten()[order].unsqueeze(1)
        gathered, begin, parts = x[rows], 0, []
        for e, count in enumerate(counts):
            piece = gathered[begin : begin + count]
            if count:
                hidden = F.relu(F.linear(piece, self.gate[e])) * F.linear(piece, self.up[e])
                parts.append(F.linear(hidden, self.down[e]).to(x.dtype))
            begin += count
        return torch.zeros_like(x).index_add(0, rows, torch.cat(parts) * scale)


class Layer(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.c = config
        self.router = nn.Linear(config.dim, config.experts, bias=False)
        self.attn_norm = RmsNorm(config.dim, config.eps)
        self.attention = Attention(config, config.is_sliding(index))
        self.ffn_norm = RmsNorm(config.dim, config.eps)
        self.experts = Experts(config)

    def route(self, h):
        with torch.autocast(h.device.type, enabled=False):  # the router reads the raw stream, in f32
            logits = F.linear(h.float(), self.router.weight)
        best, chosen = logits.topk(self.c.experts_used, -1)
        weights = torch.sigmoid(best)
        weights = weights / weights.sum(-1, keepdim=True)
        probabilities = torch.softmax(logits, -1).flatten(0, -2)
        share = F.one_hot(chosen, self.c.experts).float().sum(-2).flatten(0, -2).mean(0) / self.c.experts_used
        balance = self.c.experts * (share * probabilities.mean(0)).sum()
        return weights.flatten(0, 1), chosen.flatten(0, 1), balance, share

    def forward(self, h, visible, cos, sin, memory=None):
        """memory(x): what a memory bank adds, from the same normed input as the experts'."""
        weights, chosen, balance, share = self.route(h)
        h = h + self.attention(self.attn_norm(h), visible, cos, sin)
        x = self.ffn_norm(h).flatten(0, 1)
        h = h + self.experts(x, weights, chosen).view_as(h)
        if memory is not None:
            h = h + memory(x).view_as(h)
        return h, balance, share


class SmallThinker(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c = config
        self.embedding = nn.Embedding(config.vocabulary, config.dim)
        self.layers = nn.ModuleList(Layer(config, i) for i in range(config.layers))
        self.norm = RmsNorm(config.dim, config.eps)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=(0.02 if name.startswith("embedding") else 0.04) / ((2 * config.layers) ** 0.5 if name.endswith("attention.o.weight") else 1))

    def visible(self, documents):
        """What attention may see, for global and for sliding layers. documents [batch, tokens]: an id per position; no token sees another document."""
        i = torch.arange(documents.shape[1], device=documents.device)
        age = i[:, None] - i[None, :]
        full = (documents[:, :, None] == documents[:, None, :]) & (age >= 0)
        return [m[:, None] for m in (full, full & (age < self.c.window))]

    def forward(self, ids, documents=None, memory=None):
        """Returns logits [batch, tokens, vocabulary], the balance loss and the experts' shares per layer.

        memory: a function a layer, from its normed FFN input [batch * tokens, dim] to what is added to the stream."""
        if documents is None:
            documents = torch.zeros_like(ids)
        cos, sin = rope_tables(ids.shape[1], self.c.head_dim, self.c.rope_theta, ids.device)
        visible = self.visible(documents)
        h, balance, shares = self.embedding(ids), 0.0, []
        for i, layer in enumerate(self.layers):
            h, b, share = layer(h, visible, cos, sin, memory[i] if memory else None)
            balance = balance + b
            shares.append(share.detach())
        return F.linear(self.norm(h), self.embedding.weight), balance / len(self.layers), torch.stack(shares)


def named_tensors(model):
    """(GGUF name, parameter, whether it is a matrix that may be quantised), in the order in which a forward pass reads them."""
    out = [("token_embd.weight", model.embedding.weight, True)]
    for i, layer in enumerate(model.layers):
        attention, experts = layer.attention, layer.experts
        for name, parameter, matrix in (
            ("ffn_gate_inp", layer.router.weight, False), ("attn_norm", layer.attn_norm.weight, False), ("attn_q", attention.q.weight, True),
            ("attn_k", attention.k.weight, True), ("attn_v", attention.v.weight, True), ("attn_output", attention.o.weight, True),
            ("ffn_norm", layer.ffn_norm.weight, False), ("ffn_gate_exps", experts.gate, True), ("ffn_up_exps", experts.up, True), ("ffn_down_exps", experts.down, True),
        ):
            out.append((f"blk.{i}.{name}.weight", parameter, matrix))
    return out + [("output_norm.weight", model.norm.weight, False)]
