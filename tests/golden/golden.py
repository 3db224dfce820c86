"""Logits of a SmallThinker GGUF, to compare engines: golden.py MODEL.gguf --tokens 1,2,3 -o OUT.npy"""

import argparse

import numpy as np

from numpy_smallthinker import SmallThinker


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--tokens", required=True, help="ids, separated by commas")
    parser.add_argument("-o", "--output", required=True, help="f32 [tokens, vocabulary] as .npy")
    args = parser.parse_args()
    ids = [int(t) for t in args.tokens.split(",")]
    logits = SmallThinker(args.model).logits(ids)
    np.save(args.output, logits)
    print(f"{args.output}: {logits.shape[0]} tokens x {logits.shape[1]} logits, best next token {int(logits[-1].argmax())}")


if __name__ == "__main__":
    main()
