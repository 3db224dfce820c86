"""Trains the anchor, the model that ships; run it again and it resumes from its last checkpoint.

    /usr/bin/python3 train.py --out build

Writes OUT/tokenizer.json, OUT/anchor.pt (model, optimiser, step) and a line per progress report.
"""

import argparse
import os
import time

import torch
import torch.nn.functional as F

from data import Batches, ahead
from model import Config, SmallThinker
from train_common import device_and_processes, learning_rate, load, mixed_precision, optimiser_for, save, set_rate, tensors, tokenizer_for


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build", help="folder for tokenizer and checkpoints")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=1e9, help="end the schedule after this time, whatever step it is then")
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--balance", type=float, default=0.01, help="weight of the load-balance loss")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int, help="that make batches; default: none on a CPU, most cores beside a GPU")
    parser.add_argument("--fresh-optimiser", action="store_true", help="go on from the weights alone, with a new schedule from step 0")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    device, processes = device_and_processes(args.processes)
    tokenizer = tokenizer_for(args.out, args.seed)
    last = os.path.join(args.out, "anchor.pt")
    model = SmallThinker(Config(vocabulary=len(tokenizer.tokens))).to(device)
    optimiser, step, seconds = optimiser_for(model), 0, 0.0
    if os.path.exists(last):
        state = load(last, device)
        model.load_state_dict(state["model"])
        seconds = state["seconds"]
        if not args.fresh_optimiser:
            optimiser.load_state_dict(state["optimiser"])
            step = state["step"]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {device}, {processes} processes, from step {step}", flush=True)
    source = Batches(tokenizer, args.batch, args.length, args.seed + (1000 if args.fresh_optimiser else 0))
    began, mean, tokens = time.time(), None, 0

    def checkpoint():
        save(last, config=model.c.as_dict(), model=model.state_dict(), optimiser=optimiser.state_dict(), step=step, seconds=seconds + time.time() - began)

    for batch in ahead(source, step, args.steps, processes):
        ids, targets, weights, documents = tensors(batch, device)
        part = max(step / args.steps, (time.time() - began) / (args.minutes * 60))  # the schedule follows the clock where there is a limit
        set_rate(optimiser, learning_rate(part, args.lr, step))
        with mixed_precision(device):
            logits, balance, shares = model(ids, documents)
        loss = (F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none") * weights.flatten()).sum() / weights.sum()
        (loss + args.balance * balance).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + ids.numel()
        if step % 50 == 0:
            mean = loss.item() if mean is None else 0.7 * mean + 0.3 * loss.item()
            print(f"step {step} loss {mean:.4f} balance {balance.item():.3f} least-used {shares.min().item():.3f} {tokens / 1e6:.0f} M tokens "
                  f"{time.time() - began:.0f} s", flush=True)
        if step % 500 == 0 and device == "cpu":
            checkpoint()
        if part >= 1:
            break
    checkpoint()


if __name__ == "__main__":
    main()
