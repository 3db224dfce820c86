"""Trains the memory bank on the finished anchor, as it ships (q8_0), with the finished router.

    /usr/bin/python3 train_bank.py --out build

The anchor stays as it is: alone, or with a bank of zeros, it answers bit for bit as before. Half of the conversations
keep the path of their first message, as a chat does by default; half route every message. One in 17 uses the generic
blocks everywhere (arXiv 2510.02375, section 3). Writes OUT/bank.pt.
"""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import tree
from data import Batches, FactMix, ahead
from encoder import Encoder, EncoderConfig, pad
from evaluate import anchor_as_shipped
from memory import GENERIC, Bank, BankConfig
from train_common import device_and_processes, learning_rate, load, mixed_precision, optimiser_for, save, set_rate, tensors, tokenizer_for

GENERIC_SHARE = 1.0 / 17.0


class Router:
    """Keys to paths, as the runtime does it."""

    def __init__(self, out, device):
        state = load(os.path.join(out, "encoder.pt"), device)
        self.encoder = Encoder(EncoderConfig(**state["config"])).to(device).eval()
        self.encoder.load_state_dict(state["model"])
        self.levels = [torch.as_tensor(l, device=device) for l in state["levels"]]
        self.leaf_of, self.device = state["leaf_of"], device
        self.bank_config = BankConfig(**state["bank"])

    @torch.no_grad()
    def paths(self, keys):
        out = []
        for begin in range(0, len(keys), 8192):
            ids, counts = pad(keys[begin : begin + 8192], self.device)
            with torch.autocast(ids.device.type, enabled=False):
                out.append(tree.descend(self.encoder(ids, counts), self.levels, self.bank_config.branching)[0])
        return torch.cat(out)


def token_paths(batch, router, generator):
    """[rows * length, levels]: the path of each token, for a document the first message's or each message's, or generic."""
    paths = router.paths(batch["keys"])
    paths = torch.cat((paths, torch.full((1, paths.shape[1]), GENERIC, device=paths.device)))  # NO_KEY is the last one
    first, turn = (torch.from_numpy(batch[n].astype(np.int64)).to(paths.device) for n in ("first", "turn"))
    roll = torch.rand(len(paths), generator=generator).to(paths.device)[first]  # one draw a document
    chosen = torch.where(roll < 0.5, first, turn)
    chosen = torch.where(roll > 1.0 - GENERIC_SHARE, torch.full_like(chosen, -1), chosen)
    return paths[chosen.flatten()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device, processes = device_and_processes(args.processes)
    tokenizer = tokenizer_for(args.out, args.seed)
    router = Router(args.out, device)
    model = anchor_as_shipped(args.out, device).requires_grad_(False)
    bank = Bank(router.bank_config).to(device)
    optimiser, generator, step = optimiser_for(bank, decay=0.0), torch.Generator().manual_seed(args.seed), 0
    last = os.path.join(args.out, "bank.pt")
    if os.path.exists(last):
        state = load(last, device)
        bank.load_state_dict(state["model"])
        if "optimiser" in state:
            optimiser.load_state_dict(state["optimiser"])
            step = state["step"]
    print(f"bank: {sum(p.numel() for p in bank.parameters()):,} parameters, {device}, from step {step}", flush=True)
    began, mean = time.time(), None
    for batch in ahead(Batches(tokenizer, args.batch, args.length, f"bank{args.seed}", FactMix(), keys=True), step, args.steps, processes):
        ids, targets, weights, documents = tensors(batch, device)
        part = max(step / args.steps, (time.time() - began) / (args.minutes * 60))  # the schedule follows the clock where there is a limit
        set_rate(optimiser, learning_rate(part, args.lr, step, 100))
        weights = weights * (weights == 1.0)  # answers only: what a user says is not to be learnt by heart
        with mixed_precision(device):
            logits, _, _ = model(ids, documents, bank.functions(token_paths(batch, router, generator)))
        loss = (F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none") * weights.flatten()).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(bank.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0:
            mean = loss.item() if mean is None else 0.7 * mean + 0.3 * loss.item()
            print(f"bank step {step} loss {mean:.4f} {time.time() - began:.0f} s", flush=True)
        if step % 500 == 0 and device == "cpu":
            save(last, config=bank.c.as_dict(), model=bank.state_dict(), optimiser=optimiser.state_dict(), step=step)
        if part >= 1:
            break
    save(last, config=bank.c.as_dict(), model=bank.state_dict(), step=step)


if __name__ == "__main__":
    main()
