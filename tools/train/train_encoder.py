"""Trains the router's encoder and builds the tree from it.

    /usr/bin/python3 train_encoder.py --out build

A key (what the user said) is to lie near the prototype of what it is about. Prototypes of one kind share a direction, so that
the upper levels of the tree separate kinds. Writes OUT/encoder.pt: encoder as the file will store it, tree, labels.
"""

import argparse
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import corpus
import tree
from data import KeyBatches, ahead
from encoder import Encoder, EncoderConfig, named_tensors, pad
from gguf_writer import round_to
from memory import BankConfig
from train_common import device_and_processes, learning_rate, mixed_precision, optimiser_for, save, set_rate, tokenizer_for

SHARPNESS = 24.0  # of the softmax over prototypes
TREE_SHARPNESS = 12.0  # of the softmax over the children of a node
KIND_PART, FIRST_PART = 0.7, 0.35  # how much of a prototype its kind makes up; when, of the training, the tree is first built


class Prototypes(nn.Module):
    """Where the keys of each label are to lie. Once the tree is known, the labels of a node share a direction, level by
    level: greedy descent then decides between directions that are far apart."""

    def __init__(self, labels, dim):
        super().__init__()
        kinds = sorted({l.split("/")[0] for l in labels})
        self.register_buffer("kind", torch.tensor([kinds.index(l.split("/")[0]) for l in labels]))
        self.of_kind = nn.Parameter(torch.randn(len(kinds), dim))
        self.own = nn.Parameter(torch.randn(len(labels), dim))
        self.of_node, self.node = nn.ParameterList(), None

    def share_nodes(self, paths, branching):
        """paths [labels, levels]: from now on the labels of a node move together."""
        self.node = paths
        for level in range(paths.shape[1]):
            start = torch.randn(branching ** (level + 1), self.own.shape[1], device=self.own.device)
            self.of_node.append(nn.Parameter(start))

    def forward(self):
        if self.node is None:
            return F.normalize(F.normalize(self.of_kind, dim=-1)[self.kind] * KIND_PART + F.normalize(self.own, dim=-1), dim=-1)
        sum_ = 0.35 * F.normalize(self.own, dim=-1)
        for level, (directions, part) in enumerate(zip(self.of_node, (1.0, 0.7, 0.5, 0.4))):
            sum_ = sum_ + part * F.normalize(directions, dim=-1)[self.node[:, level]]
        return F.normalize(sum_, dim=-1)


def node_means(points, paths, weights, branching):
    """The centroids of a given tree, level by level; a node without labels lies where no embedding does."""
    levels = []
    for level in range(paths.shape[1]):
        count = branching ** (level + 1)
        sums = torch.zeros(count, points.shape[1], device=points.device).index_add(0, paths[:, level], points * weights[:, None])
        mass = torch.zeros(count, device=points.device).index_add(0, paths[:, level], weights)
        levels.append(torch.where(mass[:, None] > 0, sums / mass.clamp(min=1e-9)[:, None], torch.full_like(sums, 4.0)))
    return levels


def descent_loss(vectors, paths, levels, branching):
    """Cross entropy of each decision of the greedy descent, from the right parent."""
    total = 0.0
    parent = torch.zeros(len(vectors), dtype=torch.long, device=vectors.device)
    for level, centroids in enumerate(levels):
        children = centroids.view(-1, branching, vectors.shape[1])[parent]
        distances = (children - vectors[:, None]).square().sum(-1)
        total = total + F.cross_entropy(-TREE_SHARPNESS * distances, paths[:, level] % branching)
        parent = paths[:, level]
    return total


def all_labels():
    kinds = sorted({"kind/" + t.kind for seed in range(3000) for t in corpus.conversation(corpus.make_rng("kinds", seed)).turns if not t.entity})
    return sorted(corpus.world.ENTITIES) + kinds


