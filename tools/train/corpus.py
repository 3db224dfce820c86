"""Seeded generator of the chat corpus: conversations as lists of (role, text).

The same seed gives the same corpus. `heldout()` and `heldout_by_hand()` give questions that `conversation()` never asks.
Run as a program it prints a sample, for reading.
"""

import argparse

import heldout_free
import topics_facts as facts
import topics_kinglet
import topics_reference
import topics_smalltalk
from grammar import capitalise, expand, make_rng, noise, normalise

INTENTS = topics_smalltalk.INTENTS + topics_kinglet.INTENTS + topics_reference.INTENTS + facts.INTENTS
SYSTEMS = ["You are a helpful assistant.", "You are a helpful assistant.", "You are a helpful assistant", "You are Kinglet, a helpful assistant.",
           "You are kinglet-demo.", "You are a small and friendly assistant.", "Answer the user's questions.", "Be brief.", "You are an assistant.",
           "You are a friendly chatbot.", "Answer in one sentence.", "You answer questions about Kinglet.", "Be polite and helpful."]
PEOPLE = ("Anna Ben Carl Dora Emil Fay Gus Hana Ivan Jane Karl Lena Marc Nina Otto Paul Rosa Sven Tina Uwe Vera Will Yara Zoe Alice Bob Carol David "
          "Eve Frank Grace Henry Iris Jack Kate Liam Mary Noah Olga Peter Quinn Ruth Sarah Tom Victor Wendy Maria John James Laura Julia Simon").split()
_WEIGHTS = [i.weight for i in INTENTS]
_CUM = [sum(_WEIGHTS[: k + 1]) for k in range(len(_WEIGHTS))]
_HELD = {normalise(q) for q in facts.UNKNOWN_HELD} | {normalise(q) for _, q in heldout_free.QUESTIONS + heldout_free.BLIND}
CORE_SHARE = 0.35  # of the questions: the plainest phrasings


def _fresh(make):
    """Draws until the phrasing is not one that is held out."""
    for _ in range(50):
        text = make()
        if normalise(text) not in _HELD:
            return text
    raise ValueError("every phrasing of a template is held out: " + text)


def turn(rng):
    """One question and its answer."""
    roll = rng.random()
    if roll < 0.09:
        question, answer = facts.sum_question(rng)
        return noise(question, rng), answer
    if roll < 0.15:
        return _fresh(lambda: noise(facts.fill_unknown(rng), rng)), facts.UNKNOWN
    if roll < 0.16:
        return facts.gibberish(rng), facts.GIBBERISH
    intent = rng.choices(INTENTS, cum_weights=_CUM)[0]
    if intent.core and rng.random() < CORE_SHARE:
        light = rng.random() < 0.5  # half of them exactly as they stand
        question = _fresh(lambda: rng.choice(intent.core) if light else noise(rng.choice(intent.core), rng))
    else:
        question = _fresh(lambda: noise(expand(rng.choice(intent.asks), rng), rng))
    return question, rng.choice(intent.answers)


def _name_turns(rng):
    name = rng.choice(PEOPLE) if rng.random() < 0.5 else capitalise("".join(rng.choice(p) for p in ("bdfgklmnprstvz", "aeiou", "lmnrst", "aeiou", ["", "n", "s", "l", "r"])))
    told = expand(rng.choice(["[my name is|i am|i'm|call me|you can call me|this is] {x}[.|!|]", "[hello|hi|hey], [my name is|i am|i'm] {x}[.|!|]"]), rng)
    asked = expand(rng.choice(["[what is|what's|do you know|do you remember|tell me] my name[?|]", "who am i[?|]", "what did i say my name is[?|]", "what am i called[?|]"]), rng)
    first = (noise(told, rng, opener=False) if rng.random() < 0.5 else capitalise(told)).replace("{x}", name).replace("{X}", name)
    return [(first, f"Nice to meet you, {name}! How can I help you?")], (noise(asked, rng), f"Your name is {name}.")


def conversation(rng, most_turns=6):
    """A conversation of one to `most_turns` turns, two in five with a system message."""
    turns = []
    roll = rng.random()
    count = 1 if roll < 0.45 else rng.randrange(2, most_turns + 1)
    if count == 1 and rng.random() < 0.02:
        turns = [(noise("what is my name?", rng), "You have not told me your name yet.")]
    elif count > 1 and rng.random() < 0.12:
        before, after = _name_turns(rng)
        turns = before + [turn(rng) for _ in range(rng.randrange(0, count))] + [after]
    else:
        turns = [turn(rng) for _ in range(count)]
        if count > 1 and rng.random() < 0.1:
            at = rng.randrange(1, count)
            turns[at] = (expand(rng.choice(["[say that again|repeat that|repeat your answer|what did you say|can you repeat that|pardon|again, please|once more][.|?|]"]), rng), turns[at - 1][1])
    messages = [("system", rng.choice(SYSTEMS))] if rng.random() < 0.4 else []
    for question, answer in turns:
        messages += [("user", question), ("assistant", answer)]
    return messages


def core():
    """(intent, question, accepted answers) for the plainest phrasings, which training does see."""
    return [(i.name, q, i.answers) for i in INTENTS for q in i.core]


def heldout():
    """The same for sums in held-out phrasings and for questions that the model should decline."""
    rng = make_rng("heldout")
    sums = [facts.sum_question(rng, heldout=True) for _ in range(60)]
    return [("sum", q, [a]) for q, a in sums] + [("unknown", q, [facts.UNKNOWN]) for q in facts.UNKNOWN_HELD]


def heldout_by_hand(blind=False):
    accepted = {i.name: i.answers for i in INTENTS}
    accepted["unknown"] = [facts.UNKNOWN]
    return [(name, question, accepted[name]) for name, question in (heldout_free.BLIND if blind else heldout_free.QUESTIONS)]


def render(messages, generation_prompt=False):
    """ChatML, exactly as the template in the GGUF writes it."""
    text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)
    return text + ("<|im_start|>assistant\n" if generation_prompt else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    args = parser.parse_args()
    rng = make_rng("corpus", args.seed)
    for _ in range(args.count):
        print(render(conversation(rng)))
    print(f"{len(INTENTS)} intents, {len(core())} core questions")


if __name__ == "__main__":
    main()
