"""Chats with an exported GGUF through the numpy reader and forward pass of tests/golden: no PyTorch, no Kinglet.

    python3 chat.py ../chat/models/kinglet-demo.gguf [-p PROMPT] [--temp 0.7] [--seed 1]
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
from corpus import render  # noqa: E402
from numpy_smallthinker import SmallThinker  # noqa: E402
from tokenizer import Tokenizer  # noqa: E402


class Chat:
    def __init__(self, path, system=None):
        self.model = SmallThinker(path, np.float32)
        merges = [tuple(m.split(" ")) for m in self.model.metadata["tokenizer.ggml.merges"]]
        self.tokenizer = Tokenizer(merges)
        if self.tokenizer.tokens != self.model.metadata["tokenizer.ggml.tokens"]:
            raise ValueError(f"{path}: the tokens are not 256 bytes, the merges and the three special tokens")
        self.end = self.model.metadata["tokenizer.ggml.eos_token_id"]
        self.messages = [("system", system)] if system else []

    def answer(self, text, temperature=0.0, rng=None, limit=100):
        self.messages.append(("user", text))
        prompt = self.tokenizer.encode(render(self.messages, generation_prompt=True))
        ids = list(prompt)
        while len(ids) - len(prompt) < limit:
            logits = self.model.logits(ids)[-1].astype(np.float64)
            if temperature > 0:
                p = np.exp((logits - logits.max()) / temperature)
                token = int(rng.choice(len(p), p=p / p.sum()))
            else:
                token = int(logits.argmax())
            if token == self.end:
                break
            ids.append(token)
        reply = self.tokenizer.decode(ids[len(prompt):])
        self.messages.append(("assistant", reply))
        return reply


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-p", "--prompt", help="one answer, then exit")
    parser.add_argument("--system")
    parser.add_argument("--temp", type=float, default=0.0, help="0 takes the most likely token")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chat, rng = Chat(args.model, args.system), np.random.default_rng(args.seed)
    for line in [args.prompt] if args.prompt is not None else sys.stdin:
        print(chat.answer(line.strip(), args.temp, rng), flush=True)


if __name__ == "__main__":
    main()
