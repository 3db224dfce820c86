#!/usr/bin/env python3
"""What the inner loops cost on processors that are not here, by llvm-mca: a table for README.md.

    plugins/sparse_arm/inner_loops.py [--asm FOLDER]

Compiles kernel files with the cross compiler and the flags of third_party/bazel/isa.bzl, takes the
innermost loop with the most multiply-accumulates of each function, and asks llvm-mca for cycles.
Run from the repository's root. Needs g++-aarch64-linux-gnu (third_party/install.sh --aarch64) and
llvm-19 (--dev); writes nothing but what --asm asks for.

Columns:
  cycles / 32   cycles for 32 weights of one row and one token
  bound         the cycles that the loop's own loads and multiply-accumulates take where none waits for
                another: ports, and what a processor in order can issue together
  ratio         cycles / bound
  port          the most loaded resource of the model
  bytes / cycle weight bytes that the loop draws, for one token
"""
import argparse
import collections
import functools
import itertools
import os
import re
import subprocess
import sys

FLAGS = ["-std=c++17", "-O2", "-DNDEBUG", "-fPIC", "-fno-exceptions", "-ffp-contract=off",
         "-ffunction-sections", "-fvisibility=hidden", "-fno-omit-frame-pointer",
         "-fstack-protector", "-mtune=cortex-a55", "-fno-peephole2", "-I."]
LEVELS = {
    "neon": [],
    "dotprod": ["-march=armv8.2-a+dotprod"],
    "i8mm": ["-march=armv8.2-a+dotprod+i8mm"],
}
# Processor: llvm's model of it, the levels of interest. Neoverse N1 is a Cortex-A76; of the models with
# i8mm, Neoverse V2 is nearest to a Cortex-X2: four vector units.
CPUS = {"cortex-a53": ("cortex-a53", ("neon",)),
        "cortex-a55": ("cortex-a55", ("neon", "dotprod")),
        "cortex-a76": ("neoverse-n1", ("neon", "dotprod")),
        "cortex-x2": ("neoverse-v2", ("neon", "dotprod", "i8mm"))}
# File stem, a part of the function's name, what it is, bytes of 32 weights.
LOOPS = [
    ("matmul_q4_0", "8MultiplyIS9_EE", "q4_0, one token", 18),
    ("matmul_q8_0", "8MultiplyIS9_EE", "q8_0, one token", 34),
    ("matmul_q4_k", "8MultiplyIS9_EE", "q4_K, one token", 18),
    ("matmul_q6_k", "8MultiplyIS9_EE", "q6_K, one token", 26.25),
    ("matmul_q4_0", "MultiplyPanelTileILi1ELi%TE", "q4_0, %T tokens", 0),
    ("matmul_q8_0", "MultiplyPanelTileILi0ELi%TE", "q8_0, %T tokens", 0),
    ("matmul_q4_k", "MultiplyPanelTileILi3ELi%TE", "q4_K, %T tokens", 0),
    ("matmul_q6_k", "MultiplyPanelTileILi5ELi%TE", "q6_K, %T tokens", 0),
    ("moe_ffn_q4_0", "11NeuronMajor8AddGroup", "q4_0 down, active neurons", 18),
    ("attention_f16", "9ScoreKeysINS_6F32RowELi4ELi2EE", "attention, 4 queries x 2 keys", 0),
    ("attention_f16", "9AddValuesINS_8Columns8ENS_6F32RowELi4ELi2EE", "attention, 4 queries x 16 columns", 0),
    ("attention_f16", "9ScoreKeysINS_6F16RowELi4ELi2EE", "attention, 4 queries x 2 keys in f16", 0),
    ("attention_f16", "9AddValuesINS_8Columns8ENS_6F16RowELi4ELi2EE", "attention, 4 queries x 16 columns in f16", 0),
]
ONE_LEVEL = {"moe_ffn_q4_0", "attention_f16"}  # the same code at every level
# Multiply-accumulates of one instruction.
PRODUCTS = [(r"smmla", 32), (r"sdot", 16), (r"sml[as]l2?|smull2?", 8), (r"fmla", 4)]
MULTIPLY = re.compile(r"(smmla|sdot|smlal2?|smull2?|fmla)$")
ITERATIONS = 100
LOAD = re.compile(r"(ld1r?|ldp|ldr|ldu?rb?|ldrh|ld1)$")


@functools.lru_cache(maxsize=None)
def compile_to_asm(stem, level):
    source = "plugins/sparse_arm/%s_%s.cc" % (stem, level)
    command = ["aarch64-linux-gnu-g++", *FLAGS, *LEVELS[level], "-S", "-o", "-", source]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def functions_of(asm):
    """{name: [lines]}"""
    functions = collections.OrderedDict()
    name = None
    for line in asm.splitlines():
        label = re.match(r"(_Z[\w.]+):", line)
        if label:
            name = label.group(1)
            functions[name] = []
        elif name is not None:
            if ".cfi_endproc" in line:
                name = None
            else:
                functions[name].append(line)
    return functions


