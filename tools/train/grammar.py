"""Seeded template grammar: how one question becomes thousands of phrasings.

A template is text in which `[a|b|c]` is a choice (an empty choice is allowed) and choices nest.
An Intent is one meaning: templates that ask for it, the answers that are right for it, and the core phrasings:
the plainest ones, which nearly everybody uses and which are therefore trained most often.
"""

import bisect
import random
import re
from dataclasses import dataclass, field

_TOKENS = re.compile(r"[\[\]|]|[^\[\]|]+")
_SPACES = re.compile(r" {2,}")
_IN_FULL = {"'m": " am", "'ve": " have", "'ll": " will", "'re": " are", "can't": "can not", "n't": " not", "what's": "what is", "that's": "that is", "it's": "it is", "how's": "how is",
            "who's": "who is", "where's": "where is"}
_CONTRACTED = re.compile(r"\b(?:can't|what's|that's|it's|how's|who's|where's)\b|(?:'m|'ve|'ll|'re|n't)\b")
_NOT_KEY = re.compile(r"[^a-z0-9/+*-]+")


@dataclass
class Intent:
    name: str
    asks: list
    answers: list
    core: list = field(default_factory=list)
    weight: float = 1.0
    held: list = field(default_factory=list)  # paraphrases that only the evaluation asks


def parse(template):
    """A template as a list of parts: text, or the list of alternatives of a choice, each such a list again."""
    tokens, at = _TOKENS.findall(template), 0

    def alternatives(inside):
        nonlocal at
        choices = [[]]
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token == "[":
                choices[-1].append(alternatives(True))
            elif token == "]" and inside:
                break
            elif token == "|" and inside:
                choices.append([])
            else:
                choices[-1].append(token)
        return choices

    return alternatives(False)[0]


def _write(parts, pick):
    return "".join([p if p.__class__ is str else _write(p[int(pick() * len(p))], pick) for p in parts])


_PARSED = {}


def expand(template, rng):
    """One of the texts that the template stands for."""
    parts = _PARSED.get(template)
    if parts is None:
        parts = _PARSED[template] = parse(template)
    text = _write(parts, rng.random)
    return (_SPACES.sub(" ", text) if "  " in text else text).strip()


def normalise(question):
    """The key under which a phrasing counts as seen: letters, digits and flags only, nothing contracted."""
    text = question.lower().replace("cannot", "can not")
    if "'" in text:
        text = _CONTRACTED.sub(lambda match: _IN_FULL[match.group(0)], text)
    return _NOT_KEY.sub(" ", text).strip()


def capitalise(text):
    return text[:1].upper() + text[1:]


# Words that a slip of the finger may change without changing what is asked for.
_PLAIN = frozenset(("what which where when tell does many much please know name called about there have with from give could would like want "
                    "question answer explain find number capital symbol belong show some this that your mean long large").split())


def _typo(text, rng, plain_only):
    words = text.split(" ")
    places = [i for i, w in enumerate(words) if len(w) > 3 and w.isalpha() and (not plain_only or w.lower() in _PLAIN)]
    if not places:
        return text
    place = rng.choice(places)
    word = words[place]
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        word = word[:at] + word[at + 1 :]
    elif kind == 1:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind == 2:
        word = word[:at] + word[at] + word[at:]
    else:
        word = word[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :]
    words[place] = word
    return " ".join(words)


_OPENERS = ["Hi, ", "Hello, ", "Hey, ", "Please, ", "Ok, ", "So, ", "Well, ", "And ", "Hi! ", "Hello! ", "Hey! ",
            "Now ", "Kinglet, ", "Quick question: ", "Tell me, ", "Excuse me, ", "Sorry, ", "Good morning! "]
_WRAPPERS = ["Can you tell me: {}", "I would like to know: {}", "Question: {}", "Please tell me: {}",
             "I have a question. {}", "One more question. {}", "Let me ask you something. {}", "Thanks. {}"]


_HOW = ["show me how to {}", "tell me how to {}", "what is the way to {}", "what must i do to {}", "i need to know how to {}", "can you show me how to {}", "what do i do to {}",
        "explain how to {}", "i do not know how to {}", "how does one {}", "how would i {}", "how do you {}", "how can one {}", "how might i {}", "what is the best way to {}",
        "i would like to {}", "i am trying to {}", "please help me to {}", "how am i supposed to {}", "what should i do to {}"]
_WHAT = ["tell me what {} is", "can you tell me what {} is", "i wonder what {} is", "i want to know what {} is", "say what {} is", "could you say what {} is", "what would you say {} is",
         "i would like to know what {} is", "please say what {} is", "explain to me what {} is", "i have never heard of {}", "what on earth is {}", "what really is {}"]
_ENDS = ["in kinglet", "here", "exactly", "for me", "then", "again", "please", "by the way", "in short", "actually", "anyway", "now", "today"]
_LEADS = ["I am new here. ", "I am a beginner. ", "I am not sure. ", "I was wondering: ", "My question is: ", "Just a short question: ", "I read about this. ", "Let us talk. ",
          "I am curious: ", "One thing I want to ask: ", "Listen. ", "Next question: ", "Tell me please: ", "Good. ", "Great. ", "Okay, thanks. ", "I see. "]


