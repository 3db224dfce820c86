"""Converts checkpoints to the files that ship: the anchor, the router's encoder, and the memory bank.

    /usr/bin/python3 export_gguf.py --out build --to ../chat/models [--type f32] [--bank-type q8_0]

Writes TO/kinglet-demo.gguf, and where OUT has them TO/kinglet-demo-encoder.gguf and TO/kinglet-demo.klbank.
"""

import argparse
import hashlib
import os

import numpy as np
import torch

import encoder as encoder_module
import gguf_writer
import klbank_writer
from checksums import model_fingerprint
from encoder import Encoder, EncoderConfig
from evaluate import BANK_SCALE
from memory import Bank, BankConfig
from model import Config, SmallThinker, named_tensors
from tokenizer import SPECIALS, Tokenizer
from train_common import load

CHAT_TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
                 "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
NORMAL, CONTROL = 1, 3  # token types
SIGMOID = 2
MEAN = 1  # pooling_type
NAME = "kinglet-demo"


def general_metadata(architecture, name, description, kind):
    return {
        "general.architecture": architecture,
        "general.type": "model",
        "general.name": name,
        "general.description": description,
        "general.license": "apache-2.0",
        "general.languages": ["en"],
        "general.alignment": gguf_writer.ALIGNMENT,
        "general.file_type": {gguf_writer.Q8_0: 7, gguf_writer.Q4_0: 2, gguf_writer.F32: 0}[kind],
        "general.quantization_version": 2,
    }


def tokenizer_metadata(tokenizer):
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokenizer.tokens,
        "tokenizer.ggml.token_type": [np.int32(CONTROL if t in SPECIALS else NORMAL) for t in tokenizer.tokens],
        "tokenizer.ggml.merges": [f"{a} {b}" for a, b in tokenizer.merges],
        "tokenizer.ggml.bos_token_id": tokenizer.endoftext,
        "tokenizer.ggml.eos_token_id": tokenizer.im_end,
        "tokenizer.ggml.padding_token_id": tokenizer.endoftext,
        "tokenizer.ggml.add_bos_token": False,
    }


def metadata(config, tokenizer, kind):
    prefix = "smallthinker."
    return {
        **general_metadata("smallthinker", NAME, "The small demonstration model of Kinglet, trained from scratch on generated text", kind),
        "general.size_label": f"{config.experts}x1M",
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
        **tokenizer_metadata(tokenizer),
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def encoder_metadata(config, tokenizer, kind):
    prefix = "llama."
    return {
        **general_metadata("llama", NAME + "-encoder", "The text encoder of Kinglet's demonstration bank: mean-pooled, to be L2-normalised", kind),
        prefix + "block_count": config.layers,
        prefix + "context_length": config.context,
        prefix + "embedding_length": config.dim,
        prefix + "feed_forward_length": config.ffn,
        prefix + "vocab_size": config.vocabulary,
        prefix + "attention.head_count": config.heads,
        prefix + "attention.head_count_kv": config.heads,
        prefix + "attention.layer_norm_rms_epsilon": config.eps,
        prefix + "rope.freq_base": config.rope_theta,
        prefix + "rope.dimension_count": config.dim // config.heads,
        prefix + "pooling_type": MEAN,
        **tokenizer_metadata(tokenizer),
    }


def interleaved(weight, heads):
    """A llama GGUF pairs neighbouring elements in RoPE; PyTorch here pairs i with i + head_dim/2."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def anchor_tensors(model, kind):
    return [(n, p.detach().float().cpu().numpy(), kind if matrix else gguf_writer.F32) for n, p, matrix in named_tensors(model)]


def encoder_tensors(encoder, kind):
    out = []
    for name, parameter, matrix in encoder_module.named_tensors(encoder):
        array = parameter.detach().float().cpu().numpy()
        if ".attn_q." in name or ".attn_k." in name:
            array = np.ascontiguousarray(interleaved(array, encoder.c.heads))
        out.append((name, array, kind if matrix else gguf_writer.F32))
    return out


def bank_levels(bank):
    """Blocks of each level and the generic ones: (gate, up, down) [layers, rows, dim]."""
    arrays = [p.detach().float().cpu().numpy() for p in (bank.gate, bank.up, bank.down)]
    levels, generic = [], []
    for level, rows in enumerate(bank.c.rows):
        begin = bank.level_slice(level).start
        blocks = [tuple(a[:, begin + i * rows : begin + (i + 1) * rows] for a in arrays) for i in range(bank.c.blocks(level))]
        levels.append(blocks[:-1])
        generic.append(blocks[-1])
    return levels, generic


def report(path):
    with open(path, "rb") as file:
        print(f"{path}: {os.path.getsize(path):,} bytes, sha256 {hashlib.sha256(file.read()).hexdigest()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build", help="folder with tokenizer.json, anchor.pt, encoder.pt, bank.pt")
    parser.add_argument("--to", required=True, help="folder for the files")
    parser.add_argument("--type", choices=["q8_0", "q4_0", "f32"], default="q8_0")
    parser.add_argument("--bank-type", choices=["q8_0", "q4_0", "f16", "f32"], default="q4_0")
    parser.add_argument("--bank-scale", type=float, default=BANK_SCALE, help="of what the bank adds")
    args = parser.parse_args()
    os.makedirs(args.to, exist_ok=True)
    tokenizer, kind = Tokenizer.load(os.path.join(args.out, "tokenizer.json")), gguf_writer.TYPES[args.type]
    state = load(os.path.join(args.out, "anchor.pt"), "cpu")
    model = SmallThinker(Config(**state["config"]))
    model.load_state_dict(state["model"])
    tensors = anchor_tensors(model, kind)
    path = os.path.join(args.to, NAME + ".gguf")
    gguf_writer.write(path, metadata(model.c, tokenizer, kind), tensors)
    report(path)
    if not os.path.exists(os.path.join(args.out, "encoder.pt")):
        return
    encoder_state = load(os.path.join(args.out, "encoder.pt"), "cpu")
    encoder = Encoder(EncoderConfig(**encoder_state["config"]))
    encoder.load_state_dict(encoder_state["model"])
    of_encoder = encoder_tensors(encoder, gguf_writer.Q8_0)
    path = os.path.join(args.to, NAME + "-encoder.gguf")
    gguf_writer.write(path, encoder_metadata(encoder.c, tokenizer, gguf_writer.Q8_0), of_encoder)
    report(path)
    if not os.path.exists(os.path.join(args.out, "bank.pt")):
        return
    bank_state = load(os.path.join(args.out, "bank.pt"), "cpu")
    bank = Bank(BankConfig(**bank_state["config"]))
    bank.load_state_dict(bank_state["model"])
    with torch.no_grad():
        bank.down *= args.bank_scale
    levels, generic = bank_levels(bank)
    path = os.path.join(args.to, NAME + ".klbank")
    klbank_writer.write(path, name=NAME, branching=bank.c.branching, levels=levels, generic=generic,
                        centroids=[np.asarray(torch.as_tensor(l).cpu()) for l in encoder_state["levels"]], type_name=args.bank_type, activation=klbank_writer.RELU,
                        model_fingerprint=model_fingerprint("smallthinker", tensors), encoder_fingerprint=model_fingerprint("llama", of_encoder),
                        encoder_file=NAME + "-encoder.gguf")
    report(path)


if __name__ == "__main__":
    main()
