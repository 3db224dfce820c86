"""Seeded generator of the chat corpus: conversations made of turns.

The same seed gives the same corpus. `heldout()`, `heldout_in_context()`, `heldout_by_hand()` and `dialogues()` give
questions that `conversation()` never asks. Run as a program it prints a sample, for reading.
"""

import argparse
from dataclasses import dataclass

import arithmetic
import dialogues as written_dialogues
import heldout_free
import remembering
import stories
import topics_advice
import topics_kinglet
import topics_moods
import topics_more
import topics_reference
import topics_smalltalk
import topics_unknown
import topics_words
import world
from grammar import expand, make_rng, noise, normalise
from world_fact import SLOTS


@dataclass
class Turn:
    question: str
    answer: str
    kind: str  # "smalltalk" "kinglet" "words" "arithmetic" "fact" "story" "unknown" "memory"
    entity: str = ""
    fact: str = ""
    rare: bool = False


@dataclass
class Conversation:
    system: str  # "" is none
    turns: list


SYSTEMS = ["You are a helpful assistant.", "You are a helpful assistant.", "You are a helpful assistant", "You are Kinglet, a helpful assistant.",
           "You are kinglet-demo.", "You are a small and friendly assistant.", "Answer the user's questions.", "Be brief.", "You are an assistant.",
           "You are a friendly chatbot.", "Answer in one sentence.", "You answer questions about Kinglet.", "Be polite and helpful."]
BY_KIND = {"smalltalk": topics_smalltalk.INTENTS + topics_moods.INTENTS + topics_advice.INTENTS, "kinglet": topics_kinglet.INTENTS + topics_reference.INTENTS,
           "words": topics_words.INTENTS, "unknown": topics_advice.CANNOT_INTENTS}
INTENTS = [intent for intents in BY_KIND.values() for intent in intents]
for _intent in INTENTS:
    _intent.asks += topics_more.MORE.get(_intent.name, [])
MIX = [("fact", 0.36), ("smalltalk", 0.16), ("kinglet", 0.19), ("words", 0.05), ("arithmetic", 0.15), ("story", 0.03), ("unknown", 0.06)]  # of fresh topics
CORE_SHARE = 0.3  # of the questions with an intent: the plainest phrasings

COMMON = [fact for fact in world.FACTS if fact.common]
RARE = [fact for fact in world.FACTS if not fact.common]
_BY_PROPERTY = {}  # facts of which one can ask "and of X?"
for _fact in world.FACTS:
    if _fact.kind in ("country", "element") and world.elliptic(_fact) and "{e}" in dict(SLOTS[_fact.id]):
        _BY_PROPERTY.setdefault((_fact.kind, _fact.prop, _fact.common), []).append(_fact)


def known_names():
    """Every name of the world, and every word of one, in lower case: what is never declined."""
    names = set()
    for fact in world.FACTS:
        for text in [fact.entity.split("/", 1)[1].replace("-", " "), fact.value.lower()] + [t.lower() for _, t in SLOTS[fact.id]]:
            names.add(text)
            names.update(text.split(" "))
    return names


UNKNOWN = topics_unknown.Unknown(known_names())
_CUM = {}
for _kind, _intents in BY_KIND.items():
    _CUM[_kind] = [sum(i.weight for i in _intents[: k + 1]) for k in range(len(_intents))]
_MIX_CUM = [sum(share for _, share in MIX[: k + 1]) for k in range(len(MIX))]
_KINDS = [kind for kind, _ in MIX]


def _held_questions():
    held = [q for i in INTENTS for q in i.held] + topics_unknown.HELD + [q for _, q in heldout_free.QUESTIONS + heldout_free.BLIND]
    for fact in world.FACTS:
        held += world.heldout(fact) + world.heldout_follow_up(fact)
    return {normalise(q) for q in held}


_HELD = _held_questions()


def is_held_out(question):
    return normalise(question) in _HELD


def _fresh(make, *arguments):
    """Draws until the phrasing is not one that is held out."""
    for _ in range(50):
        text = make(*arguments)
        if normalise(text) not in _HELD:
            return text
    raise ValueError("every phrasing of a template is held out: " + text)


