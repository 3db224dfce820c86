"""Questions as they are said in passing: words around them, words left out, words too many.

Templates are finite, people are not. A model that sees every question in such disguises learns to answer by the words that
count, and finds them in phrasings that no template has.
"""

_BEFORE = """I was thinking about something.|My memory is bad.|I have a short question.|It is late, but one thing.|You seem to know a lot.|Let me try this.|Just curious.|
Somebody on the train asked me.|My sister wants to know.|We are doing a quiz.|I am writing a text.|I am reading a book.|I should know this.|I used to know this.|I keep forgetting.|
This may sound odd.|Help me out here.|I cannot find it anywhere.|No hurry.|Do not laugh.|For my homework.|In a few words.|By the way.|Come on.|All right.|Fine.|Right.|Hmm.|Oh, and|Also|Then|
If I may ask,|If you do not mind,|Before I go,|When you have time,|As far as you know,|In your opinion,|To be sure,|Honestly,|Once more,|First of all,|Another thing:|In case you know,|
I bet you know this:|People often ask:|The teacher asked:|On the exam it said:|A friend of mine asked:|I was asked:|I always wonder:|Here is one:|Next one:""".replace("\n", "").split("|")
_AFTER = """do you know?|can you help?|any idea?|if you know.|I forgot.|I cannot remember.|please tell me.|please be quick.|it matters to me.|I need it for school.|for a friend.|if that is not too much.|
that is what I want to know.|that is my question.|thanks in advance.|just tell me.|I would be glad to know.|nobody here knows.|my book does not say.|what do you think?|right?|you know?|or not?|
so that I can write it down.|because I wonder.|since you are here.|in one sentence.|in plain words.|and be honest.|can you say?|would you know?""".replace("\n", "").split("|")
_DROPPABLE = frozenset("a an the of is are do does did to me my i you your it please can could would will tell know that this for in on at and so then have has which what with be there".split())
_SPARE = ("well really exactly actually just maybe perhaps now here again please kindly simply even only still then there today usually normally often "
          "thing question answer people one some any this that it they we someone something always ever once about like know think say called").split()


def roughen(question, rng):
    """The question with a clause before or after it, and with a word left out, put in or moved. What it asks for stays."""
    roll = rng.random()
    words = question.split(" ")
    if roll < 0.55 and len(words) > 3:
        out = []
        for word in words:
            chance = rng.random()
            if chance < 0.22 and word.lower() in _DROPPABLE:
                continue
            if chance > 0.93:
                out.append(rng.choice(_SPARE))
            out.append(word)
        if len(out) > 3 and rng.random() < 0.25:
            at = rng.randrange(0, len(out) - 1)
            if out[at].lower() in _DROPPABLE or out[at + 1].lower() in _DROPPABLE:
                out[at], out[at + 1] = out[at + 1], out[at]
        question = " ".join(out) or question
    if roll > 0.35:
        side = rng.random()
        if side < 0.65:
            before = rng.choice(_BEFORE)
            lower = question[:1].lower() + question[1:] if before[-1] not in ".:" and not question.startswith(("I ", "I'")) and question[1:2].islower() else question
            question = before + " " + lower
        if side > 0.45:
            body = question.rstrip("?.! ")
            question = body + rng.choice((", ", ". ", " - ", "? ", " ")) + rng.choice(_AFTER)
    return question
