"""Byte-level BPE, trained and applied: GPT-2's byte alphabet, the splitting of `tokenizer.ggml.pre = qwen2`.

Training splits with an ASCII equivalent of the qwen2 expression; the corpus is ASCII, and on ASCII both agree.
Any standard implementation that applies the merges in order gives the same ids.
"""

import collections
import json
import re

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SPLIT = re.compile(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\na-zA-Z0-9]?[a-zA-Z]+|[0-9]| ?[^\sa-zA-Z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
_SPECIAL_SPLIT = re.compile("(" + "|".join(re.escape(s) for s in SPECIALS) + ")")


def byte_alphabet():
    """GPT-2's map from bytes to printable characters."""
    printable = list(range(ord("!"), ord("~") + 1)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    table, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


BYTES = byte_alphabet()


def _merge(symbols, pair, joined):
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            out.append(joined)
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def train(texts, vocabulary_size):
    """Returns the ordered merges; ties go to the pair that sorts first, so the result is reproducible."""
    counts = collections.Counter()
    for text in texts:
        for part in _SPECIAL_SPLIT.split(text):
            if part not in SPECIALS:
                counts.update(SPLIT.findall(part))
    words = [[[BYTES[b] for b in word.encode()], n] for word, n in sorted(counts.items())]
    merges = []
    while 256 + len(merges) + len(SPECIALS) < vocabulary_size:
        pairs = collections.Counter()
        for symbols, n in words:
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += n
        pair = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(pair)
        for entry in words:
            if pair[0] in entry[0]:
                entry[0] = _merge(entry[0], pair, pair[0] + pair[1])
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.tokens = [BYTES[b] for b in range(256)] + ["".join(m) for m in self.merges] + SPECIALS
        if len(set(self.tokens)) != len(self.tokens):
            raise ValueError("two merges give the same token")
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.ranks = {m: i for i, m in enumerate(self.merges)}
        self.endoftext, self.im_start, self.im_end = (self.ids[s] for s in SPECIALS)
        self._unbytes = {c: b for b, c in BYTES.items()}
        self._cache = {}

    def _word(self, word):
        found = self._cache.get(word)
        if found is None:
            symbols = [BYTES[b] for b in word.encode()]
            while len(symbols) > 1:
                best = min(zip(symbols, symbols[1:]), key=lambda p: self.ranks.get(p, 1 << 30))
                if best not in self.ranks:
                    break
                symbols = _merge(symbols, best, best[0] + best[1])
            found = [self.ids[s] for s in symbols]
            if len(self._cache) < 200000:
                self._cache[word] = found
        return found

    def encode(self, text):
        out = []
        for part in _SPECIAL_SPLIT.split(text):
            if part in SPECIALS:
                out.append(self.ids[part])
            else:
                for word in SPLIT.findall(part):
                    out += self._word(word)
        return out

    def decode(self, ids):
        raw = bytearray()
        for i in ids:
            token = self.tokens[i]
            raw += token.encode() if token in SPECIALS else bytes(self._unbytes[c] for c in token)
        return raw.decode("utf-8", errors="replace")

    def save(self, path):
        with open(path, "w") as file:
            json.dump(self.merges, file)

    @staticmethod
    def load(path):
        with open(path) as file:
            return Tokenizer(json.load(file))