def mnemonic(line):
    found = re.match(r"\s+([a-z][\w.]*)", line)
    return found.group(1) if found else ""


def products_of(lines):
    total = 0
    for line in lines:
        for pattern, count in PRODUCTS:
            if re.fullmatch(pattern, mnemonic(line)):
                if mnemonic(line) == "fmla" and not re.search(r"v\d+\.4s", line):
                    continue
                total += count
    return total


def innermost_loops(lines):
    """Bodies between a label and a branch back to it that have no other such pair inside."""
    labels = {}
    loops = []
    for i, line in enumerate(lines):
        label = re.match(r"(\.L\w+):", line)
        if label:
            labels[label.group(1)] = i
        target = re.search(r"\s(?:b(?:\.?[a-z]{2})?|cbn?z|tbn?z)\s.*?(\.L\w+)$", line)
        if target and target.group(1) in labels:
            loops.append((labels[target.group(1)], i))
    inner = [a for a in loops if not any(b != a and b[0] >= a[0] and b[1] <= a[1] for b in loops)]
    return [lines[begin:end + 1] for begin, end in inner]


def without_waiting(lines):
    """The same loads and multiply-accumulates, none with a result of another: 16 results in turn."""
    results = itertools.cycle(range(16))
    free = []
    for line in lines:
        is_load = LOAD.match(mnemonic(line))
        registers = itertools.count()

        def rename(found):
            is_result = is_load or next(registers) == 0
            return found.group(1) + str(next(results) if is_result else 20)
        line = re.sub(r"\[(x\d+|sp)\b.*", "[sp]", line)
        free.append(re.sub(r"\b([vqdshbxw])\d+\b", rename, line))
    return free


def mca(lines, cpu):
    text = "\n".join(l for l in lines if not re.match(r"\s*(\.(?!L)|//|#)", l)) + "\n"
    command = ["llvm-mca-19", "-mtriple=aarch64", "-mcpu=" + cpu, "-mattr=+dotprod,+i8mm,+fp-armv8",
               "-iterations=%d" % ITERATIONS, "-resource-pressure=true", "-instruction-info=false"]
    out = subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout
    cycles = int(re.search(r"Total Cycles:\s+(\d+)", out).group(1)) / ITERATIONS
    names = dict(re.findall(r"^\[([\d.]+)\]\s+- (\S+)", out, re.M))
    header = re.search(r"Resource pressure per iteration:\n(.*)\n(.*)\n", out)
    ports = re.findall(r"\[([\d.]+)\]", header.group(1))
    loads = [0.0 if v == "-" else float(v) for v in header.group(2).split()]
    port = max(zip(loads, ports))[1]
    return cycles, re.sub(r"^\w*Unit", "", names[port])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--asm", help="folder for the loops' instructions")
    arguments = parser.parse_args()
    print("| inner loop | level | instructions / 32 | processor | cycles / 32 | bound | ratio | port | bytes / cycle |")
    print("|---|---|---|---|---|---|---|---|---|")
    for stem, pattern, title, bytes_of_32 in LOOPS:
        for level in LEVELS:
            if stem in ONE_LEVEL and level != "neon":
                continue
            tokens = "4" if level == "dotprod" else "2"
            wanted = re.compile(pattern.replace("%T", tokens))
            bodies = [body for name, lines in functions_of(compile_to_asm(stem, level)).items()
                      if wanted.search(name) for body in innermost_loops(lines)]
            if not bodies:
                print("%s, %s: no loop found in a function like %s" % (stem, level, pattern),
                      file=sys.stderr)
                return 1
            body = max(bodies, key=products_of)
            products = products_of(body)
            if arguments.asm:
                with open(os.path.join(arguments.asm, "%s_%s.s" % (stem, level)), "w") as file:
                    file.write("\n".join(body) + "\n")
            code = [l for l in body if mnemonic(l) and not mnemonic(l).startswith(".")]
            needed = [l for l in code if MULTIPLY.match(mnemonic(l)) or LOAD.match(mnemonic(l))]
            for cpu, (model, levels) in CPUS.items():
                if level not in levels:
                    continue
                cycles, port = mca(code, model)
                bound, _ = mca(without_waiting(needed), model)
                blocks = products / 32
                drawn = "%.1f" % (bytes_of_32 * blocks / cycles) if bytes_of_32 else "-"
                print("| %s | %s | %.1f | %s | %.2f | %.2f | %.2f | %s | %s |" % (
                    title.replace("%T", tokens), level, len(code) / blocks, cpu, cycles / blocks,
                    bound / blocks, cycles / bound, port, drawn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
