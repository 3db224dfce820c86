"""Writes the tiny random SmallThinker models in this folder with the logits that they must give.

    python3 make_goldens.py        (numpy only; the same seed gives the same bytes)

Per case: CASE.gguf (f32) and CASE.logits.npy, f32 [tokens, vocabulary]; all cases read tokens.txt.
memory.logits.npy: those of sigmoid_hybrid with the blocks of a memory bank (memory_block), whose path is MEMORY_PATH.
encoder.gguf, encoder.vectors.npy: a text encoder, and its vectors of TEXTS, f32 [texts, width].
"""

import os
import sys

import numpy as np

from numpy_encoder import Encoder
from numpy_smallthinker import SIGMOID, SOFTMAX, SmallThinker

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools", "train"))
import gguf_writer  # noqa: E402

VOCABULARY, DIM, HEAD_DIM, HEADS, KV_HEADS, EXPERTS, USED, FFN = 96, 32, 8, 4, 2, 4, 2, 16
TOKENS = [7, 31, 2, 90, 55, 12, 12, 64, 3, 88, 41, 19, 73, 5, 27, 60, 94, 33, 8, 46, 71, 22, 81, 14]
# name: gating function (None: the key is absent, which means softmax), window, layers, untied head, transposed down
CASES = {
    "sigmoid_hybrid": (SIGMOID, 8, 8, False, False),  # two periods; the window is shorter than the text
    "softmax_hybrid": (SOFTMAX, 8, 5, False, False),  # the second period's global layer comes last
    "sigmoid_rope": (SIGMOID, 0, 2, False, False),
    "softmax_rope_untied": (SOFTMAX, 0, 2, True, False),
    "sigmoid_hybrid_down_transposed": (SIGMOID, 8, 2, False, True),
    "no_gating_key": (None, None, 1, False, False),  # neither a gating function nor a window in the file
}
MARGIN = 3e-3  # no router decision closer than this: rounding must not change an expert


MEMORY_ROWS = (5, 3)  # neurons a layer of a block of level 1, 2
MEMORY_PATH = (1, 3)
TEXTS = ["the moon", "this and that other thing", "a"]


def memory_block(layers, rows, level, node):
    """The same numbers as in tests/memory_bank/memory_bank_files.h."""
    count = layers * 3 * rows * DIM
    numbers = (np.arange(count) * 7 + level * 3 + node * 5) % 13 - 6
    return (numbers.astype(np.float32) / np.float32(40)).reshape(layers, 3, rows, DIM).astype(np.float64)


def write_memory():
    model = SmallThinker(os.path.join(HERE, "sigmoid_hybrid.gguf"))
    blocks = [memory_block(model.layers, rows, level + 1, MEMORY_PATH[level]) for level, rows in enumerate(MEMORY_ROWS)]
    margins = []
    logits = model.logits(TOKENS, margins, blocks)
    np.save(os.path.join(HERE, "memory.logits.npy"), logits)
    print(f"memory: smallest margin {min(margins):.4f}, largest logit {np.abs(logits).max():.2f}, "
          f"moved by {np.abs(logits - model.logits(TOKENS)).max():.2f}")


def encoder_tokens(text):
    """As the vocabulary of metadata() has it: characters, and one merge."""
    words = metadata("", None, None, 1)["tokenizer.ggml.tokens"]
    tokens, at = [], 0
    while at < len(text):
        size = 2 if text[at : at + 2] == "th" else 1
        tokens.append(words.index(text[at : at + size].replace(" ", "\u0120")))
        at += size
    return tokens


def write_encoder():
    layers, ffn, rng = 2, 48, np.random.RandomState(77)
    meta = {key: value for key, value in metadata("encoder", None, None, layers).items() if not key.startswith("smallthinker.")}
    meta["general.architecture"] = "llama"
    prefix = "llama."
    meta.update({
        prefix + "block_count": layers, prefix + "context_length": 256, prefix + "embedding_length": DIM,
        prefix + "feed_forward_length": ffn, prefix + "attention.head_count": HEADS, prefix + "attention.head_count_kv": KV_HEADS,
        prefix + "attention.layer_norm_rms_epsilon": 1e-6, prefix + "rope.freq_base": 10000.0,
        prefix + "rope.dimension_count": DIM // HEADS, prefix + "pooling_type": 1,
    })
    normal = lambda *shape: (rng.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)
    norm = lambda: (1.0 + 0.2 * rng.standard_normal(DIM)).astype(np.float32)
    out = [("token_embd.weight", normal(VOCABULARY, DIM)), ("output_norm.weight", norm())]
    for layer in range(layers):
        kv = KV_HEADS * DIM // HEADS
        block = {
            "attn_norm": norm(), "attn_q": 2 * normal(DIM, DIM), "attn_k": 2 * normal(kv, DIM), "attn_v": normal(kv, DIM),
            "attn_output": normal(DIM, DIM), "ffn_norm": norm(), "ffn_gate": normal(ffn, DIM), "ffn_up": normal(ffn, DIM),
            "ffn_down": normal(DIM, ffn),
        }
        out += [(f"blk.{layer}.{name}.weight", array) for name, array in block.items()]
    path = os.path.join(HERE, "encoder.gguf")
    gguf_writer.write(path, meta, [(name, array, gguf_writer.F32) for name, array in out])
    encoder = Encoder(path)
    np.save(os.path.join(HERE, "encoder.vectors.npy"), np.stack([encoder.vector(encoder_tokens(text)) for text in TEXTS]))


