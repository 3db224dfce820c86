"""Fast checks of the corpus, with the standard library alone: /usr/bin/python3 -m unittest corpus_test (about ten seconds)."""

import collections
import re
import time
import unittest

import arithmetic
import corpus
import dialogues
import heldout_free
import stories
import topics_unknown
import world
from grammar import Rng, expand, make_rng, normalise, parse

SAMPLE = [corpus.conversation(make_rng("corpus test", i), most_turns=8, rare=0.1) for i in range(4000)]
TURNS = [turn for made in SAMPLE for turn in made.turns]


def texts(seed, count):
    rng = make_rng("corpus", seed)
    return [corpus.render(c.system, c.turns) for c in (corpus.conversation(rng) for _ in range(count))]


class GrammarTest(unittest.TestCase):
    def test_choices_nest_and_may_be_empty(self):
        self.assertEqual(parse("a[b|c[d|]]"), ["a", [["b"], ["c", [["d"], []]]]])
        rng = make_rng("grammar")
        self.assertEqual({expand("a[b|c[d|]][|e]", rng) for _ in range(200)}, {"ab", "ac", "acd", "abe", "ace", "acde"})

    def test_weights_are_obeyed(self):
        rng = Rng(1)
        counts = collections.Counter(rng.weighted("abc", [1, 1, 4]) for _ in range(4000))
        self.assertEqual(counts["b"], 0)
        self.assertAlmostEqual(counts["c"] / 4000, 0.75, delta=0.03)


