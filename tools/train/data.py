"""From conversations to packed batches: token ids, document ids, loss weights."""

import numpy as np
import torch

from corpus import conversation, make_rng, render

OTHER_WEIGHT = 0.1  # of tokens that are not the assistant's: they teach the language, not the manners


def encode(messages, tokenizer):
    """Ids and, per id, the weight of predicting it."""
    ids, weights = [], []
    for role, content in messages:
        head = tokenizer.encode(f"<|im_start|>{role}\n")
        body = tokenizer.encode(f"{content}<|im_end|>")
        ids += head + body + tokenizer.encode("\n")
        weights += [0.0] * len(head) + [1.0 if role == "assistant" else OTHER_WEIGHT] * len(body) + [0.0]
    return ids, weights


LONG_EVERY, LONG_FACTOR = 16, 4  # every 16th batch has rows four times as long, of longer conversations


class Batches:
    """Endless batches of one size, [batch, length + 1] or long ones; the state is the step, so that a run resumes exactly."""

    def __init__(self, tokenizer, batch, length, seed):
        self.tokenizer, self.batch, self.length, self.seed = tokenizer, batch, length, seed

    def _row(self, rng, length, most_turns):
        ids, weights, documents, number = [], [], [], 0
        while len(ids) < length + 1:
            new, w = encode(conversation(rng, most_turns), self.tokenizer)
            if len(ids) + len(new) > length + 1 and ids and len(new) <= length + 1:
                break
            ids += new
            weights += w
            documents += [number] * len(new)
            number += 1
        pad = length + 1 - len(ids)
        ids = (ids + [self.tokenizer.endoftext] * pad)[: length + 1]
        weights = (weights + [0.0] * pad)[: length + 1]
        documents = (documents + [number] * pad)[: length + 1]
        return ids, weights, documents

    def at(self, step):
        rng = make_rng("batch", self.seed, step)
        long = step % LONG_EVERY == LONG_EVERY - 1
        factor = LONG_FACTOR if long else 1
        rows = [self._row(rng, self.length * factor, 16 if long else 6) for _ in range(self.batch // factor)]
        ids = torch.from_numpy(np.array([r[0] for r in rows], dtype=np.int64))
        weights = torch.from_numpy(np.array([r[1] for r in rows], dtype=np.float32))
        documents = torch.from_numpy(np.array([r[2] for r in rows], dtype=np.int64))
        weights[:, 1:] *= (documents[:, 1:] == documents[:, :-1]).float()
        return ids[:, :-1], ids[:, 1:], weights[:, 1:], documents[:, :-1]


def corpus_texts(seed, count):
    rng = make_rng("corpus", seed)
    return [render(conversation(rng)) for _ in range(count)]
