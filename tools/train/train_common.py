"""What the three trainings share: schedule, optimiser, checkpoints, tokenizer."""

import math
import os

import numpy as np
import torch

from data import corpus_texts
from tokenizer import Tokenizer, train as train_tokenizer

VOCABULARY = 2048


def tokenizer_for(out, seed, size=VOCABULARY):
    path = os.path.join(out, "tokenizer.json")
    if not os.path.exists(path):
        Tokenizer(train_tokenizer(corpus_texts(seed, 30000), size)).save(path)
    return Tokenizer.load(path)


def learning_rate(part, peak, step, warmup=200):
    """Cosine over the part of the training that is done, 0 to 1; rising over the first steps."""
    return peak * min(1.0, (step + 1) / warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, part))))


def optimiser_for(module, decay=0.05):
    matrices = [p for n, p in module.named_parameters() if p.requires_grad and p.dim() > 1 and "embedding" not in n]
    others = [p for n, p in module.named_parameters() if p.requires_grad and (p.dim() <= 1 or "embedding" in n)]
    groups = [g for g in ({"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}) if g["params"]]
    fused = {"fused": True} if torch.cuda.is_available() else {}
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), eps=1e-8, **fused)


def set_rate(optimiser, rate):
    for group in optimiser.param_groups:
        group["lr"] = rate


def save(path, **state):
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)  # a run that is killed never leaves half a checkpoint


def load(path, device):
    kwargs = {} if torch.__version__.startswith("1.") else {"weights_only": False}
    return torch.load(path, map_location=device, **kwargs)


def device_and_processes(processes):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    if processes is None:
        processes = max(1, (os.cpu_count() or 2) - 2) if device == "cuda" else 0
    return device, processes


def tensors(batch, device):
    """ids and targets, weights, documents on the device."""
    return (torch.from_numpy(batch[name].astype(kind)).to(device, non_blocking=True)
            for name, kind in (("ids", np.int64), ("targets", np.int64), ("weights", np.float32), ("documents", np.int64)))


def mixed_precision(device):
    """bfloat16 products on a GPU; f32 on a CPU, where they would be emulated."""
    return torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")
