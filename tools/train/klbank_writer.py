"""Writes the `.klbank` file of a memory bank. The format is described where it is read, in loaders/klbank."""

import struct

import numpy as np

from checksums import xxh64
from gguf_writer import TYPES, pack

PAGE = 4096
SILU, RELU = 1, 2
PRESENT = 1


def _padded(raw):
    return raw + b"\0" * (-len(raw) % PAGE)


def block_bytes(kind, gate, up, down):
    """gate, up, down (transposed) [layers, rows, dim]."""
    return b"".join(pack(kind, matrix[layer]) for layer in range(len(gate)) for matrix in (gate, up, down))


def write(path, *, name, branching, levels, generic, centroids, type_name, activation, model_fingerprint, encoder_fingerprint, encoder_file):
    """levels: a list a level of blocks (gate, up, down), in the order of their ids; generic: one block a level, or None;
    centroids: f32 [branching^l, width] a level."""
    kind, depth = TYPES[type_name], len(levels)
    layers, _, dim = levels[0][0][0].shape
    rows = [blocks[0][0].shape[1] for blocks in levels]
    points = np.concatenate(centroids).astype("<f4").tobytes()
    raw = [[block_bytes(kind, *block) for block in blocks] for blocks in levels]
    raw_generic = [block_bytes(kind, *block) for block in generic] if generic else []
    every = [b for blocks in raw for b in blocks] + raw_generic
    table = b"".join(struct.pack("<QII", xxh64(b), PRESENT, 0) for b in every)
    centroids_offset = PAGE
    table_offset = centroids_offset + len(_padded(points))
    at = table_offset + len(_padded(table))
    offsets, strides = [], []
    for blocks in raw:
        offsets.append(at)
        strides.append(len(_padded(blocks[0])))
        at += strides[-1] * len(blocks)
    generic_offset = at if generic else 0
    at += sum(len(_padded(b)) for b in raw_generic)

    four = lambda values: (list(values) + [0] * 4)[:4]
    head = struct.pack("<8s8I", b"KLBANK\r\n", 1, 512, branching, depth, layers, dim, kind, activation)
    head += struct.pack("<4I2I", *four(rows), centroids[0].shape[1], 1 if generic else 0)
    head += struct.pack("<6Q", model_fingerprint, encoder_fingerprint, centroids_offset, xxh64(points), table_offset, xxh64(table))
    head += struct.pack("<4Q4QQQ", *four(offsets), *four(strides), generic_offset, at)
    head += name.encode().ljust(64, b"\0") + encoder_file.encode().ljust(128, b"\0")
    head = head.ljust(504, b"\0")
    head += struct.pack("<Q", xxh64(head))
    with open(path, "wb") as file:
        file.write(_padded(head) + _padded(points) + _padded(table))
        for b in every:
            file.write(_padded(b))
    return at
