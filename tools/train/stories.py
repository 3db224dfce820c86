"""Short stories from a grammar: a hero with a name and a home, a friend, one theme, an end.

A story that is asked for with a subject, a name, a friend or a theme has them in it. A fixed part of the pairs of
subject and theme is never trained on (`held_pair`).
"""

import re

from grammar import expand

SUBJECTS = ("fox bear cat dog bird frog mouse rabbit owl duck kinglet hedgehog horse sheep goat pig squirrel turtle penguin lion tiger elephant wolf "
            "bee snail robot king queen princess prince pirate dragon knight farmer baker painter sailor gardener giant wizard").split()
HOMES = {"robot": ["in a workshop", "in a quiet town"], "king": ["in an old castle"], "queen": ["in an old castle"], "princess": ["in a castle by the sea"], "prince": ["in a castle by the sea"],
         "pirate": ["on a small ship", "on an island"], "dragon": ["in a cave", "on a high mountain"], "knight": ["in an old castle"], "farmer": ["on a little farm"], "baker": ["in a quiet town"],
         "painter": ["in a quiet town"], "sailor": ["by the sea"], "gardener": ["in a little village"], "giant": ["on a high mountain"], "wizard": ["in a tall tower"],
         "penguin": ["on the ice"], "lion": ["in the grassland"], "elephant": ["in the grassland"], "tiger": ["in the jungle"], "horse": ["on a little farm"], "sheep": ["on a green hill"],
         "goat": ["on a green hill"], "pig": ["on a little farm"], "duck": ["by a small lake"], "frog": ["by a small pond"], "turtle": ["by a small lake"], "cat": ["in a little village"], "dog": ["on a little farm"]}
WILD = ["in a green forest", "near an old oak tree", "in a green forest by the river"]
NAMES = "Tim Mia Ben Lily Tom Anna Sam Lucy Max Emma Leo Nora Finn Ella Otto Rosa Milo Ruby Hugo Ivy".split()
MEN = "Tim Ben Tom Sam Max Leo Finn Otto Milo Hugo".split()
WOMEN = [n for n in NAMES if n not in MEN]
ONLY = {"king": MEN, "prince": MEN, "wizard": MEN, "queen": WOMEN, "princess": WOMEN}  # who has a name of one sort
NATURE = "[little|small|young|kind|cheerful|quiet|brave|clever|curious|gentle]"