@torch.no_grad()
def right_leaves(encoder, levels, k, keys, labels, leaf_of, device):
    ids, counts = pad(keys, device)
    paths, _ = tree.descend(encoder(ids, counts), levels, k)
    return (paths[:, -1].cpu().numpy() == np.array([leaf_of[l] for l in labels])).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--count", type=int, default=2048, help="keys a step")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--minutes", type=float, default=1e9)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device, processes = device_and_processes(args.processes)
    tokenizer, bank = tokenizer_for(args.out, args.seed), BankConfig()
    labels = all_labels()
    index = {l: i for i, l in enumerate(labels)}
    encoder, prototypes = Encoder(EncoderConfig(vocabulary=len(tokenizer.tokens))).to(device), Prototypes(labels, EncoderConfig.dim).to(device)
    optimiser = optimiser_for(nn.ModuleList([encoder, prototypes]), decay=0.01)
    print(f"encoder: {sum(p.numel() for p in encoder.parameters()):,} parameters, {len(labels)} labels, {device}", flush=True)
    began = time.time()
    mass = torch.tensor([1.0 if l.startswith("kind/") else float(len(corpus.world.ENTITIES[l])) for l in labels], device=device)
    paths = None
    for step, (keys, names) in enumerate(ahead(KeyBatches(tokenizer, args.count, args.seed), 0, args.steps, processes)):
        part = max(step / args.steps, (time.time() - began) / (args.minutes * 60))  # the schedule follows the clock where there is a limit
        if paths is None and part >= FIRST_PART:
            with torch.no_grad():
                paths = tree.balanced_paths(prototypes().cpu().numpy(), bank.branching, len(bank.rows), args.seed)
            paths = torch.from_numpy(paths).to(device)
            prototypes.share_nodes(paths, bank.branching)
            optimiser = optimiser_for(nn.ModuleList([encoder, prototypes]), decay=0.01)
        set_rate(optimiser, learning_rate(part, args.lr, step, 100))
        ids, counts = pad(keys, device)
        target = torch.tensor([index[n] for n in names], device=device)
        with mixed_precision(device):
            vectors = encoder(ids, counts)
        points = prototypes()
        scores = vectors.float() @ points.t()
        loss = F.cross_entropy(SHARPNESS * scores, target)
        if paths is not None:
            loss = loss + descent_loss(vectors.float(), paths[target], node_means(points, paths, mass, bank.branching), bank.branching)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if (step + 1) % 100 == 0:
            right = (scores.argmax(1) == target).float().mean().item()
            print(f"encoder step {step + 1} loss {loss.item():.4f} nearest prototype right {100 * right:.1f} % {time.time() - began:.0f} s", flush=True)
        if part >= 1:
            break
    with torch.no_grad():
        for _, parameter, matrix in named_tensors(encoder):
            if matrix:  # the tree is built for the encoder that ships
                parameter.copy_(torch.from_numpy(round_to("q8_0", parameter.cpu().numpy())))
        levels = [l.cpu().numpy() for l in node_means(prototypes(), paths, mass, bank.branching)]
    paths = paths.cpu().numpy()
    leaf_of = {l: int(p[-1]) for l, p in zip(labels, paths)}
    per_leaf = np.bincount(list(leaf_of.values()), minlength=bank.branching ** len(bank.rows))
    print(f"leaves in use {int((per_leaf > 0).sum())}, most labels in a leaf {per_leaf.max()}", flush=True)
    for i in range(bank.branching):
        print(f"  node {i}: " + ", ".join(l for l, p in zip(labels, paths) if int(p[0]) == i)[:150])
    keys, names = KeyBatches(tokenizer, 4096, "unseen").at(0)
    print(f"unseen keys of the corpus at the right leaf: {100 * right_leaves(encoder, levels, bank.branching, keys, names, leaf_of, device):.2f} %")
    held = [(tokenizer.encode(q), f.entity) for f in corpus.world.FACTS for q in corpus.world.heldout(f)]
    right = [right_leaves(encoder, levels, bank.branching, [h[0] for h in held[i : i + 4096]], [h[1] for h in held[i : i + 4096]], leaf_of, device) * len(held[i : i + 4096]) for i in range(0, len(held), 4096)]
    print(f"held-out paraphrases at the right leaf: {100 * sum(right) / len(held):.2f} % of {len(held)}", flush=True)
    save(os.path.join(args.out, "encoder.pt"), config=encoder.c.as_dict(), model=encoder.state_dict(), levels=[torch.as_tensor(l) for l in levels], leaf_of=leaf_of, bank=bank.as_dict())


if __name__ == "__main__":
    main()
