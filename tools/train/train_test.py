"""Fast checks of the training tools: /usr/bin/python3 -m unittest train_test (needs numpy and PyTorch, about ten seconds)."""

import os
import sys
import tempfile
import unittest

import numpy as np
import torch

import checksums
import corpus
import export_gguf
import gguf_writer
import tree
from data import Batches, FactMix, corpus_texts, encode_turn
from encoder import Encoder, EncoderConfig, pad
from memory import GENERIC, Bank, BankConfig
from model import Config, SmallThinker
from tokenizer import SPECIALS, Tokenizer, train as train_tokenizer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
import numpy_smallthinker  # noqa: E402


def small_tokenizer():
    return Tokenizer(train_tokenizer(corpus_texts(1, 300), 400))


def small_model():
    torch.manual_seed(3)
    return SmallThinker(Config(vocabulary=400, layers=5, dim=64, head_dim=32, heads=2, kv_heads=1, experts=4, ffn=32, window=8))


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
        ids, weights = encode_turn("Hi", "Hello.", tokenizer)
        said = tokenizer.decode([i for i, w in zip(ids, weights) if w == 1.0])
        self.assertEqual(said, "Hello.<|im_end|>")
        rendered = corpus.render("", [corpus.Turn("Hi", "Hello.", "smalltalk")])
        self.assertEqual(tokenizer.decode(ids), rendered)

    def test_a_step_always_gives_the_same_batch(self):
        batches = Batches(small_tokenizer(), 4, 64, 1, FactMix(), keys=True)
        first, second = batches.at(5), batches.at(5)
        for name in ("ids", "targets", "weights", "documents", "turn", "first"):
            np.testing.assert_array_equal(first[name], second[name])
        self.assertEqual(first["keys"], second["keys"])

    def test_every_token_knows_its_message_and_the_first_of_its_conversation(self):
        batch = Batches(small_tokenizer(), 4, 256, 2, FactMix(), keys=True).at(0)
        there = batch["turn"] >= 0
        self.assertTrue((batch["first"][there] <= batch["turn"][there]).all())
        self.assertLess(batch["turn"].max(), len(batch["keys"]))


class ModelTest(unittest.TestCase):
    def test_all_experts_with_weights_of_zero_are_the_chosen_ones(self):
        experts = small_model().layers[0].experts
        x, weights = torch.randn(7, 64), torch.rand(7, 2)
        chosen = torch.stack([torch.randperm(4)[:2] for _ in range(7)])
        torch.testing.assert_close(experts._all(x, weights, chosen), experts._chosen(x, weights, chosen))

    def test_a_bank_of_zeros_changes_nothing_and_any_other_only_its_own_path(self):
        model, bank = small_model(), Bank(BankConfig(branching=3, rows=[4, 2], layers=5, dim=64))
        ids = torch.arange(40, 60)[None]
        with torch.no_grad():
            alone = model(ids)[0]
            on = lambda path: model(ids, memory=bank.functions(torch.tensor([path]).expand(20, -1)))[0]
            torch.testing.assert_close(on([1, 4]), alone, rtol=0, atol=0)
            bank.down[:, bank.level_slice(1)][:, 2 * 4 : 2 * 5] = 1.0  # node 4 of the second level
            self.assertGreater(float((on([1, 4]) - alone).abs().max()), 1e-4)
            torch.testing.assert_close(on([1, 5]), alone, rtol=0, atol=0)
            torch.testing.assert_close(on([GENERIC, GENERIC]), alone, rtol=0, atol=0)


class RouterTest(unittest.TestCase):
    def test_padding_does_not_change_an_embedding(self):
        torch.manual_seed(1)
        encoder = Encoder(EncoderConfig(vocabulary=50))
        with torch.no_grad():
            alone, beside = encoder(*pad([[1, 2, 3]])), encoder(*pad([[1, 2, 3], [5] * 9]))
        torch.testing.assert_close(alone[0], beside[0], rtol=0, atol=1e-6)

    def test_descent_goes_to_the_nearest_child_of_the_node_that_it_reached(self):
        levels = [np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[0.0, 1.0], [0.0, -1.0], [10.0, 1.0], [4.0, 0.0]])]
        paths, distances = tree.descend(np.array([[0.5, -2.0], [4.0, 0.0]]), levels, 2)
        self.assertEqual(paths.tolist(), [[0, 1], [0, 0]])  # (4, 0) lies nearest to a child of the other node
        self.assertAlmostEqual(float(distances[0, 1]), np.hypot(0.5, 1.0), places=5)

    def test_balanced_nodes_hold_about_as_many_labels_each(self):
        points = np.random.default_rng(1).normal(size=(300, 8))
        paths = tree.balanced_paths(points, 4, 2, 1)
        self.assertLessEqual(np.bincount(paths[:, 0]).max(), 94)
        np.testing.assert_array_equal(paths[:, 1] // 4, paths[:, 0])


class ExportTest(unittest.TestCase):
    def exported(self, kind, folder):
        model, tokenizer = small_model(), small_tokenizer()
        path = os.path.join(folder, "model.gguf")
        gguf_writer.write(path, export_gguf.metadata(model.c, tokenizer, kind), export_gguf.anchor_tensors(model, kind))
        return model, path

    def test_numpy_and_pytorch_agree_on_an_exported_model(self):
        with tempfile.TemporaryDirectory() as folder:
            model, path = self.exported(gguf_writer.F32, folder)
            ids = list(range(40, 64))
            with torch.no_grad():
                expected = model(torch.tensor([ids]))[0][0].numpy()
            np.testing.assert_allclose(numpy_smallthinker.SmallThinker(path).logits(ids), expected, atol=1e-5)

    def test_rounding_stays_within_half_a_step_of_each_weight_and_is_done_once(self):
        weights = np.random.default_rng(1).normal(size=(16, 64)).astype(np.float32)
        for kind, steps in (("q8_0", 127), ("q4_0", 8)):
            rounded = gguf_writer.round_to(kind, weights)
            step = np.abs(weights.reshape(-1, 32)).max(1, keepdims=True) / steps
            most = 1.02 if kind == "q4_0" else 0.56  # +8 does not exist in q4_0; the scale is an f16
            self.assertTrue((np.abs(rounded - weights).reshape(-1, 32) <= most * step).all(), kind)
            np.testing.assert_array_equal(gguf_writer.round_to("q8_0", gguf_writer.round_to("q8_0", weights)), gguf_writer.round_to("q8_0", weights))

    def test_checksums_are_the_published_ones(self):
        self.assertEqual(checksums.xxh64(b""), 0xEF46DB3751D8E999)
        self.assertEqual(checksums.xxh64(b"a"), 0xD24EC4F1A98C6E5B)


if __name__ == "__main__":
    unittest.main()