# theme: how it is asked for, and the middle of the story, sentence by sentence. {N} hero, {F} friend, {s} and {f} what they are.
THEMES = {
    "the moon": ["[{N} loved to look at the moon|Every night {N} looked up at the moon].", "[One night the moon was gone|One night {N} could not see the moon at all], and {N} was worried.",
                 "{F} the {f} said: \"The moon is only behind a cloud.\"", "So they sat down together and waited.", "[At last|After a while] the wind took the cloud away, and the moon was back."],
    "the rain": ["One morning it began to rain, and the rain did not stop.", "{N} was [wet and cold|cold and sad] and looked for a dry place.", "{F} the {f} had a big [leaf|umbrella] and called: \"Come to me!\"",
                 "They sat there together and [told stories|sang songs].", "When the rain was over, they saw a rainbow."],
    "the snow": ["One winter morning the whole world was white with snow.", "{N} had never seen snow before and [was afraid to go out|did not dare to touch it].", "Then {F} the {f} came and laughed: \"Snow is fun!\"",
                 "They [made a snowman|rolled big snowballs] and played until evening.", "In the end {N} loved the snow and did not want to go home."],
    "a storm": ["One evening a great storm came up.", "The storm broke the house of {F} the {f}.", "{N} opened the door and said: \"You can stay with me.\"", "Together they waited until the storm was over.",
                "The next day they built a new house, and it was stronger than the old one."],
    "a lost key": ["One day {N} came home and could not find the key.", "The key was lost, and the door was shut.", "{F} the {f} asked: \"Where did you last see it?\"", "They went back the whole way and looked [under every stone|in the grass].",
                   "The key lay [beside the well|under a red leaf], and they both cheered."],
    "a boat": ["{N} dreamed of a boat and of the wide water.", "But {N} had no boat and could not build one alone.", "{F} the {f} said: \"I have wood, and you have time.\"", "They worked for [three|five|seven] days until the boat was ready.",
               "Then they sailed away and saw the whole lake."],
    "a song": ["{N} wanted to sing a song, but always forgot the words.", "The others laughed, and {N} became silent.", "{F} the {f} said: \"Sing the song with me.\"", "They practised every evening [under the old tree|by the fire].",
               "At the feast they sang the song together, and everybody clapped."],
    "a garden": ["{N} had a garden in which nothing grew.", "The earth was dry, and {N} nearly gave up the garden.", "{F} the {f} brought [water|a can of water] and some seeds.", "Day after day they cared for the garden.",
                 "In summer it was full of flowers, and the bees came."],
    "a treasure": ["One day {N} found an old map of a treasure.", "The way was long, and {N} did not want to go alone.", "{F} the {f} said: \"I will come with you.\"", "They [crossed a river|climbed a hill] and dug a deep hole.",
                   "The treasure was a box of [golden coins|bright stones], and they shared it."],
    "friendship": ["{N} had no friends and played alone every day.", "[One day|One morning] {N} heard somebody cry.", "It was {F} the {f}, who had fallen into a hole.", "{N} let down a rope and pulled as hard as possible.",
                   "So their friendship began, and {N} was never alone again."],
    "courage": ["{N} was afraid of the dark and never went out at night.", "One night {F} the {f} did not come home.", "{N} took a lamp and all the courage in the world.", "In the dark wood {N} called and called until {F} answered.",
                "Everybody praised the courage of {N}, and the dark was not so dark any more."],
    "sharing": ["{N} had a big basket of [apples|bread and cheese|berries].", "{F} the {f} had nothing to eat and sat by the road.", "{N} thought about it and then said: \"Let us share.\"", "They ate together and talked until evening.",
                "Sharing made the food taste twice as good."],
    "patience": ["{N} planted a seed and wanted a tree at once.", "Every hour {N} looked, but nothing happened.", "{F} the {f} said: \"You need patience.\"", "So they waited and watered the seed every day.",
                 "After a year of patience there was a little tree."],
    "honesty": ["One day {N} found a purse full of money on the road.", "It belonged to {F} the {f}, who looked for it everywhere.", "{N} could have kept it, but gave it back.", "{F} was very glad and praised the honesty of {N}.",
                "With honesty, {N} had won a friend."],
    "a birthday": ["It was the birthday of {N}, but nobody seemed to know.", "{N} walked about and felt sad.", "Then {F} the {f} called: \"Come quickly, I need help!\"", "Behind the door all the others were waiting with a big cake.",
                   "It was the best birthday of all."],
    "a star": ["One night {N} saw a star fall from the sky.", "The little star lay in the grass and could not get home.", "{F} the {f} knew the highest hill.", "They carried the star up there and [held it high|let it go].",
               "The star flew home and winks at them every night."],
}
ENDS = ["From that day on, {N} and {F} were good friends.", "And they lived happily ever after.", "That night {N} slept very well.", "{N} and {F} still talk about it today."]
ASKS = {
    "any": ["[tell|write|read|give] me a [|short|little|nice|small|bedtime|good] story[|.|, please.]", "[can|could|will] you tell [|me ]a [|short|little|nice|bedtime] story[?|]", "[i want|i would like] [to hear|] a [|short|little] story[.|]",
            "do you know a [|short|good] story[?|]", "a story, please[.|]", "story[.|]", "[another|one more|a new] story[, please|][.|]", "tell me [another|one more] story[.|]"],
    "subject": ["[tell|write|give|read] me a [|short|little|nice|small|bedtime] story about [a|the] [|little |small ]{s}[|.|, please.]", "[can|could] you tell [|me ]a [|short] story about a {s}[?|]", "do you know a story about a {s}[?|]",
                "a story about a {s}[, please|][.|]", "[a {s} story|tell me about a {s} in a story][|, please][.|]", "[i want|i would like] [to hear |]a story about a {s}[.|]"],
    "theme": ["[tell|write|give|read] me a [|short|little|nice] story about {t}[|.|, please.]", "[can|could] you tell [|me ]a [|short] story about {t}[?|]", "a story about {t}[, please|][.|]", "do you know a story about {t}[?|]"],
    "both": ["[tell|write|give|read] me a [|short|little|nice] story about [a|the] {s} and {t}[|.|, please.]", "[can|could] you tell [|me ]a story about a {s} and {t}[?|]", "a story about a {s} and {t}[, please|][.|]"],
    "named": ["[tell|write|give|read] me a [|short|little|nice] story about a {s} [named|called] {n}[|.|, please.]", "a story about a {s} [named|called] {n}[, please|][.|]", "[can|could] you tell [|me ]a story about {n} the {s}[?|]"],
    "friends": ["[tell|write|give|read] me a [|short|little|nice] story about a {s} and a {f}[|.|, please.]", "a story [about|with] a {s} and a {f}[, please|][.|]", "[can|could] you tell [|me ]a story about a {s} and a {f}[?|]"],
}
HELD = {"any": ["I am bored, could I hear a story?", "Make up a story for my children."], "subject": ["My daughter likes a {s}. Have you got a story for her?", "Invent a tale with a {s} in it."],
        "theme": ["Invent a tale in which {t} matters."], "both": ["Invent a tale with a {s} and {t}."]}