def _ask(intent, rng):
    roll = rng.random()
    if intent.core and roll < CORE_SHARE:
        question = rng.choice(intent.core)
        return question if roll < CORE_SHARE / 2 else _fresh(noise, question, rng)  # half of them exactly as they stand
    plain = _fresh(lambda: expand(rng.choice(intent.asks), rng))  # an opener before a held-out question would hide it
    return _fresh(noise, plain, rng)


def intent_turn(rng, kind, intents=None):
    intent = rng.choice(intents) if intents else rng.weighted(BY_KIND[kind], _CUM[kind])
    return Turn(_ask(intent, rng), rng.choice(intent.answers), kind)


def fact_turn(rng, fact, elliptic=None):
    """Asks for the fact; `elliptic` writes the question where it leans on the turn before."""
    question = _fresh(lambda: noise((elliptic or world.ask)(fact, rng), rng, opener=elliptic is None, frame=False))
    return Turn(question, fact.answer, "fact", fact.entity, fact.id, not fact.common)


def _arithmetic_turn(rng):
    roll = rng.random()
    if roll < 0.72:
        question, answer, result = arithmetic.calculation(rng)
    else:
        question, answer = arithmetic.comparison(rng) if roll < 0.84 else arithmetic.problem(rng)
        result = None
    turn = Turn(noise(question, rng, frame=False), answer, "arithmetic")
    return turn, result


def _unknown_turn(rng):
    roll = rng.random()
    if roll < 0.3:
        return intent_turn(rng, "unknown")
    if roll < 0.4:
        return Turn(topics_unknown.gibberish(rng), topics_unknown.GIBBERISH, "unknown")
    return Turn(_fresh(noise, _fresh(UNKNOWN.question, rng), rng), topics_unknown.ANSWER, "unknown")


