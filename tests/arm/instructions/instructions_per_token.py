#!/usr/bin/env python3
"""Counts the instructions that 64-bit ARM executes for a token, under qemu, and prints README.md's table.

    bazel build //:kinglet //tests/arm/instructions:libcount_instructions.so
    bazel build --config=aarch64 //:kinglet //tests/arm/instructions:one_row
    tests/arm/instructions/instructions_per_token.py [--model FILE]... [--cpu NAME]... [--layers N,M]

Without --model: the shipped one, and SmallThinker-4B, whose figure comes from two models of its
shape with few layers: what a layer adds, 32 times, and what is left.

`kinglet bench -v` runs on one thread, once, and count_instructions writes a count for each message
on its standard error: one after each test. The difference of two tests of different length is that of
their tokens.
"""
import argparse
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
NATIVE = os.path.join(ROOT, "bazel-out/k8-opt/bin")
ARM = os.path.join(ROOT, "bazel-out/k8-opt-aarch64/bin")
LAYERS_OF_4B = 32
# Tests of one run: the first prompt and the first answer bear what happens once.
PROMPTS = (16, 17, 81)
ANSWERS = (2, 3, 11)


def counts(cpu, model, one_row):
    """Instructions of one token: of a prompt of 81, of an answer."""
    loader_root = "/" if os.path.exists("/lib/ld-linux-aarch64.so.1") else "/usr/aarch64-linux-gnu"
    with tempfile.NamedTemporaryFile("r") as out:
        command = ["qemu-aarch64", "-cpu", cpu, "-L", loader_root, "-plugin",
                   "%s/tests/arm/instructions/libcount_instructions.so,out=%s" % (NATIVE, out.name),
                   os.path.join(ARM, "kinglet"), "bench", "-m", model, "-v", "-t", "1", "-r", "1", "--no-warmup",
                   "-p", ",".join(map(str, PROMPTS)), "-n", ",".join(map(str, ANSWERS)), "-o", "jsonl",
                   # Without a token before, bench computes answers again, to count the bytes they read.
                   "-d", "1"]
        if one_row:
            command += ["--plugin", os.path.join(ARM, "tests/arm/instructions/libkinglet_one_row.so")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        marks = [int(line) for line in out.read().split()]
    tests = len(PROMPTS) + len(ANSWERS)
    # The last is the program's end, those before the tests are messages while it loads.
    if len(marks) < tests + 1:
        raise SystemExit("%s: expected %d counts or more, found %d" % (" ".join(command), tests + 1, len(marks)))
    tested = marks[-1 - tests:-1]
    took = [b - a for a, b in zip(tested, tested[1:])]
    return ((took[1] - took[0]) / (PROMPTS[2] - PROMPTS[1]), (took[4] - took[3]) / (ANSWERS[2] - ANSWERS[1]))


def small_models(layers, folder):
    """SmallThinker-4B with fewer layers."""
    models = []
    for count in layers:
        path = os.path.join(folder, "smallthinker-4b-%d.gguf" % count)
        subprocess.run([os.path.join(NATIVE, "kinglet"), "make-model", "--preset", "4b", "--layers", str(count),
                        "--type", "q4_0", "--active", "0.345", "--seed", "1", "-o", path],
                       check=True, stdout=subprocess.DEVNULL)
        models.append(path)
    return models


def extrapolate(few, more, layers):
    """Of all layers, from two counts."""
    return tuple(a + (b - a) / (layers[1] - layers[0]) * (LAYERS_OF_4B - layers[0]) for a, b in zip(few, more))


def print_row(name, cpu, ours, theirs):
    cells = []
    for mine, other in zip(ours, theirs):
        cells += ["%.2f" % (mine * 1e-6), "%.2f" % (other * 1e-6), "%.2f" % (other / mine)]
    print("| %s | %s | %s |" % (name, cpu, " | ".join(cells)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--cpu", action="append", default=[])
    parser.add_argument("--layers", default="1,2", help="of the small models for SmallThinker-4B; '': leave it out")
    options = parser.parse_args()
    cpus = options.cpu or ["cortex-a53", "cortex-a76", "max"]
    models = options.model or [os.path.join(ROOT, "tools/chat/models/kinglet-demo.gguf")]
    print("| model | processor | prompt | one row | ratio | answer | one row | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for model in models:
        for cpu in cpus:
            print_row(os.path.basename(model), cpu, counts(cpu, model, False), counts(cpu, model, True))
    if not options.layers:
        return
    layers = [int(count) for count in options.layers.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        few, more = small_models(layers, folder)
        for cpu in cpus:
            print_row("SmallThinker-4B q4_0", cpu,
                      extrapolate(counts(cpu, few, False), counts(cpu, more, False), layers),
                      extrapolate(counts(cpu, few, True), counts(cpu, more, True), layers))


if __name__ == "__main__":
    main()
