"""Greedy answers to held-out questions: the table by kind, for the anchor alone and with its memory bank.

    /usr/bin/python3 evaluate.py --out build [--show 20] [--json FILE]

All weights are as the files store them (q8_0 anchor and encoder, bank in --bank-type). A fact is right where its value
stands in the answer as a word; everything else where the answer is exactly an accepted one.
"""

import argparse
import json
import math
import os

import torch
import torch.nn.functional as F

import corpus
from gguf_writer import round_to
from model import Config, SmallThinker, named_tensors
from scoring import fact_rows, says, share
from train_common import device_and_processes, load, tensors, tokenizer_for


@torch.no_grad()
def anchor_as_shipped(out, device, kind="q8_0"):
    state = load(os.path.join(out, "anchor.pt"), device)
    model = SmallThinker(Config(**state["config"])).to(device)
    model.load_state_dict(state["model"])
    if kind != "f32":
        for _, parameter, matrix in named_tensors(model):
            if matrix:
                parameter.copy_(torch.from_numpy(round_to(kind, parameter.float().cpu().numpy())))
    return model.eval()


@torch.no_grad()
def bank_as_shipped(out, device, kind):
    from memory import Bank, BankConfig
    state = load(os.path.join(out, "bank.pt"), device)
    bank = Bank(BankConfig(**state["config"])).to(device)
    bank.load_state_dict(state["model"])
    if kind != "f32":
        for parameter in bank.parameters():
            parameter.copy_(torch.from_numpy(round_to(kind, parameter.float().cpu().numpy())))
    return bank.eval()


def expanded(bank, paths, rows_of, width):
    """The bank's functions for a padded batch: the path of row i for all of its tokens."""
    return bank.functions(paths[rows_of].repeat_interleave(width, 0)) if bank is not None else None