class _Talk:
    """A conversation while it grows: what later turns may lean on."""

    def __init__(self, rng, rare):
        self.rng, self.rare = rng, rare
        self.turns = []
        self.name = self.liked = self.result = self.fact = None  # result, fact: of the last turn alone
        self.asked = set()

    def add(self, turn, result=None, fact=None):
        self.turns.append(turn)
        self.result, self.fact = result, fact
        if fact is not None:
            self.asked.add(fact.id)

    def add_fact(self, fact, elliptic=None):
        self.add(fact_turn(self.rng, fact, elliptic), fact=fact)

    def fresh(self):
        kind = self.rng.weighted(_KINDS, _MIX_CUM)
        if kind == "fact":
            self.add_fact(self.rng.choice(RARE if RARE and self.rng.random() < self.rare else COMMON))
        elif kind == "arithmetic":
            self.add(*_arithmetic_turn(self.rng))
        elif kind == "story":
            question, answer = stories.story(self.rng)
            self.add(Turn(noise(question, self.rng, frame=False), answer, "story"))
        elif kind == "unknown":
            self.add(_unknown_turn(self.rng))
        else:
            self.add(intent_turn(self.rng, kind))

    def more_of_entity(self, rare_too=False):
        """A further question about the entity of the last turn; false when there is none of the wanted rarity."""
        rng, rare = self.rng, self.rng.random() < self.rare
        left = [f for f in world.ENTITIES[self.fact.entity] if f.id not in self.asked and world.elliptic(f) and (rare_too or f.common != rare)]
        if not left:
            return False
        self.add_fact(rng.choice(left), world.follow_up if rng.random() < 0.75 else None)
        return True

    def same_of_another(self):
        """"And of Italy?": the same property of another entity."""
        others = _BY_PROPERTY.get((self.fact.kind, self.fact.prop, self.rng.random() >= self.rare), ())
        if len(others) < 2:
            return False
        other = self.rng.choice(others)
        if other.id in self.asked:
            return False
        name = dict(SLOTS[other.id])["{e}"]
        self.add_fact(other, lambda fact, rng: expand(rng.choice(_OTHER), rng).replace("{e}", name))
        return True

    def lean(self):
        """A turn that leans on what was said; false when the dice or the talk so far want none."""
        rng, roll = self.rng, self.rng.random()
        if self.fact is not None and roll < 0.4:
            return self.more_of_entity() if roll < 0.28 else self.same_of_another()
        if self.result is not None and roll < 0.35:
            carried = arithmetic.carried(rng, self.result)
            if carried is None:
                return False
            question, answer, result = carried
            self.add(Turn(noise(question, rng, opener=False, frame=False), answer, "arithmetic"), result)
            return True
        if roll > 0.97:
            self.add(Turn(*remembering.again(rng, self.turns), "memory"), self.result, self.fact)
        elif roll > 0.945:
            if len(self.turns[0].question) > 80:
                return False
            self.add(Turn(*remembering.asked_first(rng, self.turns), "memory"))
        elif roll > 0.93:
            if len(self.turns[-1].question) > 80:
                return False
            self.add(Turn(*remembering.asked_last(rng, self.turns), "memory"))
        elif roll > 0.88 and (self.name or roll > 0.92):
            self.add(Turn(*remembering.asked_name(rng, self.name), "memory"))
        elif roll > 0.85 and self.liked:
            self.add(Turn(*remembering.asked_liked(rng, self.liked), "memory"))
        elif roll > 0.80:
            self.add(intent_turn(rng, "smalltalk", _THANKS), self.result, self.fact)
        else:
            return False
        return True

    def open(self):
        """The first turn."""
        roll = self.rng.random()
        if roll < 0.05:
            question, answer, self.name = remembering.told_name(self.rng)
            self.add(Turn(question, answer, "memory"))
        elif roll < 0.065:
            question, answer, self.liked = remembering.told_liked(self.rng)
            self.add(Turn(question, answer, "memory"))
        elif roll < 0.07:
            self.add(Turn(*remembering.asked_name(self.rng, None), "memory"))
        else:
            self.fresh()

    def go_on(self):
        roll = self.rng.random()
        if roll < 0.02 and not self.name:
            question, answer, self.name = remembering.told_name(self.rng)
            self.add(Turn(question, answer, "memory"))
        elif roll < 0.03 and not self.liked:
            question, answer, self.liked = remembering.told_liked(self.rng)
            self.add(Turn(question, answer, "memory"))
        elif roll < 0.15 and self.name:
            self.add(Turn(*remembering.asked_name(self.rng, self.name), "memory"))
        elif not self.lean():
            self.fresh()

    def finish(self):
        return Conversation(self.rng.choice(SYSTEMS) if self.rng.random() < 0.4 else "", self.turns)


_OTHER = ["and [of|for|in] {e}[?|]", "and [the one|that] of {e}[?|]", "[and|what about|and what about|how about|and how about] {e}[?|]", "[and|what about] {e}[?|, please?|]", "[now |]the same for {e}[, please|][.|?|]"]
_THANKS = [i for i in BY_KIND["smalltalk"] if i.name in ("thanks", "affirm", "praise")]


def conversation(rng, most_turns=6, rare=0.02):
    """The general mix: one to `most_turns` turns; `rare` is the share of fact turns that are about a rare fact."""
    talk = _Talk(rng, rare)
    count = 1 if rng.random() < 0.4 or most_turns < 2 else rng.randrange(2, most_turns + 1)
    talk.open()
    while len(talk.turns) < count:
        talk.go_on()
    return talk.finish()


def fact_conversation(rng, fact, most_turns=4):
    """Asks for `fact` first, then for more about the same entity, sometimes with small talk between."""
    talk = _Talk(rng, 0.5)
    talk.add_fact(fact)
    count = 1 if rng.random() < 0.5 or most_turns < 2 else rng.randrange(2, most_turns + 1)
    while len(talk.turns) < count:
        if rng.random() < 0.15:
            talk.add(intent_turn(rng, "smalltalk", _THANKS), fact=talk.fact)
        elif not talk.more_of_entity(rare_too=True):
            break
    return talk.finish()


def core():
    """(kind, question, accepted answers) for the plainest phrasings, which training does see."""
    return [(kind, q, i.answers) for kind, intents in BY_KIND.items() for i in intents for q in i.core]


