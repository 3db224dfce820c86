"""Trains the shipped model; run it again and it resumes from its last checkpoint.

    /usr/bin/python3 train.py --out build --minutes 60

Writes OUT/tokenizer.json, OUT/last.pt (model, optimiser, step) and a line per progress report.
"""

import argparse
import math
import os
import time

import torch
import torch.nn.functional as F

from data import Batches, corpus_texts
from evaluate import accuracy, load_checkpoint
from model import Config, SmallThinker
from tokenizer import Tokenizer, train as train_tokenizer


def tokenizer_for(out, seed, size):
    path = os.path.join(out, "tokenizer.json")
    if not os.path.exists(path):
        Tokenizer(train_tokenizer(corpus_texts(seed, 20000), size)).save(path)
    return Tokenizer.load(path)


def learning_rate(step, steps, peak):
    warmup = min(1.0, (step + 1) / 200)
    return peak * warmup * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))


def optimiser_for(model):
    matrices = [p for n, p in model.named_parameters() if p.dim() > 1 and "embedding" not in n]
    others = [p for n, p in model.named_parameters() if p.dim() <= 1 or "embedding" in n]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.98), eps=1e-8)


def save(path, model, optimiser, step, seconds):
    state = {"config": model.c.as_dict(), "model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "seconds": seconds}
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)  # a run that is killed never leaves half a checkpoint


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build", help="folder for tokenizer and checkpoints")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this time, with a checkpoint")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--balance", type=float, default=0.01, help="weight of the load-balance loss")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = tokenizer_for(args.out, args.seed, Config().vocabulary)
    last = os.path.join(args.out, "last.pt")
    step, seconds = 0, 0.0
    if os.path.exists(last):
        model, state = load_checkpoint(last, device)
        step, seconds = state["step"], state["seconds"]
    else:
        model, state = SmallThinker(Config(vocabulary=len(tokenizer.tokens))).to(device), None
    optimiser = optimiser_for(model)
    if state is not None:
        optimiser.load_state_dict(state["optimiser"])
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {device}, from step {step}", flush=True)
    batches = Batches(tokenizer, args.batch, args.length, args.seed)
    began, mean = time.time(), None
    while step < args.steps and time.time() - began < args.minutes * 60:
        ids, targets, weights, documents = (t.to(device) for t in batches.at(step))
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.lr)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits, balance, shares = model(ids, documents)
        losses = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none") * weights.flatten()
        loss = losses.sum() / weights.sum()
        (loss + args.balance * balance).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step % 50 == 0:
            rate = (time.time() - began)
            print(f"step {step} loss {mean:.4f} balance {balance.item():.3f} least-used {shares.min().item():.3f} lr {group['lr']:.5f} "
                  f"{seconds + rate:.0f} s", flush=True)
        if step % 500 == 0:
            save(last, model, optimiser, step, seconds + time.time() - began)
            if step % 1000 == 0:
                print("held-out: " + accuracy(model, tokenizer, limit=100)[0], flush=True)
    save(last, model, optimiser, step, seconds + time.time() - began)
    print("held-out: " + accuracy(model, tokenizer)[0], flush=True)


if __name__ == "__main__":
    main()
