#!/usr/bin/env python3
"""Expected outputs of f32 TFLite networks, by an implementation that shares nothing with Kinglet.

Lets flatc turn the file into JSON, computes in float64 with NumPy, operator by operator. The input is
the sequence of network_test.h. Writes {name: outputs} as JSON:

    make_tflite_golden.py loaders/tflite/schema.fbs TESTDATA/cnn/vww_96_float.tflite ... > tflite_golden.json
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from make_golden import sequence

TYPES = {"FLOAT32": "<f4", "INT32": "<i4", "INT64": "<i8"}


def read(schema, path):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["flatc", "--json", "--raw-binary", "--strict-json", "-o", folder + "/",
                        schema, "--", path], check=True)
        name = os.path.splitext(os.path.basename(path))[0]
        with open(os.path.join(folder, name + ".json")) as file:
            return json.load(file)


def clamp(y, options):
    activation = options.get("activation", "NONE")
    if activation == "RELU":
        return np.maximum(y, 0)
    if activation == "RELU6":
        return np.clip(y, 0, 6)
    assert activation == "NONE"
    return y


def windows(x, kernel, strides, padding, value):
    """[N, OH, OW, C, KH, KW]"""
    pads = [(0, 0)]
    for size, k, stride in zip(x.shape[1:3], kernel, strides):
        total = max(0, (-(-size // stride) - 1) * stride + k - size) if padding == "SAME" else 0
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, pads + [(0, 0)], constant_values=value)
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, (1, 2))
    return view[:, ::strides[0], ::strides[1]]


def run(schema, path):
    model = read(schema, path)
    graph = model["subgraphs"][0]
    tensors = graph["tensors"]
    values = {}
    for i, tensor in enumerate(tensors):
        data = model["buffers"][tensor.get("buffer", 0)].get("data", [])
        if data:
            array = np.frombuffer(bytes(data), TYPES[tensor.get("type", "FLOAT32")])
            values[i] = array.reshape(tensor.get("shape", [])).astype(np.float64)
    values[graph["inputs"][0]] = sequence(tensors[graph["inputs"][0]]["shape"])
    for op in graph["operators"]:
        code = model["operator_codes"][op.get("opcode_index", 0)]
        code = max(code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0))
        options = op.get("options") or {}
        inputs = [values[i] for i in op["inputs"] if i >= 0]
        shape = tensors[op["outputs"][0]].get("shape", [])
        x = inputs[0]
        strides = (options.get("stride_h", 1), options.get("stride_w", 1))
        padding = options.get("padding", "SAME")
        if code in (3, 4):
            w = inputs[1]
            view = windows(x, w.shape[1:3], strides, padding, 0)
            y = (np.einsum("nhwcij,oijc->nhwo", view, w) if code == 3 else
                 np.einsum("nhwcij,ijc->nhwc", view, w[0]))
            y = clamp(y + (inputs[2] if len(inputs) > 2 else 0), options)
        elif code == 0:
            y = clamp(x + inputs[1], options)
        elif code == 1:
            kernel = (options["filter_height"], options["filter_width"])
            view = windows(x, kernel, strides, padding, np.nan)
            y = clamp(np.nanmean(view, (4, 5)), options)
        elif code in (22, 43):
            y = x.reshape(shape)
        elif code == 9:
            y = x.reshape(-1, inputs[1].shape[1]) @ inputs[1].T
            y = clamp(y + (inputs[2] if len(inputs) > 2 else 0), options)
        elif code == 25:
            e = np.exp(x - x.max(-1, keepdims=True))
            y = e / e.sum(-1, keepdims=True)
        elif code == 40:
            y = x.mean(tuple(int(a) for a in inputs[1].ravel())).reshape(shape)
        elif code == 34:
            y = np.pad(x, inputs[1].astype(int))
        else:
            raise NotImplementedError(f"operator {code}")
        assert list(y.shape) == shape, (code, y.shape, shape)
        values[op["outputs"][0]] = y
    return [float(f"{v:.7g}") for v in values[graph["outputs"][0]].ravel()]


def main():
    schema = sys.argv[1]
    print(json.dumps({os.path.basename(path): run(schema, path) for path in sys.argv[2:]}))


if __name__ == "__main__":
    main()
