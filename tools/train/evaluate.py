"""Perplexity per answer token of unseen conversations, phrased as in training: what quantisation costs and what the bank brings.

    /usr/bin/python3 evaluate.py --out build

Weights as the files store them. With the bank each conversation keeps the path of its first message, as a chat does by default.
Answers to held-out questions are counted on the exported files: evaluate_files.py.
"""

import argparse
import math
import os

import torch
import torch.nn.functional as F

from data import Batches, FactMix
from gguf_writer import round_to
from memory import GENERIC, Bank, BankConfig
from model import Config, SmallThinker, named_tensors
from train_common import device_and_processes, load, tensors, tokenizer_for

BANK_SCALE = 0.9  # what the bank adds is exported a little smaller: it disturbs less of what the anchor knows by itself


@torch.no_grad()
def anchor_as_shipped(out, device, kind="q8_0"):
    state = load(os.path.join(out, "anchor.pt"), device)
    model = SmallThinker(Config(**state["config"])).to(device)
    model.load_state_dict(state["model"])
    for _, parameter, matrix in named_tensors(model):
        if matrix:
            parameter.copy_(torch.from_numpy(round_to(kind, parameter.cpu().numpy())))
    return model.eval()


@torch.no_grad()
def bank_as_shipped(out, device, kind="q4_0", scale=BANK_SCALE):
    state = load(os.path.join(out, "bank.pt"), device)
    bank = Bank(BankConfig(**state["config"])).to(device)
    bank.load_state_dict(state["model"])
    bank.down *= scale
    for parameter in bank.parameters():
        parameter.copy_(torch.from_numpy(round_to(kind, parameter.cpu().numpy())))
    return bank.eval()


@torch.no_grad()
def perplexity(model, device, batches, bank=None, paths_of=None):
    """paths_of(batch): [tokens, levels], for the bank."""
    total, count = 0.0, 0.0
    for batch in batches:
        ids, targets, weights, documents = tensors(batch, device)
        functions = bank.functions(paths_of(batch)) if bank is not None else None
        answer = (weights == 1.0).float().flatten()
        losses = F.cross_entropy(model(ids, documents, functions)[0].float().flatten(0, 1), targets.flatten(), reduction="none")
        total, count = total + float((losses * answer).sum()), count + float(answer.sum())
    return math.exp(total / count)


def main():
    from train_bank import Router  # which needs anchor_as_shipped

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build")
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device, _ = device_and_processes(0)
    tokenizer, router = tokenizer_for(args.out, 1), Router(args.out, device)
    anchors = {kind: anchor_as_shipped(args.out, device, kind) for kind in ("f32", "q8_0")}
    banks = {kind: bank_as_shipped(args.out, device, kind) for kind in ("f32", "q4_0")}
    first = lambda batch: router.paths(batch["keys"] + [[0]])[torch.from_numpy(batch["first"].astype("int64")).to(device).flatten()]
    generic = lambda batch: torch.full((batch["ids"].size, len(banks["q4_0"].c.rows)), GENERIC, device=device)
    for title, mix in (("facts", FactMix(1.0)), ("general", FactMix(0.0))):
        batches = [Batches(tokenizer, 24, 256, "unseen", mix, keys=True).at(16 * i) for i in range(args.batches)]
        for kind, model in anchors.items():
            print(f"{title:8} anchor {kind:14} {perplexity(model, device, batches):.4f}", flush=True)
        print(f"{title:8} generic blocks q4_0 {perplexity(anchors['q8_0'], device, batches, banks['q4_0'], generic):.4f}", flush=True)
        for kind, bank in banks.items():
            print(f"{title:8} path {kind:16} {perplexity(anchors['q8_0'], device, batches, bank, first):.4f}", flush=True)


if __name__ == "__main__":
    main()
