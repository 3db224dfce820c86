"""The table of the README: held-out questions put to the files that ship, through the runtime that ships.

    bazel build //:kinglet //tools/train:ask && python3 tools/train/evaluate_files.py [--models ../chat/models] [--show 20]

A fact is right where its value stands in the answer as a word; anything else where the answer is an accepted one. Needs
nothing but Python's standard library.
"""

import argparse
import os
import subprocess

import corpus
from scoring import fact_rows, says, share


def ask(program, model, questions, *flags):
    lines = "".join(q.replace("\n", " ") + "\n" for q in questions)
    plugins = os.path.join(os.path.dirname(program), "..", "..", "plugins")
    done = subprocess.run([program, model, "--plugins", plugins, *flags], input=lines, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{program}: {done.stderr.strip()}")
    answers = done.stdout.split("\n")[:-1]
    assert len(answers) == len(questions), (len(answers), len(questions))
    return answers


def print_facts(name, rows, right):
    for group in ("common", "rare"):
        flags = [r for r, (g, _, _) in zip(right, rows) if g == group]
        print(f"{name:16} facts, {group:12} {share(flags):6.2f} % of {len(flags)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser.add_argument("--ask", default=os.path.join(root, "bazel-bin", "tools", "train", "ask"), help="the program that answers")
    parser.add_argument("--models", default=os.path.join(root, "tools", "chat", "models"))
    parser.add_argument("--deny", default="1:13", help="the node whose denial is tried")
    parser.add_argument("--every", type=int, default=1, help="ask every n-th question about a fact only")
    parser.add_argument("--show", type=int, default=20, help="how many wrong answers to print")
    args = parser.parse_args()
    model, bank = (os.path.join(args.models, "kinglet-demo" + end) for end in (".gguf", ".klbank"))
    wrong = []
    for name, flags in (("anchor", []), ("fetched path", ["--bank", bank])):
        others = corpus.heldout() + [("by hand", q, a) for _, q, a in corpus.heldout_by_hand()] + [("blind", q, a) for _, q, a in corpus.heldout_by_hand(blind=True)]
        kinds = {}
        for (kind, question, accepted), answer in zip(others, ask(args.ask, model, [q for _, q, _ in others], *flags)):
            kinds.setdefault(kind, []).append(answer in accepted)
            if answer not in accepted and name == "fetched path":
                wrong.append((kind, question, answer, accepted[0]))
        for kind, right in sorted(kinds.items()):
            print(f"{name:16} {kind:19} {share(right):6.2f} % of {len(right)}", flush=True)
    rows = fact_rows()[:: args.every]
    questions = [q for _, _, q in rows]
    level, node = (int(part) for part in args.deny.split(":"))
    denied = {}
    for name, flags in (("anchor", []), ("generic", ["--bank", bank, "--generic"]), ("fetched path", ["--bank", bank]), ("denied " + args.deny, ["--bank", bank, "--deny", args.deny])):
        answers = ask(args.ask, model, questions, *flags)
        right = [says(a, f.value) for a, (_, f, _) in zip(answers, rows)]
        print_facts(name, rows, right)
        denied[name] = right, answers
        if name == "fetched path":
            wrong += [(f.id, q, a, f.answer) for r, a, (_, f, q) in zip(right, answers, rows) if not r]
    # Whatever the denial changed lay below the denied node, or nothing changed.
    (path, path_said), (without, without_said) = denied["fetched path"], denied["denied " + args.deny]
    touched = [i for i in range(len(rows)) if path_said[i] != without_said[i]]
    print(f"denied {args.deny}: {len(touched)} answers changed; of these the path was right in {sum(path[i] for i in touched)}, the anchor in "
          f"{sum(denied['anchor'][0][i] for i in touched)}, without the node {sum(without[i] for i in touched)}")
    for kind, question, answer, expected in wrong[:: max(1, len(wrong) // max(1, args.show))][: args.show]:
        print(f"  [{kind}] {question!r}\n    answers  {answer!r}\n    expected {expected!r}")


if __name__ == "__main__":
    main()
