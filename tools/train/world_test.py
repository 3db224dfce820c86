"""The closed world: facts are well formed and as many as promised, and nothing that is held out is ever trained on."""

import re
import unittest

import world
from grammar import make_rng, noise, normalise
from world_phrases import PHRASES

# Properties with so few values that a guess is often right.
_FEW = {("element", "family"), ("element", "state"), ("country", "continent"), ("planet", "type"), ("dwarf", "type"), ("dwarf", "where"), ("star", "type"),
        ("moon", "planet"), ("animal", "class"), ("unit", "measures")}


def _all(groups, fact):
    return {normalise(world._fill(t, fact)) for group in groups for t in group}


class FactsTest(unittest.TestCase):
    def test_counts(self):
        common = sum(f.common for f in world.FACTS)
        self.assertTrue(2000 <= len(world.FACTS) <= 3000, len(world.FACTS))
        self.assertTrue(150 <= common <= 250, common)
        few = sum((f.kind, f.prop) in _FEW and not f.common for f in world.FACTS)
        self.assertLess(few, (len(world.FACTS) - common) / 3)
        entities = {kind: sum(e.startswith(kind + "/") for e in world.ENTITIES) for kind in ("element", "country", "planet", "dwarf", "moon", "star", "animal", "unit")}
        least = {"element": 118, "country": 190, "planet": 8, "dwarf": 5, "moon": 40, "star": 20, "animal": 115, "unit": 50}
        for kind, count in least.items():
            self.assertGreaterEqual(entities[kind], count, kind)
        for entity, facts in world.ENTITIES.items():
            if entity.startswith("element/"):
                self.assertGreaterEqual(len(facts), 5 if facts[0].common else 4, entity)

    def test_ids_are_unique_and_made_of_entity_and_property(self):
        self.assertEqual(len({f.id for f in world.FACTS}), len(world.FACTS))
        for f in world.FACTS:
            self.assertEqual(f.id, f"{f.entity}/{f.prop}")
            self.assertTrue(f.entity.startswith(f.kind + "/"))
            self.assertIn(f, world.ENTITIES[f.entity])

    def test_answers_are_short_sentences_that_contain_their_value(self):
        for f in world.FACTS:
            self.assertTrue((f.answer + f.value + f.id).isascii(), f)
            self.assertRegex(f.answer, r"^[A-Z].*[a-zA-Z0-9']\.$")
            self.assertNotIn("  ", f.answer)
            self.assertNotRegex(f.answer, r"\b(a (?!ewe)[aeio]|an (?!hour)[^aeiou])", f.answer)
            self.assertLessEqual(len(f.answer.split()), 14, f.answer)
            self.assertRegex(f.answer, rf"(?<![A-Za-z0-9]){re.escape(f.value)}(?![A-Za-z0-9])")

    def test_symbols_numbers_and_capitals_are_not_given_twice(self):
        for kind, prop in (("element", "symbol"), ("element", "number"), ("country", "capital"), ("country", "people"), ("planet", "place"), ("unit", "symbol")):
            values = [f.value for f in world.FACTS if (f.kind, f.prop) == (kind, prop)]
            self.assertEqual(len(set(values)), len(values), (kind, prop))

    def test_reverse_facts_agree(self):
        facts = {f.id: f for f in world.FACTS}
        for f in world.FACTS:
            if f.prop.startswith(("of_", "at_")):
                forward = facts[f"{f.entity}/{f.prop[3:]}"]
                self.assertIn(forward.value, f.answer)

    def test_every_mention_of_an_element_family_is_a_known_one(self):
        families = {f.value for f in world.FACTS if f.prop == "family"}
        self.assertEqual(families, {"nonmetal", "noble gas", "alkali metal", "alkaline earth metal", "metalloid", "halogen", "post-transition metal",
                                    "transition metal", "lanthanide", "actinide"})
        continents = {f.value for f in world.FACTS if f.prop == "continent"}
        self.assertEqual(continents, {"Africa", "Asia", "Europe", "North America", "Oceania", "South America"})


class PhrasesTest(unittest.TestCase):
    def test_there_are_enough_phrasings(self):
        self.assertEqual(set(PHRASES), {(f.kind, f.prop) for f in world.FACTS})
        for key, phrases in PHRASES.items():
            self.assertGreaterEqual(len(phrases.asks), 10, key)
            self.assertGreaterEqual(len(phrases.heldout), 3, key)
            if phrases.follow_ups:
                self.assertGreaterEqual(sum(len(g) for g in phrases.follow_ups), 5, key)
                self.assertGreaterEqual(len(phrases.heldout_follow_ups), 2, key)

    def test_slots_are_filled(self):
        rng = make_rng("slots")
        for f in world.FACTS:
            texts = [world.ask(f, rng), world.follow_up(f, rng)] + world.heldout(f) + world.heldout_follow_up(f)
            for text in texts:
                self.assertNotRegex(text, r"[{}\[\]|]|  | [?.,]")
                self.assertTrue(text.isascii() and text[0] == text[0].upper() and text[-1] in "?.", text)

    def test_a_question_has_one_answer(self):
        asked = {}
        for f in world.FACTS:
            for question in _all(PHRASES[f.kind, f.prop].asks, f) | {normalise(q) for q in world.heldout(f)}:
                self.assertEqual(asked.setdefault(question, f.answer), f.answer, question)
        for entity, facts in world.ENTITIES.items():
            asked = {}
            for f in facts:
                for question in _all(PHRASES[f.kind, f.prop].follow_ups, f) | {normalise(q) for q in world.heldout_follow_up(f)}:
                    self.assertEqual(asked.setdefault(question, f.answer), f.answer, (entity, question))

    def test_no_held_out_phrasing_is_trained_on(self):
        trained = set()
        for f in world.FACTS:
            phrases = PHRASES[f.kind, f.prop]
            trained |= _all(phrases.asks, f) | _all([phrases.core], f) | _all(phrases.follow_ups, f)
        for f in world.FACTS:
            for question in world.heldout(f) + world.heldout_follow_up(f):
                self.assertFalse(normalise(question) in trained, question)

    def test_nor_does_noise_make_one(self):
        held = {normalise(q) for f in world.FACTS for q in world.heldout(f) + world.heldout_follow_up(f)}
        rng = make_rng("noise")
        for f in world.FACTS:
            for _ in range(8):
                self.assertFalse(normalise(noise(world.ask(f, rng), rng)) in held, f)
                self.assertFalse(normalise(noise(world.follow_up(f, rng), rng)) in held, f)

    def test_draws_are_deterministic(self):
        def draw():
            rng = make_rng("draw")
            return [world.ask(f, rng) + world.follow_up(f, rng) for f in world.FACTS]

        self.assertEqual(draw(), draw())


if __name__ == "__main__":
    unittest.main()