class ConversationTest(unittest.TestCase):
    def test_the_same_seed_gives_the_same_conversations(self):
        self.assertEqual(texts(7, 50), texts(7, 50))
        self.assertNotEqual(texts(7, 50), texts(8, 50))

    def test_every_kind_of_turn_occurs_and_conversations_end(self):
        self.assertEqual({t.kind for t in TURNS}, {"smalltalk", "kinglet", "words", "arithmetic", "fact", "story", "unknown", "memory"})
        self.assertLessEqual(max(len(c.turns) for c in SAMPLE), 8)
        self.assertGreater(sum(len(c.turns) > 1 for c in SAMPLE), len(SAMPLE) / 3)

    def test_text_is_ascii_and_answers_are_whole_sentences(self):
        for turn in TURNS:
            self.assertTrue((turn.question + turn.answer).isascii(), turn)
            self.assertTrue(turn.question.strip() and "{" not in turn.question and "[" not in turn.question and "|" not in turn.question, turn)
            self.assertRegex(turn.answer, r"^[A-Z0-9].*[.?!]$")
        for intent in corpus.INTENTS:
            for answer in intent.answers:
                self.assertTrue(answer.isascii(), answer)
                self.assertRegex(answer, r"^[A-Z].*[.?!]$", intent.name)

    def test_facts_are_the_worlds_and_rare_ones_have_their_share(self):
        by_id = {f.id: f for f in world.FACTS}
        facts = [t for t in TURNS if t.kind == "fact"]
        for turn in facts:
            self.assertEqual((turn.answer, turn.entity, turn.rare), (by_id[turn.fact].answer, by_id[turn.fact].entity, not by_id[turn.fact].common))
        self.assertAlmostEqual(sum(t.rare for t in facts) / len(facts), 0.1, delta=0.04)
        rng = make_rng("no rare")
        self.assertFalse(any(t.rare for _ in range(500) for t in corpus.conversation(rng, rare=0.0).turns))

    def test_a_conversation_about_a_fact_begins_with_it_and_stays_with_its_entity(self):
        rng = make_rng("about")
        longer = 0
        for fact in world.FACTS[::7]:
            turns = corpus.fact_conversation(rng, fact).turns
            self.assertEqual((turns[0].fact, turns[0].answer), (fact.id, fact.answer))
            self.assertTrue(all(t.kind == "smalltalk" or t.entity == fact.entity for t in turns))
            longer += len(turns) > 1
        self.assertGreater(longer, 20)

    def test_what_leans_on_earlier_turns_is_right(self):
        seen = collections.Counter()
        for made in SAMPLE:
            for before, turn in zip(made.turns, made.turns[1:]):
                if turn.answer.startswith("Your first message was "):
                    self.assertEqual(turn.answer, f'Your first message was "{made.turns[0].question}".')
                    seen["first"] += 1
                elif turn.kind == "memory" and turn.answer == before.answer:
                    seen["again"] += 1
                elif turn.answer.startswith("You asked "):
                    self.assertEqual(turn.answer, f'You asked "{before.question}".')
                    seen["last"] += 1
                elif turn.answer.startswith("Your name is "):
                    self.assertIn("Nice to meet you, " + turn.answer[len("Your name is ") : -1], " ".join(t.answer for t in made.turns))
                    seen["name"] += 1
        for what in ("first", "last", "again", "name"):
            self.assertGreater(seen[what], 20, what)

    def test_a_conversation_costs_little(self):
        rng = make_rng("speed")
        began = time.process_time()
        for _ in range(2000):
            corpus.conversation(rng)
        self.assertLess((time.process_time() - began) / 2000, 500e-6)  # 45 microseconds on two cores of a Zen 3

    def test_chatml(self):
        turns = [corpus.Turn("Hi", "Hello.", "smalltalk"), corpus.Turn("Bye", "", "smalltalk")]
        self.assertEqual(corpus.render("Be brief.", turns, generation_prompt=True),
                         "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
                         "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n")
        self.assertEqual(corpus.render("", turns[:1]), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n")


class HeldOutTest(unittest.TestCase):
    def test_held_out_questions_are_never_asked_in_training(self):
        held = {normalise(q) for kind, q, _ in corpus.heldout() if kind != "arithmetic"}  # of sums, the pairs are held out
        held |= {normalise(q) for _, q, _ in corpus.heldout_by_hand() + corpus.heldout_by_hand(blind=True)}
        asked = {normalise(t.question) for t in TURNS}
        self.assertEqual(asked & held, set())
        self.assertEqual(held & {normalise(q) for _, q, _ in corpus.core()}, set())

    def test_every_intent_has_two_held_out_paraphrases(self):
        self.assertGreaterEqual(len(corpus.INTENTS), 120)
        self.assertEqual(len({i.name for i in corpus.INTENTS}), len(corpus.INTENTS))
        count = collections.Counter(name for name, _ in heldout_free.QUESTIONS + heldout_free.BLIND)
        few = [i.name for i in corpus.INTENTS if count[i.name] + len(i.held) < 2]
        self.assertEqual(few, [])

    def test_every_kind_is_held_out(self):
        kinds = {k for k, _, _ in corpus.heldout()} | {k for k, *_ in corpus.heldout_in_context()} | {"fact"}
        self.assertEqual(kinds, {t.kind for t in TURNS})

    def test_there_are_twenty_dialogues_of_four_messages(self):
        self.assertEqual([len(d) for d in corpus.dialogues()], [4] * 20)
        self.assertTrue(all(q.isascii() for d in dialogues.DIALOGUES for q in d))

    def test_no_phrasing_has_two_meanings(self):
        rng, seen, both = make_rng("meanings"), {}, []
        for intent in corpus.INTENTS:
            for question in set(intent.core + intent.held + [expand(a, rng) for a in intent.asks for _ in range(30)]):
                other = seen.setdefault(normalise(question), intent)
                if other.answers != intent.answers:
                    both.append((question, intent.name, other.name))
        self.assertEqual(both, [])
        for fact in world.FACTS:
            for _ in range(3):
                other = seen.get(normalise(world.ask(fact, rng)))
                self.assertTrue(other is None or fact.answer in other.answers, (fact.id, other and other.name))


class ArithmeticTest(unittest.TestCase):
    def test_answers_are_right(self):
        found = 0
        for question, answer in [(t.question, t.answer) for t in TURNS if t.kind == "arithmetic"] + [(q, a[0]) for q, a in arithmetic.heldout(make_rng("right"))]:
            match = re.search(r"^(\d+) ([-+*/]) (\d+) = (-?\d+)\.$", answer)
            if match:
                a, sign, b, result = match.groups()
                self.assertEqual(eval(f"{a} {sign} {b}"), int(result), answer)  # digits and a sign, as the expression above says
                found += 1
            else:
                self.assertRegex(answer, r"^(Yes\. |No\. )?\d+ (is (larger|smaller) than|and) \d+( are equal)?\.$")
        self.assertGreater(found, 500)

    def test_a_tenth_of_the_pairs_is_never_trained(self):
        pairs = [("+", a, b) for a in range(100) for b in range(a, 100)]
        self.assertAlmostEqual(sum(arithmetic.held_pair(*p) for p in pairs) / len(pairs), 0.1, delta=0.02)
        for turn in TURNS:
            match = re.search(r"^(\d+) ([-+*/]) (\d+) = ", turn.answer)
            if match:
                a, sign, b = match.groups()
                self.assertFalse(arithmetic.held_pair(sign, int(a), int(b)), turn)


class StoryTest(unittest.TestCase):
    def test_stories_have_what_was_asked_for(self):
        rng = make_rng("stories")
        for _ in range(2000):
            question, answer = stories.story(rng)
            words = [w for w in stories.SUBJECTS if re.search(rf"\b{w}\b", question)] + [t.split(" ")[-1] for t in stories.THEMES if t in question]
            self.assertTrue(stories.right(answer, words), (question, answer))

    def test_stories_are_accepted_by_what_is_in_them(self):
        _, answer = stories.story(make_rng("accepted"))
        subject = re.match(r"Once upon a time, an? \w+ (\w+) named", answer).group(1)
        self.assertIn(answer, stories.Told([subject]))
        for wrong in (None, "", "A " + subject + ".", answer + answer, answer.replace(subject, "thing")):
            self.assertNotIn(wrong, stories.Told([subject]))
        self.assertTrue(all(a[0].startswith("a story") for kind, _, a in corpus.heldout() if kind == "story"))

    def test_held_out_pairs_of_subject_and_theme_are_never_told_of(self):
        rng = make_rng("held stories")
        held = sum(stories.held_pair(s, t) for s in stories.SUBJECTS for t in stories.THEMES)
        self.assertTrue(40 <= held <= 80, held)
        for _ in range(2000):
            _, answer = stories.story(rng)
            subject = re.match(r"Once upon a time, an? \w+ (\w+) named", answer).group(1)
            for theme, lines in stories.THEMES.items():
                if lines[3].split("[")[0].split("{")[0] and lines[3].split("[")[0].split("{")[0] in answer and len(lines[3].split("[")[0].split("{")[0]) > 12:
                    self.assertFalse(stories.held_pair(subject, theme), answer)


class UnknownTest(unittest.TestCase):
    def test_what_the_world_knows_is_never_declined(self):
        names = {f.entity.split("/", 1)[1].replace("-", " ") for f in world.FACTS}
        rng = make_rng("unknown")
        for _ in range(3000):
            question = f" {normalise(corpus.UNKNOWN.question(rng))} "
            self.assertFalse([n for n in names if f" {n} " in question and n not in ("earth", "moon")], question)
        self.assertGreater(len(corpus.UNKNOWN.nouns), 60)
        self.assertGreater(len(corpus.UNKNOWN.held), 10)
        self.assertTrue(topics_unknown.ANSWER)


if __name__ == "__main__":
    unittest.main()