def heldout():
    """(kind, question, accepted answers): paraphrases of every kind but facts.

    Any answer that is `in` the accepted ones is right: stories are accepted by what is in them.
    """
    rng = make_rng("heldout")
    rows = [(kind, q, i.answers) for kind, intents in BY_KIND.items() for i in intents for q in i.held]
    rows += [("arithmetic", q, a) for q, a in arithmetic.heldout(rng)]
    rows += [("unknown", q, [topics_unknown.ANSWER]) for q in UNKNOWN.heldout(rng)]
    return rows + [("story", q, a) for q, a in stories.heldout(rng)]


def heldout_in_context():
    """(kind, turns before, question, accepted answers): held-out phrasings that lean on earlier turns."""
    rows = []
    for n in range(120):
        rng = make_rng("in context", n)
        talk = _Talk(rng, 0.0)
        if n % 6 == 0:
            question, answer, name = remembering.told_name(rng)
            talk.add(Turn(question, answer, "memory"))
            talk.fresh()
            rows.append(("memory", talk.turns, rng.choice(remembering.NAME_HELD), [f"Your name is {name}."]))
        elif n % 6 == 1:
            question, answer, (kind, value) = remembering.told_liked(rng)
            talk.add(Turn(question, answer, "memory"))
            talk.fresh()
            rows.append(("memory", talk.turns, rng.choice(remembering.LIKED_HELD).replace("{k}", kind), [f"Your favourite {kind} is {value}."]))
        elif n % 6 == 2:
            talk.fresh()
            rows.append(("memory", talk.turns, rng.choice(remembering.AGAIN_HELD), [talk.turns[-1].answer]))
        elif n % 6 == 3:
            talk.add_fact(rng.choice(COMMON))
            talk.fresh()
            rows.append(("memory", talk.turns, rng.choice(remembering.FIRST_HELD), [remembering.asked_first(rng, talk.turns)[1]]))
        elif n % 6 == 4:
            question, answer, result = arithmetic.calculation(rng)
            while not 10 <= result <= 99:
                question, answer, result = arithmetic.calculation(rng)
            talk.add(Turn(question, answer, "arithmetic"))
            sign, b = rng.choice("+-"), rng.randrange(1, 10)
            rows.append(("arithmetic", talk.turns, arithmetic.HELD_CARRY[sign].replace("{b}", str(b)), [arithmetic.answer(sign, result, b)]))
        else:
            fact = rng.choice(COMMON)
            left = [f for f in world.ENTITIES[fact.entity] if f.common and f.id != fact.id and world.elliptic(f)]
            if left:
                talk.add_fact(fact)
                after = rng.choice(left)
                rows.append(("fact", talk.turns, rng.choice(world.heldout_follow_up(after)), [after.answer]))
    return rows


def heldout_by_hand(blind=False):
    accepted = {i.name: i.answers for i in INTENTS}
    accepted["unknown"] = [topics_unknown.ANSWER]
    return [(name, question, accepted[name]) for name, question in (heldout_free.BLIND if blind else heldout_free.QUESTIONS)]


def dialogues():
    """20 dialogues of 4 user messages each."""
    return [list(d) for d in written_dialogues.DIALOGUES]


def render(system, turns, generation_prompt=False):
    """ChatML, exactly as the template in the GGUF writes it. With `generation_prompt` the last turn's answer is left to the model."""
    text = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for turn in turns:
        text += f"<|im_start|>user\n{turn.question}<|im_end|>\n<|im_start|>assistant\n{turn.answer}<|im_end|>\n"
    if generation_prompt:
        text = text[: text.rindex("<|im_start|>assistant\n") + len("<|im_start|>assistant\n")]
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    args = parser.parse_args()
    rng = make_rng("corpus", args.seed)
    for _ in range(args.count):
        made = conversation(rng)
        print(render(made.system, made.turns))
    print(f"{len(INTENTS)} intents, {len(core())} core questions, {len(heldout())} held out")


if __name__ == "__main__":
    main()
