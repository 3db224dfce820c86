"""Fast checks of the training tools: /usr/bin/python3 -m unittest train_test (needs numpy and PyTorch, about ten seconds)."""

import os
import sys
import tempfile
import unittest

import numpy as np
import torch

import export_gguf
import gguf_writer
from data import Batches, corpus_texts, encode
from evaluate import load_gguf
from model import Config, SmallThinker, named_tensors
from tokenizer import SPECIALS, Tokenizer, train as train_tokenizer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
import numpy_smallthinker  # noqa: E402


def small_tokenizer():
    return Tokenizer(train_tokenizer(corpus_texts(1, 300), 400))


class TokenizerTest(unittest.TestCase):
    def test_text_survives_encoding_and_decoding(self):
        tokenizer = small_tokenizer()
        for text in ["Hello, what's up?", "  two  spaces\n\n\tand tabs ", "12345 + 6", "na\u00efve \u2603 \U0001f600", "<|im_start|>user\nHi<|im_end|>\n"]:
            self.assertEqual(tokenizer.decode(tokenizer.encode(text)), text)

    def test_special_tokens_are_single_ids_at_the_end(self):
        tokenizer = small_tokenizer()
        self.assertEqual([tokenizer.encode(s) for s in SPECIALS], [[397], [398], [399]])


class BatchTest(unittest.TestCase):
    def test_loss_is_on_what_the_assistant_says_and_on_ending(self):
        tokenizer = small_tokenizer()
        ids, weights = encode([("user", "Hi"), ("assistant", "Hello.")], tokenizer)
        said = tokenizer.decode([i for i, w in zip(ids, weights) if w == 1.0])
        self.assertEqual(said, "Hello.<|im_end|>")

    def test_a_step_always_gives_the_same_batch(self):
        batches = Batches(small_tokenizer(), 4, 64, 1)
        for a, b in zip(batches.at(5), batches.at(5)):
            self.assertTrue(torch.equal(a, b))


class ExportTest(unittest.TestCase):
    def exported(self, kind, folder):
        torch.manual_seed(3)
        tokenizer = small_tokenizer()
        model = SmallThinker(Config(vocabulary=400, layers=5, dim=64, head_dim=32, heads=2, kv_heads=1, experts=4, ffn=32, window=8))
        path = os.path.join(folder, "model.gguf")
        tensors = [(n, p.detach().numpy(), kind if matrix else gguf_writer.F32) for n, p, matrix in named_tensors(model)]
        gguf_writer.write(path, export_gguf.metadata(model.c, tokenizer, kind), tensors)
        return model, path

    def test_numpy_and_pytorch_agree_on_an_exported_model(self):
        with tempfile.TemporaryDirectory() as folder:
            model, path = self.exported(gguf_writer.F32, folder)
            ids = list(range(40, 64))
            with torch.no_grad():
                expected = model(torch.tensor([ids]))[0][0].numpy()
            np.testing.assert_allclose(numpy_smallthinker.SmallThinker(path).logits(ids), expected, atol=1e-5)

    def test_q8_0_stays_within_half_a_step_of_each_weight(self):
        with tempfile.TemporaryDirectory() as folder:
            model, path = self.exported(gguf_writer.Q8_0, folder)
            read, tokenizer = load_gguf(path)
            self.assertEqual(len(tokenizer.tokens), 400)
            for (name, a, _), (_, b, _) in zip(named_tensors(model), named_tensors(read)):
                blocks, error = a.detach().reshape(-1, 32), (a - b).detach().reshape(-1, 32).abs()
                step = blocks.abs().amax(1, keepdim=True) / 127
                self.assertTrue(bool((error <= 0.56 * step + 1e-9).all()), name)  # half a step, and the f16 rounding of the scale


if __name__ == "__main__":
    unittest.main()
