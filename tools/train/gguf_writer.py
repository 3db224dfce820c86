"""Writes GGUF version 3 with numpy alone: metadata, tensor table, aligned data, q8_0 and q4_0 quantisation."""

import struct

import numpy as np

ALIGNMENT = 32
F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8
TYPES = {"f32": F32, "f16": F16, "q4_0": Q4_0, "q8_0": Q8_0}
_U32, _F32, _BOOL, _STRING, _ARRAY, _I32 = 4, 6, 7, 8, 9, 5


def quantise_q8_0(weights):
    """Blocks of 32: an f16 scale, then 32 signed bytes. Returns bytes [rows, blocks * 34]."""
    blocks = np.asarray(weights, dtype=np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127.0
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = blocks * inverse
    quants = np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int8)  # half away from zero
    packed = np.empty((len(blocks), 34), dtype=np.uint8)
    packed[:, :2] = scale.astype(np.float16).view(np.uint8)
    packed[:, 2:] = quants.view(np.uint8)
    return packed.tobytes()


def quantise_q4_0(weights):
    """Blocks of 32: an f16 scale, then 16 bytes of nibbles, the low ones first. The largest magnitude becomes -8. Returns bytes."""
    blocks = np.asarray(weights, dtype=np.float32).reshape(-1, 32)
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], 1)
    scale = extreme / -8.0
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)
    quants = np.clip(np.floor(blocks * inverse + 8.5), 0, 15).astype(np.uint8)
    packed = np.empty((len(blocks), 18), dtype=np.uint8)
    packed[:, :2] = scale.astype(np.float16).view(np.uint8)
    packed[:, 2:] = quants[:, :16] | quants[:, 16:] << 4
    return packed.tobytes()


def pack(kind, weights):
    """The bytes of a tensor as a file holds them; rows must be multiples of 32 for the quantised types."""
    if kind in (Q8_0, Q4_0):
        if weights.shape[-1] % 32:
            raise ValueError(f"rows of {weights.shape[-1]} values cannot be quantised in blocks of 32")
        return (quantise_q8_0 if kind == Q8_0 else quantise_q4_0)(weights)
    return np.ascontiguousarray(weights, dtype={F32: "<f4", F16: "<f2"}[kind]).tobytes()


def round_to(name, weights):
    """What a reader gets back of weights that were stored in this type."""
    weights = np.asarray(weights, dtype=np.float32)
    if name == "f32":
        return weights
    if name == "f16":
        return weights.astype(np.float16).astype(np.float32)
    size = 34 if name == "q8_0" else 18
    blocks = np.frombuffer(pack(TYPES[name], weights), np.uint8).reshape(-1, size)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    if name == "q8_0":
        return (scale * blocks[:, 2:].view(np.int8).astype(np.float32)).reshape(weights.shape)
    nibbles = np.concatenate((blocks[:, 2:] & 15, blocks[:, 2:] >> 4), axis=1)
    return (scale * (nibbles.astype(np.float32) - 8.0)).reshape(weights.shape)


def _string(text):
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def _scalar(value):
    """Type code and bytes. int means u32, float f32; a GGUF array takes its type from its first element."""
    if isinstance(value, bool):
        return _BOOL, struct.pack("<B", value)
    if isinstance(value, np.int32):
        return _I32, struct.pack("<i", value)
    if isinstance(value, int):
        return _U32, struct.pack("<I", value)
    if isinstance(value, float):
        return _F32, struct.pack("<f", value)
    if isinstance(value, str):
        return _STRING, _string(value)
    raise TypeError(f"metadata of type {type(value).__name__} is not supported: expected bool, int, float, str or a list of one of them")


def _value(value):
    if isinstance(value, list):
        parts = [_scalar(v) for v in value]
        kind = parts[0][0] if parts else _STRING
        return struct.pack("<IIQ", _ARRAY, kind, len(parts)) + b"".join(p[1] for p in parts)
    kind, raw = _scalar(value)
    return struct.pack("<I", kind) + raw


def write(path, metadata, tensors):
    """tensors: list of (name, f32 array, type). numpy's [rows, columns] is GGUF's ne = [columns, rows]."""
    head = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _string(key) + _value(value)
    blobs, offset = [], 0
    for name, array, kind in tensors:
        blob = pack(kind, array)
        head += _string(name) + struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        head += struct.pack("<IQ", kind, offset)
        blobs.append(blob + b"\0" * (-len(blob) % ALIGNMENT))
        offset += len(blobs[-1])
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % ALIGNMENT))
        file.writelines(blobs)
