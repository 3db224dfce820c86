"""Sums, products, divisions, comparisons and small word problems with numbers to two digits.

Answers state the result plainly: "47 + 38 = 85.". A fixed tenth of the pairs of numbers of every operation is never
trained on (`held_pair`), nor are the phrasings in `HELD`; `heldout()` asks both.
"""

from grammar import expand

WORDS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
         "nineteen twenty").split()
SPOKEN = {"+": ["plus", "plus", "and"], "-": ["minus", "minus", "take away"], "*": ["times", "times", "multiplied by"], "/": ["divided by", "divided by", "over"]}
SIGNS = {"+": ["+"], "-": ["-"], "*": ["*", "*", "x"], "/": ["/", "/", ":"]}

ASKS = ["[what is|what's|whats|how much is|tell me|calculate|compute|can you tell me|please compute|what is the result of|do you know|work out|solve|please work out|can you compute] {q}[?|.|]",
        "{q}[?| = ?| =|]", "{q}[| = ?| =|]", "[how much|what] [does|do] {q} make[?|]", "what do you get for {q}[?|]", "[what does {q} equal|{q} equals what|{q} is what|{q} is how much|{q} gives what][?|]"]
FORMS = {
    "+": ["[what is|tell me|compute|find] the sum of {a} and {b}[?|.|]", "add {a} and {b}[.|]", "add {a} to {b}[.|]", "[can you|please] add {a} and {b}[.|?|]", "what do {a} and {b} make[| together][?|]"],
    "-": ["[what is|tell me|compute|find] the difference between {a} and {b}[?|.|]", "subtract {b} from {a}[.|]", "[can you|please] subtract {b} from {a}[.|?|]", "take {b} away from {a}[.|]"],
    "*": ["[what is|tell me|compute|find] the product of {a} and {b}[?|.|]", "multiply {a} [by|with|and] {b}[.|]", "[can you|please] multiply {a} by {b}[.|?|]"],
    "/": ["divide {a} by {b}[.|]", "[can you|please] divide {a} by {b}[.|?|]", "how [often|many times] does {b} [go into|fit into] {a}[?|]"],
}
LARGER = ["[which|what] [|number ]is [larger|bigger|greater], {a} or {b}[?|]", "[which|what] is the [larger|bigger|greater] [number|one|of the two][, {a} or {b}|: {a} or {b}][?|]",
          "is {a} [larger|bigger|greater] than {b}[?|]", "[which number is larger|what is more], {a} or {b}[?|]"]
SMALLER = ["[which|what] [|number ]is [smaller|less], {a} or {b}[?|]", "[which|what] is the [smaller|lower] [number|one][, {a} or {b}|: {a} or {b}][?|]", "is {a} [smaller|less] than {b}[?|]"]

HELD = ["Would you do a little sum for me? {q}", "I need the result of {q}.", "My homework says {q}. What do I write?", "{q}, how much would that be?"]
HELD_FORMS = {"+": ["If I put {a} and {b} together, what do I get?"], "-": ["What is left of {a} after I remove {b}?"], "*": ["How much are {a} groups of {b}?"], "/": ["What is {a} split by {b}?"]}
HELD_LARGER = ["Compare {a} and {b}: which one is larger?", "Of {a} and {b}, which is the bigger number?"]
HELD_SMALLER = ["Compare {a} and {b}: which one is smaller?"]

PEOPLE = "Anna Ben Clara David Emma Felix Grace Hugo Ida Jack Kate Leo Mia Noah Olga Paul Rosa Sam Tina Will".split()
THINGS = "apples pears books coins cards pens stones eggs cakes nuts balls shells flowers stamps cups".split()
STORY_FORMS = {
    "+": ["{n} has {a} {t} and [gets|buys|finds] {b} more[.|. Now]", "{n} has {a} {t}. {m} gives {n} {b} more.", "There are {a} {t} on the table and {b} in the box.", "{n} has {a} {t} and {m} has {b} {t}."],
    "-": ["{n} has {a} {t} and [gives away|loses|sells] {b} of them.", "{n} has {a} {t}. {m} takes {b} of them.", "There are {a} {t} in the box, and {n} takes out {b}."],
    "*": ["{n} has {a} boxes with {b} {t} in each box.", "There are {a} bags with {b} {t} in every bag.", "{n} buys {b} {t} on each of {a} days."],
    "/": ["{n} shares {a} {t} among {b} friends. How many does each friend get?", "{a} {t} are put into {b} boxes, the same number in each. How many are in one box?"],
}
STORY_ENDS = {"+": ["How many {t} are there [in all|together|altogether]?", "How many {t} are there in total?"], "-": ["How many {t} are left?", "How many {t} remain?"],
              "*": ["How many {t} are there [in all|together|altogether]?", "How many {t} are there in total?"], "/": [""]}