def metadata(name, gating, window, layers):
    prefix = "smallthinker."
    meta = {
        "general.architecture": "smallthinker", "general.name": name, "general.alignment": 32, "general.file_type": 0,
        prefix + "block_count": layers, prefix + "context_length": 64, prefix + "embedding_length": DIM,
        prefix + "feed_forward_length": FFN, prefix + "expert_feed_forward_length": FFN,
        prefix + "attention.head_count": HEADS, prefix + "attention.head_count_kv": KV_HEADS,
        prefix + "attention.key_length": HEAD_DIM, prefix + "attention.value_length": HEAD_DIM,
        prefix + "attention.layer_norm_rms_epsilon": 1e-6, prefix + "rope.freq_base": 10000.0, prefix + "rope.dimension_count": HEAD_DIM,
        prefix + "expert_count": EXPERTS, prefix + "expert_used_count": USED,
    }
    if window is not None:
        meta[prefix + "attention.sliding_window"] = window
    if gating is not None:
        meta[prefix + "expert_gating_func"] = gating
    tokens = ["\u0120"] + [chr(c) for c in range(0x21, 0x7E)] + ["th", "<|endoftext|>"]  # printable ASCII, one merge
    meta.update({
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [np.int32(3 if t.startswith("<|") else 1) for t in tokens], "tokenizer.ggml.merges": ["t h"],
        "tokenizer.ggml.bos_token_id": VOCABULARY - 1, "tokenizer.ggml.eos_token_id": VOCABULARY - 1, "tokenizer.ggml.add_bos_token": False,
    })
    return meta


def tensors(rng, layers, untied, transposed):
    normal = lambda *shape: (rng.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)
    norm = lambda: (1.0 + 0.2 * rng.standard_normal(DIM)).astype(np.float32)
    embedding = (0.3 * rng.standard_normal((VOCABULARY, DIM))).astype(np.float32)  # tied heads: keeps the logits below 10
    out = [("token_embd.weight", embedding), ("output_norm.weight", norm())]
    if untied:
        out.append(("output.weight", normal(VOCABULARY, DIM)))
    for layer in range(layers):
        down = normal(EXPERTS, DIM, FFN)
        block = {
            "attn_norm": norm(), "attn_q": 2 * normal(HEADS * HEAD_DIM, DIM), "attn_k": 2 * normal(KV_HEADS * HEAD_DIM, DIM),
            "attn_v": normal(KV_HEADS * HEAD_DIM, DIM), "attn_output": normal(DIM, HEADS * HEAD_DIM), "ffn_norm": norm(),
            "ffn_gate_inp": normal(EXPERTS, DIM), "ffn_gate_exps": normal(EXPERTS, FFN, DIM), "ffn_up_exps": normal(EXPERTS, FFN, DIM),
            "ffn_down_exps": np.ascontiguousarray(down.transpose(0, 2, 1)) if transposed else down,
        }
        out += [(f"blk.{layer}.{name}.weight", array) for name, array in block.items()]
    return [(name, array, gguf_writer.F32) for name, array in out]


def main():
    with open(os.path.join(HERE, "tokens.txt"), "w") as file:
        file.write(",".join(map(str, TOKENS)) + "\n")
    for number, (name, (gating, window, layers, untied, transposed)) in enumerate(CASES.items()):
        path = os.path.join(HERE, name + ".gguf")
        for seed in range(1000):  # the first seed whose router decisions are all clear
            gguf_writer.write(path, metadata(name, gating, window, layers), tensors(np.random.RandomState(1000 * number + seed), layers, untied, transposed))
            margins = []
            logits = SmallThinker(path).logits(TOKENS, margins)
            if min(margins) >= MARGIN:
                break
        else:
            raise RuntimeError(f"{name}: no seed below 1000 gives router margins of at least {MARGIN}")
        np.save(os.path.join(HERE, name + ".logits.npy"), logits)
        single = np.abs(SmallThinker(path, np.float32).logits(TOKENS) - logits).max()
        print(f"{name}: seed {seed}, smallest margin {min(margins):.4f}, largest logit {np.abs(logits).max():.2f}, f32 against f64 {single:.1e}")
    write_memory()
    write_encoder()


if __name__ == "__main__":
    main()
