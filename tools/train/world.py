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
ENTITIES = {}  # entity -> its facts
CORE_SHARE = 0.15  # of the questions: the plainest phrasing
for _fact in FACTS:
    ENTITIES.setdefault(_fact.entity, []).append(_fact)


def _fill(template, fact):
    for slot, text in SLOTS[fact.id]:
        template = template.replace(slot, text)
    return template[:1].upper() + template[1:]


def elliptic(fact):
    """Whether the fact can be asked for with a pronoun; not so reverse facts, whose answer is the entity itself."""
    return bool(PHRASES[fact.kind, fact.prop].follow_ups)


def _draw(groups, rng):
    return rng.choice(rng.choice(groups))


def _and(template, fact):
    """For reverse facts, which no pronoun can ask for."""
    keep = template[0] == "{" or template.startswith("I ")
    return _fill("And " + (template if keep else template[0].lower() + template[1:]), fact)


def ask(fact, rng):
    phrases = PHRASES[fact.kind, fact.prop]
    return _fill(rng.choice(phrases.core) if rng.random() < CORE_SHARE else _draw(phrases.asks, rng), fact)


def follow_up(fact, rng):
    phrases = PHRASES[fact.kind, fact.prop]
    return _fill(_draw(phrases.follow_ups, rng), fact) if phrases.follow_ups else _and(_draw(phrases.asks, rng), fact)


def heldout(fact):
    return [_fill(t, fact) for t in PHRASES[fact.kind, fact.prop].heldout]


def heldout_follow_up(fact):
    phrases = PHRASES[fact.kind, fact.prop]
    return [_fill(t, fact) for t in phrases.heldout_follow_ups] if phrases.follow_ups else [_and(t, fact) for t in phrases.heldout]