HELD_STORIES = {"+": "In the morning {n} counts {a} {t}, in the evening {b} others. How many {t} has {n} counted?", "-": "Of {a} {t}, {b} belong to {n} and the others to {m}. How many {t} does {m} have?",
                "*": "{a} children carry {b} {t} each. How many {t} do they carry?", "/": "{n} packs {a} {t} into bags of {b}. How many bags does {n} need?"}


def held_pair(sign, a, b):
    """Whether this pair is only asked by the evaluation: a fixed tenth. For + and * in either order."""
    if sign in "+*" and a > b:
        a, b = b, a
    key = (ord(sign) * 131 + a) * 257 + b
    key = (key * 2654435761) & 0xFFFFFFFF
    key ^= key >> 15
    return (key * 2246822519 & 0xFFFFFFFF) >> 16 < 6554 and max(a, b) > 9  # nobody is denied 3 + 4


def compute(sign, a, b):
    return a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a // b


def answer(sign, a, b):
    return f"{a} {sign} {b} = {compute(sign, a, b)}."


def _small_or_any(rng):
    return int(rng.random() * 21) if rng.random() < 0.25 else int(rng.random() * 100)


def _draw(sign, rng):
    if sign == "+":
        return _small_or_any(rng), _small_or_any(rng)
    if sign == "-":
        a, b = _small_or_any(rng), _small_or_any(rng)
        return (a, b) if a >= b or rng.random() < 0.1 else (b, a)
    if sign == "*":
        if rng.random() < 0.7:
            return int(rng.random() * 13), int(rng.random() * 13)
        a, b = 10 + int(rng.random() * 90), int(rng.random() * 10)
        return (a, b) if rng.random() < 0.7 else (b, a)
    b = 1 + int(rng.random() * 12)
    return b * int(rng.random() * 13), b


def numbers(sign, rng, held=False):
    """A pair for the operation, from the held-out tenth or from the rest."""
    while True:
        a, b = _draw(sign, rng)
        if held_pair(sign, a, b) == held:
            return a, b


def _draw_sign(rng):
    roll = rng.random()
    return "+" if roll < 0.4 else "-" if roll < 0.68 else "*" if roll < 0.9 else "/"


def _written(sign, a, b, rng):
    roll = rng.random()
    if roll < 0.4:
        return f"{a} {rng.choice(SIGNS[sign])} {b}"
    if roll < 0.55:
        return f"{a}{rng.choice(SIGNS[sign])}{b}"
    if roll < 0.65 and a <= 20 and b <= 20:
        return f"{WORDS[a]} {rng.choice(SPOKEN[sign])} {WORDS[b]}"
    return f"{a} {rng.choice(SPOKEN[sign])} {b}"


def _fill(template, rng, a, b, name="", other="", thing=""):
    text = expand(template, rng)
    return text.replace("{a}", str(a)).replace("{b}", str(b)).replace("{n}", name).replace("{m}", other).replace("{t}", thing)


def calculation(rng):
    """(question, answer, result): an operation asked for plainly."""
    sign = _draw_sign(rng)
    a, b = numbers(sign, rng)
    if rng.random() < 0.22:
        question = _fill(rng.choice(FORMS[sign]), rng, a, b)
    else:
        question = expand(rng.choice(ASKS), rng).replace("{q}", _written(sign, a, b, rng))
    return question, answer(sign, a, b), compute(sign, a, b)


def _compared(a, b, larger):
    if a == b:
        return f"{a} and {b} are equal."
    x, y = (a, b) if (a > b) == larger else (b, a)
    return f"{x} is {'larger' if larger else 'smaller'} than {y}."