_THEMES = list(THEMES)
_ARTICLE = re.compile(r"\b([aA]) (?=[aeiou])")


def held_pair(subject, theme):
    """Whether training never tells of these two together: about one pair in twelve."""
    return (SUBJECTS.index(subject) * 7 + _THEMES.index(theme) * 5) % 12 == 3


def _article(noun):
    return "an" if noun[0] in "aeiou" else "a"


def _tell(rng, subject, theme, name, friend, friend_kind):
    nature = expand(NATURE, rng)
    home = rng.choice(HOMES.get(subject, WILD))
    lines = [f"Once upon a time, {_article(nature)} {nature} {subject} named {{N}} lived {home}."] + [expand(line, rng) for line in THEMES[theme]] + [rng.choice(ENDS)]
    return " ".join(lines).replace("{N}", name).replace("{F}", friend).replace("{f}", friend_kind).replace("{s}", subject)


def _other(rng, items, than):
    while True:
        item = rng.choice(items)
        if item != than:
            return item


def story(rng):
    """(question, answer): a story asked for and told."""
    subject, theme = rng.choice(SUBJECTS), rng.choice(_THEMES)
    while held_pair(subject, theme):
        subject, theme = rng.choice(SUBJECTS), rng.choice(_THEMES)
    kind = _other(rng, SUBJECTS, subject)
    name = rng.choice(ONLY.get(subject, NAMES))
    friend = _other(rng, ONLY.get(kind, NAMES), name)
    roll = rng.random()
    form = "any" if roll < 0.15 else "subject" if roll < 0.5 else "theme" if roll < 0.65 else "both" if roll < 0.8 else "named" if roll < 0.9 else "friends"
    return fill(expand(rng.choice(ASKS[form]), rng), subject, theme, name, kind), _tell(rng, subject, theme, name, friend, kind)


def fill(template, subject, theme, name="", kind=""):
    text = template.replace("{s}", subject).replace("{t}", theme).replace("{n}", name).replace("{f}", kind)
    text = _ARTICLE.sub(r"\1n ", text)  # "a owl" was written before the word was known
    return text[0].upper() + text[1:]


class Told(list):
    """Accepted answers, as other kinds list them: every story of 5 to 9 sentences with these words in it."""

    def __init__(self, words):
        super().__init__(["a story" + (" with " + " and ".join(words) if words else "")])
        self.words = words

    def __contains__(self, answer):
        return answer is not None and right(answer, self.words)


def heldout(rng):
    """(question, accepted answers)"""
    return [(question, Told(words)) for question, words in _heldout(rng)]


def _heldout(rng):
    rows = [(q, []) for q in HELD["any"]]
    for i, subject in enumerate(SUBJECTS):
        themes = [t for t in _THEMES if held_pair(subject, t)]
        if themes:
            theme = rng.choice(themes)
            template = HELD["both"][0] if i % 3 == 0 else "Tell me a story about a {s} and {t}."
            rows.append((fill(template, subject, theme), [subject, theme.split(" ")[-1]]))
        if i % 4 == 0:
            rows.append((fill(rng.choice(HELD["subject"]), subject, ""), [subject]))
    for theme in _THEMES[::3]:
        rows.append((fill(HELD["theme"][0], "", theme), [theme.split(" ")[-1]]))
    return rows


def right(answer, words):
    """Whether an answer is a story of 5 to 9 sentences with those words in it."""
    text = answer.lower()
    sentences = sum(text.count(mark) for mark in (". ", "! ", "? ")) + 1
    return 5 <= sentences <= 9 and answer[-1:] in ".!?\"" and all(word in text for word in words)