_IS_HOW = re.compile(r"(?i)how (?:do|can|could|should) i (.+)$|how to (.+)$")
_IS_WHAT = re.compile(r"(?i)(?:what is|what's|explain|describe) (.+)$")
_NO_NOUN = re.compile(r" (?:for|do|does|like|work|made of)$| in ")
_IS_WHICH = re.compile(r"(?i)what (?!is|does|do|can|are|about)")
_KINGLET_DOES = re.compile(r"(?i)\b(does|can|do) kinglet\b")
_SMALL = frozenset(("the", "a", "an", "of", "to", "do", "is", "i", "me", "are"))


def rephrase(question, rng):
    """The same question with another frame around its words."""
    mark = "?" if question.endswith("?") else ""
    body = question.rstrip("?. ")
    how = _IS_HOW.match(body)
    what = _IS_WHAT.match(body)
    roll = rng.random()
    if how and roll < 0.6:
        body = rng.choice(_HOW).format(how.group(1) or how.group(2))
    elif what and roll < 0.5 and not _NO_NOUN.search(body):
        body = rng.choice(_WHAT).format(what.group(1))
    elif body[:6].lower() == "which " and roll < 0.4:
        body = "what " + body[6:]
    elif _IS_WHICH.match(body) and roll < 0.3:
        body = "which " + body[5:]
    if rng.random() < 0.1:
        body = _KINGLET_DOES.sub(lambda m: m.group(1) + " " + rng.choice(["it", "this program", "the runtime", "this runtime"]), body)
    if rng.random() < 0.08:
        body += " " + rng.choice(_ENDS)
    if rng.random() < 0.05:
        words = body.split(" ")
        if len(words) > 4:  # somebody forgets a small word
            small = [i for i, w in enumerate(words) if w.lower() in _SMALL]
            if small:
                del words[rng.choice(small)]
        body = " ".join(words)
    return body + mark


_LONG = re.compile(r"\b([Ii] am|[Ii] have|[Ii] will|[Yy]ou are|[Ww]hat is|[Tt]hat is|[Ii]t is|[Dd]o not|[Cc]annot|[Dd]id not|[Dd]oes not|[Ii]s not)\b(?! [a-z]+ing\b)")
_SHORT = {"i am": "i'm", "i have": "i've", "i will": "i'll", "you are": "you're", "what is": "what's", "that is": "that's", "it is": "it's", "do not": "don't", "cannot": "can't",
          "did not": "didn't", "does not": "doesn't", "is not": "isn't"}


def _contract(match):
    return match.group(0)[0] + _SHORT[match.group(0).lower()][1:]


_FIRST = frozenset("what which where when how who is are can could do does tell name add multiply subtract divide give compute".split())  # never a name


def noise(question, rng, opener=True, frame=True):
    """What people do to a question: an opener, another case, no punctuation, a slip of the finger.

    Without `frame` the words and names of the question stay as they are.
    """
    if opener and frame and rng.random() < 0.5:
        question = rephrase(question, rng)
    if frame and rng.random() < 0.3:
        question = _LONG.sub(_contract, question)
    question = capitalise(question)
    if opener and rng.random() < 0.04:
        question = rng.choice(_LEADS) + question
    elif opener and rng.random() < 0.10:
        prefix = rng.choice(_OPENERS)
        glue = question[0].lower() + question[1:] if prefix[-2] not in "!:" else question
        if question.startswith(("I ", "I'", "//", "Kinglet")) or not frame and question.split(" ", 1)[0].lower() not in _FIRST:
            glue = question
        question = prefix + glue
    elif opener and rng.random() < 0.05:
        question = rng.choice(_WRAPPERS).format(question)
    roll = rng.random()
    if roll < 0.25:
        question = question.lower()
    elif roll < 0.27:
        question = question.upper()
    if rng.random() < 0.25:
        question = question.rstrip("?.!")
    elif rng.random() < 0.05:
        question = question + rng.choice(["?", "!", "??", " please", " :)", "..", " Thanks."])
    if rng.random() < (0.12 if frame else 0.08):
        question = _typo(question, rng, not frame)
        if frame and rng.random() < 0.3:
            question = _typo(question, rng, False)
    return question


class Rng(random.Random):
    """Draws from `random()` alone, which every version of Python computes alike; three times as fast as the original."""

    def choice(self, items):
        return items[int(self.random() * len(items))]

    def randrange(self, begin, end=None):
        return int(self.random() * begin) if end is None else begin + int(self.random() * (end - begin))

    def weighted(self, items, cumulative):
        """One of the items; `cumulative` holds the sums of their weights up to each."""
        return items[min(bisect.bisect(cumulative, self.random() * cumulative[-1]), len(items) - 1)]


def make_rng(*parts):
    return Rng("/".join(str(p) for p in parts))