def comparison(rng):
    a, b = numbers("-", rng)
    if rng.random() < 0.5:
        a, b = b, a
    larger = rng.random() < 0.65
    if held_pair("<", min(a, b), max(a, b)):
        return comparison(rng)
    question, right = _fill(rng.choice(LARGER if larger else SMALLER), rng, a, b), _compared(a, b, larger)
    if question.startswith("is "):
        right = ("Yes. " if a != b and (a > b) == larger else "No. ") + right
    return question, right


def _problem(rng, sign, a, b, held=False):
    name = rng.choice(PEOPLE)
    other = rng.choice(PEOPLE)
    while other == name:
        other = rng.choice(PEOPLE)
    thing = rng.choice(THINGS)
    template = HELD_STORIES[sign] if held else rng.choice(STORY_FORMS[sign]).replace("[.|. Now]", ".") + " " + rng.choice(STORY_ENDS[sign])
    return _fill(template, rng, a, b, name, other, thing), answer(sign, a, b)


def problem(rng):
    """(question, answer): a word problem."""
    sign = _draw_sign(rng)
    a, b = numbers(sign, rng)
    while a < 2 or b < 2 or a < b and sign == "-":
        a, b = numbers(sign, rng)
    return _problem(rng, sign, a, b)


CARRY = {"+": ["[and |then |now ]plus {b}[?|]", "[and |then |now ]add {b}[| to that| to it][.|?|]", "[and |]what is that plus {b}[?|]", "{b} more[?|]", "and if i add {b}[?|]"],
         "-": ["[and |then |now ]minus {b}[?|]", "[and |then |now ]subtract {b}[| from that| from it][.|?|]", "[and |]what is that minus {b}[?|]", "{b} less[?|]", "[and |now ]take away {b}[.|?|]"],
         "*": ["[and |then |now ]times {b}[?|]", "[and |then |now ]multiply [that |it |]by {b}[.|?|]", "[and |]what is that times {b}[?|]"]}
HELD_CARRY = {"+": "Now put {b} on top of that.", "-": "And with {b} fewer?", "*": "And {b} times as much?"}


def carried(rng, result):
    """A question that goes on from `result`: (question, answer, new result), or None where the numbers would grow too large."""
    if not 0 <= result <= 199:
        return None
    sign = "*" if result <= 12 and rng.random() < 0.4 else "+" if rng.random() < 0.6 else "-"
    b = 2 + int(rng.random() * 9) if sign == "*" else 1 + int(rng.random() * (20 if rng.random() < 0.7 else 99))
    if sign == "-" and b > result:
        sign = "+"
    if held_pair(sign, result, b):
        return None
    return _fill(rng.choice(CARRY[sign]), rng, 0, b), answer(sign, result, b), compute(sign, result, b)


def heldout(rng, count=240):
    """(question, accepted answers): held-out pairs in trained phrasings, trained pairs in held-out phrasings, held-out problems."""
    rows = []
    signs = "+-+-*/+-"
    for i in range(count):
        sign, part = signs[i % 8], i // 8 % 5
        if part < 2:  # a pair never seen
            a, b = numbers(sign, rng, held=sign != "/")
            rows.append((rng.choice(["What is {q}?", "how much is {q}"]).replace("{q}", f"{a} {rng.choice([sign, SPOKEN[sign][0]])} {b}"), [answer(sign, a, b)]))
        elif part == 2:
            a, b = numbers(sign, rng)
            template = rng.choice(HELD + HELD_FORMS[sign])
            rows.append((_fill(template, rng, a, b).replace("{q}", f"{a} {rng.choice([sign, SPOKEN[sign][0]])} {b}"), [answer(sign, a, b)]))
        elif part == 3:
            larger = i % 3 > 0
            a, b = numbers("-", rng)
            a, b = (a, b) if i % 2 else (b, a)
            rows.append((_fill(rng.choice(HELD_LARGER if larger else HELD_SMALLER), rng, a, b), [_compared(a, b, larger)]))
        else:
            a, b = numbers(sign, rng)
            while a < 2 or b < 2 or a < b and sign == "-":
                a, b = numbers(sign, rng)
            question, right = _problem(rng, sign, a, b, held=True)
            rows.append((question, [right]))
    return rows
