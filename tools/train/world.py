"""The closed world of facts: every fact with its answer, and how it is asked for.

`ask` and `follow_up` give phrasings to train on, `heldout` and `heldout_follow_up` paraphrases that those never give.
Slips of the finger, openers and the like are the corpus's business.
"""

import world_animals
import world_countries
import world_elements
import world_space
import world_units
from world_fact import SLOTS, Fact  # noqa: F401 (for users of this module)
from world_phrases import PHRASES

FACTS = [fact for part in (world_elements, world_countries, world_space, world_animals, world_units) for fact in part.facts()]
ENTITIES = {}
for _fact in FACTS:
    ENTITIES.setdefault(_fact.entity, []).append(_fact)


def _fill(template, fact):
    for slot, text in SLOTS[fact.id]:
        template = template.replace(slot, text)
    return template[:1].upper() + template[1:]


def elliptic(fact):
    """Whether the fact can be asked for with a pronoun; not so reverse facts, whose answer is the entity itself."""
    return bool(PHRASES[fact.kind, fact.prop].follow_ups)


def _and(question):
    return "And " + (question if question.split(" ")[0].isupper() else question[:1].lower() + question[1:])


def ask(fact, rng):
    return _fill(rng.choice(rng.choice(PHRASES[fact.kind, fact.prop].asks)), fact)


def follow_up(fact, rng):
    groups = PHRASES[fact.kind, fact.prop].follow_ups
    return _fill(rng.choice(rng.choice(groups)), fact) if groups else "And " + _fill(rng.choice(rng.choice(PHRASES[fact.kind, fact.prop].asks)), fact)


def heldout(fact):
    return [_fill(t, fact) for t in PHRASES[fact.kind, fact.prop].heldout]


def heldout_follow_up(fact):
    phrases = PHRASES[fact.kind, fact.prop]
    return [_fill(t, fact) for t in phrases.heldout_follow_ups] if phrases.follow_ups else ["And " + q for q in heldout(fact)]
