#!/usr/bin/env python3
"""Expected outputs of ONNX networks, by an implementation that shares nothing with Kinglet.

Reads the file's protocol buffer encoding by itself, computes in float64 with NumPy, node by node and
unfused. The input is the sequence of network_test.h. Writes {name: outputs} as JSON:

    make_golden.py TESTDATA/cnn/mlperf-tiny-resnet8.onnx ... > mlperf_tiny_golden.json
"""

import json
import os
import struct
import sys

import numpy as np


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value - (1 << 64) if value >> 63 else value, at


def fields(data):
    """(field number, value) of one message; value is an int or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 1:
            value, at = data[at:at + 8], at + 8
        elif key & 7 == 5:
            value, at = data[at:at + 4], at + 4
        else:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


def ints(value):
    if isinstance(value, int):
        return [value]
    result, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        result.append(number)
    return result


def tensor(data):
    shape, kind, raw, name, floats = [], 1, b"", "", b""
    for field, value in fields(data):
        if field == 1:
            shape += ints(value)
        elif field == 2:
            kind = value
        elif field == 4:
            floats += value
        elif field == 8:
            name = value.decode()
        elif field == 9:
            raw = value
    array = np.frombuffer(raw or floats, {1: "<f4", 7: "<i8"}[kind]).reshape(shape)
    return name, array.astype(np.float64) if kind == 1 else array


def attribute(data):
    name, result = "", None
    numbers = []
    for field, value in fields(data):
        if field == 1:
            name = value.decode()
        elif field == 2:
            result = struct.unpack("<f", value)[0]
        elif field == 3:
            result = value
        elif field == 4:
            result = value.decode()
        elif field == 5:
            result = tensor(value)[1]
        elif field == 8:
            numbers += ints(value)
    return name, numbers if numbers else result


def node(data):
    inputs, outputs, op, attributes = [], [], "", {}
    for field, value in fields(data):
        if field == 1:
            inputs.append(value.decode())
        elif field == 2:
            outputs.append(value.decode())
        elif field == 4:
            op = value.decode()
        elif field == 5:
            name, content = attribute(value)
            attributes[name] = content
    return op, inputs, outputs, attributes


def input_shape(data):
    name, shape = "", []
    for field, value in fields(data):
        if field == 1:
            name = value.decode()
        elif field == 2:
            tensor_type = dict(fields(value))[1]
            for number, dimension in fields(dict(fields(tensor_type))[2]):
                size = dict(fields(dimension)).get(1, 1)
                shape.append(size if isinstance(size, int) and size > 0 else 1)
    return name, shape


def sequence(shape):
    state, values = 1, []
    for _ in range(int(np.prod(shape))):
        state = (state * 1664525 + 1013904223) % (1 << 32)
        values.append((state >> 8) / 8388608.0 - 1.0)
    return np.array(values, np.float32).astype(np.float64).reshape(shape)


def conv(x, w, bias=None, strides=(1, 1), pads=(0, 0, 0, 0), group=1, dilations=(1, 1), **_):
    assert tuple(dilations) == (1, 1)
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    outputs, per_group, height, width = w.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), (2, 3))
    windows = windows[:, :, ::strides[0], ::strides[1]]
    y = np.concatenate([
        np.einsum("nchwij,mcij->nmhw", windows[:, g * per_group:(g + 1) * per_group],
                  w[g * (outputs // group):(g + 1) * (outputs // group)])
        for g in range(group)
    ], axis=1)
    return y if bias is None else y + bias[None, :, None, None]


def average_pool(x, kernel_shape, strides, pads=(0, 0, 0, 0), **_):
    assert not any(pads)
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel_shape), (2, 3))
    return windows[:, :, ::strides[0], ::strides[1]].mean((4, 5))


def batch_norm(x, scale, bias, mean, variance, epsilon=1e-5, **_):
    def column(v):
        return v.reshape([1, -1] + [1] * (x.ndim - 2))
    return (x - column(mean)) / np.sqrt(column(variance) + epsilon) * column(scale) + column(bias)


def gemm(a, b, c=0.0, alpha=1.0, beta=1.0, transA=0, transB=0):
    return alpha * (a.T if transA else a) @ (b.T if transB else b) + beta * c


def reshape(x, shape):
    return x.reshape([x.shape[d] if size == 0 else int(size) for d, size in enumerate(shape)])


OPS = {
    "Conv": conv,
    "Gemm": gemm,
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Add": lambda a, b: a + b,
    "Relu": lambda x: np.maximum(x, 0),
    "Clip": lambda x, low, high: np.clip(x, low, high),
    "Constant": lambda value: value,
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
    "Squeeze": lambda x, axes: np.squeeze(x, tuple(axes)),
    "Reshape": reshape,
}


def run(path):
    with open(path, "rb") as file:
        graph = dict(fields(file.read()))[7]
    values, nodes, outputs, inputs = {}, [], [], []
    for field, value in fields(graph):
        if field == 1:
            nodes.append(node(value))
        elif field == 5:
            name, array = tensor(value)
            values[name] = array
        elif field == 11:
            inputs.append(input_shape(value))
        elif field == 12:
            outputs.append(input_shape(value)[0])
    for name, shape in inputs:
        if name not in values:
            values[name] = sequence(shape)
    for op, operands, results, attributes in nodes:
        values[results[0]] = OPS[op](*[values[name] for name in operands], **attributes)
    return values[outputs[0]].ravel().tolist()


def main():
    golden = {os.path.splitext(os.path.basename(path))[0]: run(path) for path in sys.argv[1:]}
    print(json.dumps(golden, indent=1))


if __name__ == "__main__":
    main()
