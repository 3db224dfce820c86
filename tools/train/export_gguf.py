"""Converts a checkpoint to the GGUF that ships: q8_0 matrices, f32 norms and routers, tokenizer and chat template inside.

    /usr/bin/python3 export_gguf.py --out build -o ../chat/models/kinglet-demo.gguf [--type f32]
"""

import argparse
import hashlib
import os

import numpy as np
import torch

import gguf_writer
from evaluate import load_checkpoint
from model import named_tensors
from tokenizer import SPECIALS, Tokenizer

CHAT_TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
                 "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
NORMAL, CONTROL = 1, 3  # token types
SIGMOID = 2


def metadata(config, tokenizer, kind):
    prefix = "smallthinker."
    return {
        "general.architecture": "smallthinker",
        "general.type": "model",
        "general.name": "kinglet-demo",
        "general.description": "The small demonstration model of Kinglet, trained from scratch on generated text",
        "general.license": "apache-2.0",
        "general.size_label": f"{config.experts}x1M",
        "general.languages": ["en"],
        "general.alignment": gguf_writer.ALIGNMENT,
        "general.file_type": {gguf_writer.Q8_0: 7, gguf_writer.F32: 0}[kind],
        "general.quantization_version": 2,
        prefix + "block_count": config.layers,
        prefix + "context_length": config.context,
        prefix + "embedding_length": config.dim,
        prefix + "feed_forward_length": config.ffn,
        prefix + "expert_feed_forward_length": config.ffn,
        prefix + "vocab_size": config.vocabulary,
        prefix + "attention.head_count": config.heads,
        prefix + "attention.head_count_kv": config.kv_heads,
        prefix + "attention.key_length": config.head_dim,
        prefix + "attention.value_length": config.head_dim,
        prefix + "attention.layer_norm_rms_epsilon": config.eps,
        prefix + "attention.sliding_window": config.window,
        prefix + "rope.freq_base": config.rope_theta,
        prefix + "rope.dimension_count": config.head_dim,
        prefix + "expert_count": config.experts,
        prefix + "expert_used_count": config.experts_used,
        prefix + "expert_gating_func": SIGMOID,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokenizer.tokens,
        "tokenizer.ggml.token_type": [np.int32(CONTROL if t in SPECIALS else NORMAL) for t in tokenizer.tokens],
        "tokenizer.ggml.merges": [f"{a} {b}" for a, b in tokenizer.merges],
        "tokenizer.ggml.bos_token_id": tokenizer.endoftext,
        "tokenizer.ggml.eos_token_id": tokenizer.im_end,
        "tokenizer.ggml.padding_token_id": tokenizer.endoftext,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build", help="folder with tokenizer.json and last.pt")
    parser.add_argument("--checkpoint", default="last.pt")
    parser.add_argument("--type", choices=["q8_0", "f32"], default="q8_0")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = Tokenizer.load(os.path.join(args.out, "tokenizer.json"))
    model, _ = load_checkpoint(os.path.join(args.out, args.checkpoint))
    kind = {"q8_0": gguf_writer.Q8_0, "f32": gguf_writer.F32}[args.type]
    tensors = [(name, p.detach().float().cpu().numpy(), kind if matrix else gguf_writer.F32) for name, p, matrix in named_tensors(model)]
    gguf_writer.write(args.output, metadata(model.c, tokenizer, kind), tensors)
    with open(args.output, "rb") as file:
        print(f"{args.output}: {os.path.getsize(args.output):,} bytes, sha256 {hashlib.sha256(file.read()).hexdigest()}")


if __name__ == "__main__":
    main()