@torch.no_grad()
def answers(model, tokenizer, prompts, bank=None, paths=None, limit=120, batch=512):
    """Greedy answers to texts that end where the assistant begins; None where an answer does not end within the limit."""
    device = model.embedding.weight.device
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # rows of like length share a batch
    out = [None] * len(prompts)
    for begin in range(0, len(order), batch):
        part = order[begin : begin + batch]
        rows = [tokenizer.encode(prompts[i]) for i in part]
        starts, ended = [len(r) for r in rows], [False] * len(rows)
        for _ in range(limit):
            live = [n for n, e in enumerate(ended) if not e]
            if not live:
                break
            width = -(-max(len(rows[n]) for n in live) // 16) * 16
            ids = torch.tensor([rows[n] + [tokenizer.endoftext] * (width - len(rows[n])) for n in live], device=device)
            functions = expanded(bank, paths, torch.tensor([part[n] for n in live], device=device), width) if bank is not None else None
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
                logits = model(ids, memory=functions)[0]
            last = torch.tensor([len(rows[n]) - 1 for n in live], device=device)
            tokens = logits[torch.arange(len(live), device=device), last].float().argmax(-1).tolist()
            for n, token in zip(live, tokens):
                if token == tokenizer.im_end:
                    ended[n] = True
                else:
                    rows[n].append(token)
        for n, i in enumerate(part):
            out[i] = tokenizer.decode(rows[n][starts[n] :]) if ended[n] else None
    return out


def prompt_of(question):
    return corpus.render("", [corpus.Turn(question, "", "fact")], generation_prompt=True)


@torch.no_grad()
def perplexity(model, tokenizer, device, batches, bank=None, router=None):
    """Per answer token of unseen conversations about facts, each message routed as a chat does by default."""
    from train_bank import token_paths
    total, count = 0.0, 0.0
    for batch in batches:
        ids, targets, weights, documents = tensors(batch, device)
        functions = None
        if bank is not None:
            functions = bank.functions(router(batch))
        answer = (weights == 1.0).float().flatten()
        losses = F.cross_entropy(model(ids, documents, functions)[0].float().flatten(0, 1), targets.flatten(), reduction="none")
        total, count = total + float((losses * answer).sum()), count + float(answer.sum())
    return math.exp(total / count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build")
    parser.add_argument("--bank-type", default="q8_0", choices=["f32", "q8_0", "q4_0"])
    parser.add_argument("--anchor-type", default="q8_0", choices=["f32", "q8_0", "q4_0"])
    parser.add_argument("--show", type=int, default=20, help="how many wrong answers to print")
    parser.add_argument("--every", type=int, default=1, help="ask every n-th fact question only")
    parser.add_argument("--json")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device, _ = device_and_processes(0)
    tokenizer = tokenizer_for(args.out, 1)
    model = anchor_as_shipped(args.out, device, args.anchor_type)
    report, wrong = {}, []

    rows = corpus.heldout()
    blind = [(f"by hand/{n}", q, a) for n, q, a in corpus.heldout_by_hand() + corpus.heldout_by_hand(blind=True)]
    for title, part in (("anchor", rows), ("anchor", blind)):
        said = answers(model, tokenizer, [prompt_of(q) for _, q, _ in part])
        kinds = {}
        for (kind, question, accepted), answer in zip(part, said):
            kinds.setdefault(kind.split("/")[0], []).append(answer in accepted)
            if answer not in accepted:
                wrong.append((kind, question, answer, accepted[0]))
        for kind, flags in sorted(kinds.items()):
            report[f"{title}/{kind}"] = (share(flags), len(flags))
            print(f"{title:18} {kind:12} {share(flags):6.2f} % of {len(flags)}", flush=True)

    facts = fact_rows()[:: args.every]
    prompts = [prompt_of(q) for _, _, q in facts]
    settings = [("anchor", None, None)]
    if os.path.exists(os.path.join(args.out, "bank.pt")):
        from train_bank import Router
        from memory import GENERIC
        router, bank = Router(args.out, device), bank_as_shipped(args.out, device, args.bank_type)
        fetched = router.paths([tokenizer.encode(q) for _, _, q in facts])
        generic = torch.full_like(fetched, GENERIC)
        settings += [("generic", bank, generic), ("fetched path", bank, fetched)]
        # Deny one node of the first level, the one that most rare facts lie below, with all that is below it.
        rare = torch.tensor([g == "rare" for g, _, _ in facts], device=device)
        denied = int(torch.bincount(fetched[rare][:, 0]).argmax())
        inside = fetched[:, 0] == denied
        settings.append((f"denied 1:{denied}", bank, torch.where(inside[:, None], generic, fetched)))
    for name, with_bank, paths in settings:
        said = answers(model, tokenizer, prompts, with_bank, paths)
        right = [says(a, f.value) for a, (_, f, _) in zip(said, facts)]
        for group in ("common", "rare"):
            flags = [r for r, (g, _, _) in zip(right, facts) if g == group]
            report[f"{name}/{group}"] = (share(flags), len(flags))
            print(f"{name:18} {group:12} {share(flags):6.2f} % of {len(flags)}", flush=True)
        if name in ("anchor", "fetched path"):
            for kind in sorted({f.kind for _, f, _ in facts}):
                flags = [r for r, (g, f, _) in zip(right, facts) if f.kind == kind and g == "rare"]
                print(f"{name:18}   rare {kind:10} {share(flags):6.2f} % of {len(flags)}")
        if with_bank is not None and len(settings) > 3:
            for where, mask in (("inside", inside), ("outside", ~inside)):
                flags = [r for r, m, rr in zip(right, mask.tolist(), rare.tolist()) if m and rr]
                report[f"{name}/rare {where} the denied node"] = (share(flags), len(flags))
                print(f"{name:18}   rare, {where} node 1:{denied}: {share(flags):6.2f} % of {len(flags)}", flush=True)
        if name == "anchor" or name == "fetched path":
            wrong += [(f"{name}: {g}/{f.id}", q, a, f.answer) for a, r, (g, f, q) in zip(said, right, facts) if not r and (g == "common" or name != "anchor")]

    if len(settings) > 1:
        from data import Batches, FactMix
        from train_bank import token_paths
        for title, mix in (("facts", FactMix(1.0)), ("general", FactMix(0.0))):
            batches = [Batches(tokenizer, 32, 256, "unseen", mix, keys=True).at(16 * i) for i in range(4)]
            first = lambda b: router.paths(b["keys"] + [[0]])[torch.from_numpy(b["first"].astype("int64")).to(device).flatten()]
            none = lambda b: torch.full((b["ids"].size, generic.shape[1]), GENERIC, device=device)
            for name, values in (("anchor", perplexity(model, tokenizer, device, batches)), ("generic", perplexity(model, tokenizer, device, batches, bank, none)),
                                 ("fetched path", perplexity(model, tokenizer, device, batches, bank, first))):
                report[f"perplexity/{title}/{name}"] = values
                print(f"perplexity per answer token, {title:8} {name:14} {values:.4f}", flush=True)
    for kind, question, answer, expected in wrong[:: max(1, len(wrong) // max(1, args.show))][: args.show]:
        print(f"  [{kind}] {question!r}\n    answers  {answer!r}\n    expected {expected!r}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
