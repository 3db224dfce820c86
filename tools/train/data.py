"""From conversations to packed batches: token ids, document ids, loss weights, and the router's keys of every token.

A batch depends on its step and the seed alone, so that a run resumes exactly and processes can make batches ahead.
"""

import multiprocessing

import numpy as np

import corpus
from encoder_key import KEY_MESSAGES, KEY_TOKENS
from roughen import roughen

OTHER_WEIGHT = 0.1  # of tokens that are not the assistant's: they teach the language, not the manners
LONG_EVERY, LONG_FACTOR = 16, 4  # every 16th batch has rows four times as long, of longer conversations
NO_KEY = -1  # of a token that belongs to no turn
ROUGH_SHARE = 0.35  # of the questions, said in passing


def encode_turn(question, answer, tokenizer):
    """Ids and, per id, the weight of predicting it."""
    user = tokenizer.encode(f"<|im_start|>user\n")
    asked = tokenizer.encode(f"{question}<|im_end|>")
    between = tokenizer.encode("\n<|im_start|>assistant\n")
    said = tokenizer.encode(f"{answer}<|im_end|>")
    end = tokenizer.encode("\n")
    ids = user + asked + between + said + end
    return ids, [0.0] * len(user) + [OTHER_WEIGHT] * len(asked) + [0.0] * len(between) + [1.0] * len(said) + [0.0] * len(end)


def encode_system(system, tokenizer):
    if not system:
        return [], []
    ids = tokenizer.encode(f"<|im_start|>system\n{system}<|im_end|>\n")
    return ids, [0.0] * len(ids)


def key_text(questions):
    """What is routed once these user messages were said, the newest last."""
    return "\n".join(questions[-KEY_MESSAGES:])


def said_in_passing(conversation, rng):
    """Some questions of a conversation in disguise; never one that is held out, nor where an answer quotes what was said."""
    if any(turn.kind == "memory" for turn in conversation.turns):
        return conversation
    for turn in conversation.turns:
        if rng.random() < ROUGH_SHARE:
            rough = roughen(turn.question, rng)
            if not corpus.is_held_out(rough):
                turn.question = rough
    return conversation


def label_of(turns):
    """What the newest message is about: the entity last named, else its kind."""
    for turn in reversed(turns):
        if turn.entity:
            return turn.entity
    return "kind/" + turns[-1].kind


def general_with_rare(rng, long):
    return corpus.conversation(rng, most_turns=8 if long else 5, rare=0.003)


class FactMix:
    """For the bank: conversations about every fact alike, and the general mix."""

    def __init__(self, share=0.65):
        self.share = share
        self.entities = sorted(corpus.world.ENTITIES)

    def __call__(self, rng, long):
        if rng.random() < self.share:
            facts = corpus.world.ENTITIES[self.entities[int(rng.random() * len(self.entities))]]
            return corpus.fact_conversation(rng, facts[int(rng.random() * len(facts))], most_turns=8 if long else 3)
        return corpus.conversation(rng, most_turns=8 if long else 5, rare=0.3)


class Batches:
    """`make(rng, long)` gives conversations; rows [batch, length + 1], or fewer and longer ones."""

    def __init__(self, tokenizer, batch, length, seed, make=general_with_rare, keys=False):
        self.tokenizer, self.batch, self.length, self.seed, self.make, self.keys = tokenizer, batch, length, seed, make, keys

    def _document(self, rng, long, keys):
        conversation = said_in_passing(self.make(rng, long), rng)
        ids, weights = encode_system(conversation.system, self.tokenizer)
        first = len(keys)
        turns = [first] * len(ids)
        for i, turn in enumerate(conversation.turns):
            new, w = encode_turn(turn.question, turn.answer, self.tokenizer)
            ids = ids + new
            weights = weights + w
            turns += [first + i] * len(new)
            if self.keys:
                keys.append(self.tokenizer.encode(key_text([t.question for t in conversation.turns[: i + 1]]))[-KEY_TOKENS:])
            else:
                keys.append(None)
        return ids, weights, turns, [first] * len(ids)

    def _row(self, rng, length, long, keys):
        row, number = [[], [], [], [], []], 0
        while len(row[0]) < length + 1:
            document = self._document(rng, long, keys)
            size = len(document[0])
            if row[0] and len(row[0]) + size > length + 1 and size <= length + 1:
                break
            for column, values in zip(row, (*document, [number] * size)):
                column += values
            number += 1
        missing = length + 1 - len(row[0])
        for column, filler in zip(row, (self.tokenizer.endoftext, 0.0, NO_KEY, NO_KEY, number)):
            column += [filler] * missing
            del column[length + 1 :]
        return row

    def at(self, step):
        """A dict of arrays: ids, targets, weights, documents [rows, length]; turn, first: a key's index per token; keys: token lists."""
        rng = corpus.make_rng("batch", self.seed, step)
        long = step % LONG_EVERY == LONG_EVERY - 1
        factor = LONG_FACTOR if long else 1
        keys = []
        rows = [self._row(rng, self.length * factor, long, keys) for _ in range(max(1, self.batch // factor))]
        ids, weights, turn, first, documents = (np.array([r[i] for r in rows], dtype=t) for i, t in enumerate((np.int32, np.float32, np.int32, np.int32, np.int32)))
        weights[:, 1:] *= documents[:, 1:] == documents[:, :-1]
        return {"ids": ids[:, :-1], "targets": ids[:, 1:], "weights": weights[:, 1:], "documents": documents[:, :-1], "turn": turn[:, :-1], "first": first[:, :-1],
                "keys": keys if self.keys else None}


class KeyBatches:
    """For the encoder: keys and the labels of what they are about."""

    def __init__(self, tokenizer, count, seed):
        self.tokenizer, self.count, self.seed, self.mix = tokenizer, count, seed, FactMix(0.7)

    def at(self, step):
        rng, keys, labels = corpus.make_rng("keys", self.seed, step), [], []
        while len(keys) < self.count:
            turns = said_in_passing(self.mix(rng, rng.random() < 0.2), rng).turns
            last = 1 + int(rng.random() ** 2 * len(turns))  # mostly first messages: those are what is routed by default
            keys.append(self.tokenizer.encode(key_text([t.question for t in turns[:last]]))[-KEY_TOKENS:])
            labels.append(label_of(turns[:last]))
        return keys, labels


_source = None


def _start(source):
    global _source
    _source = source


def _make(step):
    return _source.at(step)


def ahead(source, begin, end, processes):
    """The batches of steps begin to end, in order, made by other processes; in this one with processes = 0."""
    if processes == 0:
        for step in range(begin, end):
            yield source.at(step)
        return
    with multiprocessing.get_context("fork").Pool(processes, _start, (source,)) as pool:
        window, pending = 4 * processes, []
        for step in range(begin, end):
            pending.append(pool.apply_async(_make, (step,)))
            if len(pending) >= window:
                yield pending.pop(0).get()
        for result in pending:
            yield result.get()


def corpus_texts(seed, count):
    rng, mix = corpus.make_rng("corpus", seed), FactMix(0.4)
    out = []
    for _ in range(count):
        conversation = mix(rng, False)
        out.append(corpus.render(conversation.system, conversation.turns))
    return out
