"""What a fact is, and the words that fill the templates which ask for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    id: str  # "element/osmium/symbol"
    entity: str  # "element/osmium": the routing key
    kind: str  # "element"
    prop: str  # "symbol"
    answer: str  # one whole sentence: "The symbol of osmium is Os."
    value: str  # what must occur, as a word, in a right answer: "Os"
    common: bool  # well known, else rare


SLOTS = {}  # fact id -> [("{e}", "osmium"), ...], for the templates


def possessive(name):
    return name + ("'" if name.endswith("s") else "'s")


def article(noun):
    vowel = noun[0].lower() in "aeiou" and not noun.startswith("ewe")
    return ("an " if vowel else "a ") + noun


def make(kind, name, prop, answer, value, common, **slots):
    """A fact about `name`; `slots` are the words for the templates, of which e and a get their possessives too."""
    entity = kind + "/" + name.lower().replace(" ", "-").replace("'", "")
    fact = Fact(entity + "/" + prop, entity, kind, prop, answer, value, common)
    for key in ("e", "a"):
        if key in slots:
            slots[key + "'s"] = possessive(slots[key])
    SLOTS[fact.id] = [("{" + key + "}", text) for key, text in slots.items()]
    return fact
