"""How people ask for a fact: for each kind and property, phrasings to train on and phrasings that are held out.

Templates are in groups, `[a|b]` being a choice; all choices are expanded when the module is loaded, so that drawing is cheap.
Slots: {e} the entity as in the middle of a sentence, {e's} its possessive, {v} what a reverse question starts from,
{a} "a lion", {a's} "a lion's", {p} "lions", {n} "lion".
"""

import itertools
import re
from dataclasses import dataclass

import world_phrases_living as living
import world_phrases_matter as matter
import world_phrases_places as places

_CHOICE = re.compile(r"\[([^\[\]]*)\]")

# Frames for properties that are a noun, such as "symbol" or "capital": {N}.
_NOUN_ASKS = [
    "[what is|what's] the {N} of {e}?", "[what is|what's] {e's} {N}?", "{N} of {e}?", "{e's} {N}?", "[tell|give] me [the {N} of {e}|{e's} {N}].",
    "name [the {N} of {e}|{e's} {N}].", "do you know [the {N} of {e}|{e's} {N}]?", "[can|could] you tell me the {N} of {e}?", "[which|what] {N} does {e} have?",
    "{e} has [which|what] {N}?", "the {N} of {e} is [what|which one]?", "{e}, [which|what] {N}?", "for {e}, what is the {N}?",
    "[i want to know|i need|i am looking for] the {N} of {e}.",
    "please look up {e's} {N}.", "do you remember the {N} of {e}?", "[what|which] would be the {N} for {e}?", "someone asked me [for|about] {e's} {N}.",
    "any idea about the {N} of {e}?",
    # Said in passing, with much around it: the words that count are two.
    "i forget [things|names] easily, so what is the {N} of {e}?", "[can|will|would] you remind me of the {N} of {e}?", "remind me: {e's} {N}?",
    "i [forgot|have forgotten] {e's} {N}, what was it?", "my [teacher|boss|daughter|son|friend] asks what the {N} of {e} is.",
    "for my [homework|test|exam|quiz|lesson] i need {e's} {N}.", "[may|might|could] i ask for {e's} {N}?", "may i know the {N} of {e}?",
    "[concerning|regarding|about|as for] {e}: [what is|tell me] the {N}.", "what is the [correct|true|proper|real] {N} of {e}?",
    "if a [child|student|stranger|tourist] asked you for {e's} {N}, what would you say?", "what should i [write|put|enter] as the {N} of {e}?",
    "a crossword wants the {N} of {e}.", "in a quiz they asked the {N} of {e}, what is it?", "could you [find|check|write down|repeat|say] the {N} of {e} for me?",
    "let me know {e's} {N}, please.", "i would [love|like] to [learn|hear|know] the {N} of {e}.", "it would help me to know {e's} {N}.",
    "i am [unsure|not sure] about the {N} of {e}.", "we were talking about {e} and nobody knew the {N}.", "we argue about the {N} of {e}, who is right?",
    "you surely know the {N} of {e}.", "please [answer|complete]: the {N} of {e} is ...", "one more: {e}, {N}?", "{N}, {e}?", "{e} {N}?", "{N} {e}?",
    "how would you answer a question about the {N} of {e}?", "which {N} goes with {e}?", "which {N} is the one of {e}?", "what {N} is right for {e}?",
    "i read about {e}, but not its {N}. what is it?", "think of {e}: what is its {N}?", "take {e}, what is the {N}?", "there is {e}. what is its {N}?",
    "[somebody|someone] [told|asked] me about {e}, but what is its {N}?", "the {N} that belongs to {e}, what is it?", "the {N} belonging to {e}?",
    "say the {N} of {e} in one sentence.", "i have to know the {N} of {e} today.", "last question, the {N} of {e}?", "is there a {N} of {e}, and which?",
]
_NOUN_FOLLOW_UPS = [
    "and its {N}?", "and the {N}?", "[what|how] about [its|the] {N}?", "what is [its|the] {N}?", "and what is [its|the] {N}?", "its {N}?", "[which|what] {N} does it have?",
    "[tell me|and give me] its {N} [too|as well].", "do you know its {N} [too|as well]?", "what would the {N} be?",
    "i want its {N} [too|as well].", "any idea what its {N} is?", "can i have the {N} [too|as well]?", "may i ask its {N}?", "i need the {N} of it [too|also].",
    "now the {N}.", "next, the {N}?", "also the {N}?", "and could you say its {N}?", "remind me of its {N}?", "what was its {N}?", "and how about the {N} of it?",
]
_NOUN_HELDOUT = [
    "I forgot the {N} of {e}, can you remind me?", "Could you look up the {N} that belongs to {e}?", "If someone asks for the {N} of {e}, what should I answer?",
    "May I have the {N} of {e}?", "My homework asks for the {N} of {e}.", "Concerning {e}, what would be the {N}?", "What would be the right {N} for {e}?",
    "Somebody just asked me about the {N} of {e}.",
]
_NOUN_HELDOUT_FOLLOW_UPS = ["May I have its {N} too?", "And what would be its {N}?", "I also need its {N}.", "What would its {N} be?", "Any idea about its {N}?"]


@dataclass(frozen=True)
class Phrases:
    core: list  # the plainest templates, which most people use
    asks: list  # groups of templates; a group is drawn first, then a template of it
    follow_ups: list
    heldout: list
    heldout_follow_ups: list


def _expand(template):
    """All that a template can say; choices do not nest."""
    parts = _CHOICE.split(template)
    options = [[part] if i % 2 == 0 else part.split("|") for i, part in enumerate(parts)]
    texts = (re.sub(r"\bi\b", "I", re.sub(r" +(?=[ ?.]|$)", "", "".join(choice)).strip()) for choice in itertools.product(*options))
    return [text[:1].upper() + text[1:] for text in texts]


def _groups(templates, nouns):
    return [[text for noun in nouns or [""] for text in _expand(t.replace("{N}", noun))] for t in templates]


def _phrases(turn, source):
    nouns = source.get("nouns", [])
    asks = list(source["asks"]) + (_NOUN_ASKS if nouns else [])
    follow_ups = list(source.get("follow_ups", [])) + (_NOUN_FOLLOW_UPS if nouns else [])
    heldout, heldout_follow_ups = list(source["heldout"]), list(source.get("heldout_follow_ups", []))
    for i in range(3 if nouns else 0):  # other ones for other properties
        heldout.append(_NOUN_HELDOUT[(turn + 3 * i) % len(_NOUN_HELDOUT)].replace("{N}", nouns[0]))
        heldout_follow_ups.append(_NOUN_HELDOUT_FOLLOW_UPS[(turn + i) % len(_NOUN_HELDOUT_FOLLOW_UPS)].replace("{N}", nouns[0]))
    core = _expand(_NOUN_ASKS[0].replace("{N}", nouns[0]) if nouns else asks[0])
    return Phrases(core, _groups(asks, nouns), _groups(follow_ups, nouns), heldout, heldout_follow_ups)


PHRASES = {key: _phrases(turn, source) for turn, (key, source) in enumerate({**matter.SOURCES, **places.SOURCES, **living.SOURCES}.items())}
