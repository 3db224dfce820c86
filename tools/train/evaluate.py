"""Greedy answers to questions: the share that is exactly an accepted answer and ends by itself.

    /usr/bin/python3 evaluate.py --out build [--show 20]
    /usr/bin/python3 evaluate.py --gguf ../chat/models/kinglet-demo.gguf

The second form runs the weights as the file stores them, so the two show what quantisation costs.
"""

import argparse
import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
from corpus import core, heldout, heldout_by_hand, make_rng, render
from data import Batches
from gguf_numpy import Gguf
from model import Config, SmallThinker, named_tensors
from tokenizer import Tokenizer


def load_checkpoint(path, device="cpu"):
    state = torch.load(path, map_location=device)
    model = SmallThinker(Config(**state["config"])).to(device)
    model.load_state_dict(state["model"])
    return model, state


@torch.no_grad()
def load_gguf(path):
    """Model and tokenizer of an exported file, its weights dequantised to f32."""
    gguf = Gguf(path)
    key = lambda name: gguf.metadata["smallthinker." + name]
    model = SmallThinker(Config(
        vocabulary=len(gguf.metadata["tokenizer.ggml.tokens"]), layers=key("block_count"), dim=key("embedding_length"), head_dim=key("attention.key_length"),
        heads=key("attention.head_count"), kv_heads=key("attention.head_count_kv"), experts=key("expert_count"), experts_used=key("expert_used_count"),
        ffn=key("expert_feed_forward_length"), context=key("context_length"), window=key("attention.sliding_window"),
        rope_theta=key("rope.freq_base"), eps=key("attention.layer_norm_rms_epsilon")))
    for name, parameter, _ in named_tensors(model):
        parameter.copy_(torch.from_numpy(gguf.tensor(name)))
    return model, Tokenizer([m.split(" ") for m in gguf.metadata["tokenizer.ggml.merges"]])


@torch.no_grad()
def unseen_loss(model, tokenizer, batches=20):
    """Nats per token of the assistant's answers, on conversations of another seed."""
    source, total, count = Batches(tokenizer, 8, 256, "unseen"), 0.0, 0.0
    for step in range(batches):
        ids, targets, weights, documents = source.at(step * 16)
        answer = (weights == 1.0).float().flatten()
        losses = F.cross_entropy(model(ids, documents)[0].flatten(0, 1), targets.flatten(), reduction="none")
        total, count = total + float((losses * answer).sum()), count + float(answer.sum())
    return total / count


@torch.no_grad()
def answers(model, tokenizer, conversations, limit=80):
    """Greedy answers to a batch of conversations; None where the answer does not end within the limit."""
    prompts = [tokenizer.encode(render(messages, generation_prompt=True)) for messages in conversations]
    rows, ended = [list(p) for p in prompts], [False] * len(prompts)
    for _ in range(limit):
        live = [i for i, e in enumerate(ended) if not e]
        if not live:
            break
        width = max(len(rows[i]) for i in live)
        device = model.embedding.weight.device
        ids = torch.tensor([rows[i] + [tokenizer.endoftext] * (width - len(rows[i])) for i in live], device=device)
        logits = model(ids)[0]
        for n, i in enumerate(live):
            token = int(logits[n, len(rows[i]) - 1].argmax())
            if token == tokenizer.im_end:
                ended[i] = True
            else:
                rows[i].append(token)
    return [tokenizer.decode(r[len(p):]) if e else None for r, p, e in zip(rows, prompts, ended)]


def accuracy(model, tokenizer, limit=None, batch=32, rows=None):
    """Returns a line for people and the rows (intent, question, answer, accepted answers) that are wrong."""
    rows = list(rows or heldout_by_hand() + heldout())
    rng = make_rng("evaluate")
    rng.shuffle(rows)
    rows = rows[:limit]
    for i, row in enumerate(rows):  # every third question follows a system message
        system = [("system", "You are a helpful assistant.")] if i % 3 == 0 else []
        rows[i] = (*row, system + [("user", row[1])])
    wrong, ended = [], 0
    for begin in range(0, len(rows), batch):
        part = rows[begin : begin + batch]
        for (name, question, accepted, _), answer in zip(part, answers(model, tokenizer, [r[3] for r in part])):
            ended += answer is not None
            if answer not in accepted:
                wrong.append((name, question, answer, accepted))
    total = len(rows)
    return f"{total - len(wrong)}/{total} exact ({100 * (total - len(wrong)) / total:.1f} %), {ended}/{total} end by themselves", wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build")
    parser.add_argument("--gguf", help="evaluate this exported file instead of the checkpoint in --out")
    parser.add_argument("--show", type=int, default=20, help="how many wrong answers to print")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.gguf:
        model, tokenizer = load_gguf(args.gguf)
        print(args.gguf)
    else:
        tokenizer = Tokenizer.load(os.path.join(args.out, "tokenizer.json"))
        model, state = load_checkpoint(os.path.join(args.out, "last.pt"))
        print(f"step {state['step']}, {state['seconds']:.0f} s of training")
    print(f"loss on unseen conversations: {unseen_loss(model, tokenizer):.4f} nats per answer token")
    wrong = []
    for title, rows in (("blind, by hand", heldout_by_hand(blind=True)), ("held out, by hand", heldout_by_hand()), ("sums and unknowns", heldout()), ("core phrasings (trained)", core())):
        line, misses = accuracy(model, tokenizer, rows=rows)
        print(f"{title + ':':26}{line}", flush=True)
        wrong += misses
    for name, question, answer, accepted in wrong[: args.show]:
        print(f"  [{name}] {question!r}\n    answers {answer!r}\n    expected {accepted[0]!r}")


if __name__ == "__main__":
    main()
