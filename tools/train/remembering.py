"""Turns about the conversation itself: a name or a favourite told earlier, what was said, what was asked first."""

from grammar import capitalise, expand, noise

PEOPLE = ("Anna Ben Carl Dora Emil Fay Gus Hana Ivan Jane Karl Lena Marc Nina Otto Paul Rosa Sven Tina Uwe Vera Will Yara Zoe Alice Bob Carol David "
          "Eve Frank Grace Henry Iris Jack Kate Liam Mary Noah Olga Peter Quinn Ruth Sarah Tom Victor Wendy Maria John James Laura Julia Simon").split()
NAME_TOLD = ["[my name is|i am|i'm|call me|you can call me|this is] {x}[.|!|]", "[hello|hi|hey], [my name is|i am|i'm] {x}[.|!|]", "{x} is my name[.|]", "[by the way, |so, ]my name is {x}[.|]", "people call me {x}[.|]"]
NAME_ASKED = ["[what is|what's|do you know|do you remember|tell me|can you remember] my name[?|]", "who am i[?|]", "what did i say my name is[?|]", "what am i called[?|]", "[do you remember|do you know] who i am[?|]"]
NAME_HELD = ["By what name do I go?", "How did I introduce myself?"]
NAME_UNKNOWN = "You have not told me your name yet."

LIKED = {"colour": "red blue green yellow orange purple black white pink brown".split(), "animal": "dog cat horse owl fox tiger dolphin rabbit penguin turtle".split(),
         "city": "Rome Paris London Berlin Vienna Madrid Oslo Prague Athens Dublin".split(), "food": "pizza pasta soup rice bread salad cake cheese sushi curry".split(),
         "number": "three five seven eight nine eleven twelve twenty".split()}
LIKED_TOLD = ["my [favourite|favorite] {k} is {v}[.|!|]", "[i like|i love] the {k} {v} [most|best][.|]", "{v} is my [favourite|favorite] {k}[.|]"]
LIKED_ASKED = ["[what is|what's|do you know|do you remember|tell me] my [favourite|favorite] {k}[?|]", "[which|what] {k} do i like [most|best][?|]", "what did i say is my [favourite|favorite] {k}[?|]"]
LIKED_HELD = ["I told you about a {k} that I prefer. Which one?", "Of all, which {k} is dearest to me?"]

AGAIN = ["[say that again|repeat that|repeat your answer|what did you say|can you repeat that|pardon|again, please|once more|come again|say it again|sorry, what did you say|please repeat|what was that|can you say that again|what was your answer|tell me again][.|?|]"]
AGAIN_HELD = ["I did not catch that, what were your words?", "Give me your last answer one more time."]
FIRST = ["[what was|do you remember|tell me|what's|what is] my first [question|message][?|]", "what did i ask [first|you first|at the beginning|in the beginning][?|]", "[which|what] was the first thing i [asked|said|wrote][?|]"]
FIRST_HELD = ["With which question did I begin?", "How did our talk start on my side?"]
LAST = ["[what was|do you remember|tell me] my last question[?|]", "what did i [just ask|ask last|ask before|ask you before][?|]", "[what|which] question did i just ask[?|]"]
LAST_HELD = ["I forgot my question of a moment ago. How did it go?"]


def _invented_name(rng):
    return capitalise("".join(rng.choice(p) for p in ("bdfgklmnprstvz", "aeiou", "lmnrst", "aeiou", ["", "n", "s", "l", "r"])))


def told_name(rng):
    """(question, answer, name)"""
    name = rng.choice(PEOPLE) if rng.random() < 0.6 else _invented_name(rng)
    told = expand(rng.choice(NAME_TOLD), rng)
    if not told.startswith("{x}") and rng.random() < 0.5:
        told = noise(told, rng, opener=False, frame=False)
    return capitalise(told).replace("{x}", name).replace("{X}", name), f"Nice to meet you, {name}! How can I help you?", name


def asked_name(rng, name):
    return noise(expand(rng.choice(NAME_ASKED), rng), rng, frame=False), f"Your name is {name}." if name else NAME_UNKNOWN


def told_liked(rng):
    """(question, answer, (what, which))"""
    kind = rng.choice(list(LIKED))
    value = rng.choice(LIKED[kind])
    told = expand(rng.choice(LIKED_TOLD), rng).replace("{k}", kind).replace("{v}", value)
    return capitalise(told), f"Good to know. Your favourite {kind} is {value}.", (kind, value)


def asked_liked(rng, liked):
    kind, value = liked
    return noise(expand(rng.choice(LIKED_ASKED), rng).replace("{k}", kind), rng, frame=False), f"Your favourite {kind} is {value}."


def again(rng, turns):
    return noise(expand(rng.choice(AGAIN), rng), rng, opener=False, frame=False), turns[-1].answer


def asked_first(rng, turns):
    return noise(expand(rng.choice(FIRST), rng), rng, opener=False, frame=False), f'Your first message was "{turns[0].question}".'


def asked_last(rng, turns):
    return noise(expand(rng.choice(LAST), rng), rng, opener=False, frame=False), f'You asked "{turns[-1].question}".'
