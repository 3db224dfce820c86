"""Small sums, simple facts, tiny stories, and the honest answer to everything else."""

from grammar import Intent, expand

CAPITALS = {}
for _pair in ("France:Paris Germany:Berlin Spain:Madrid Italy:Rome Portugal:Lisbon Austria:Vienna Poland:Warsaw Greece:Athens "
              "Norway:Oslo Sweden:Stockholm Finland:Helsinki Denmark:Copenhagen Ireland:Dublin Belgium:Brussels Hungary:Budapest "
              "Japan:Tokyo China:Beijing Russia:Moscow Turkey:Ankara Egypt:Cairo Kenya:Nairobi Canada:Ottawa Cuba:Havana Peru:Lima "
              "Chile:Santiago Australia:Canberra England:London Switzerland:Bern").split():
    CAPITALS.update([_pair.split(":")])
OPPOSITES = [p.split(":") for p in ("hot:cold big:small fast:slow good:bad old:new day:night up:down open:closed happy:sad light:dark "
                                    "early:late high:low full:empty wet:dry hard:soft strong:weak left:right yes:no black:white").split()]
SOUNDS = [p.split(":") for p in ("dog:barks cat:meows cow:moos duck:quacks sheep:bleats horse:neighs bird:sings lion:roars bee:buzzes "
                                 "pig:grunts frog:croaks snake:hisses").split()]
COLOURS = [p.split(":") for p in ("sky:blue grass:green snow:white coal:black sun:yellow blood:red banana:yellow tomato:red leaf:green night:black").split()]
LEGS = [p.split(":") for p in "dog:four cat:four spider:eight bird:two horse:four ant:six cow:four bee:six human:two chicken:two snake:no".split()]
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
COUNTS = [("days", "a week", "seven"), ("months", "a year", "twelve"), ("hours", "a day", "24"), ("minutes", "an hour", "60"), ("seconds", "a minute", "60"),
          ("bits", "a byte", "eight"), ("letters", "the English alphabet", "26"), ("days", "a year", "365"), ("weeks", "a year", "52"), ("years", "a century", "100"),
          ("bytes", "a kibibyte", "1024"), ("planets", "the solar system", "eight"), ("continents", "the world", "seven"), ("centimetres", "a metre", "100"), ("sides", "a triangle", "three")]

SINGLE = [
    ("[which|what] [is the|is our] [largest|biggest] planet[?| in the solar system?|]", "Jupiter is the largest planet in the solar system.", "What is the biggest planet?"),
    ("[which|what] planet do we live on[?|]", "We live on the planet Earth.", "On which planet do we live?"),
    ("[which|what] is the [highest|tallest] mountain[?| on earth?| in the world?|]", "Mount Everest is the highest mountain on Earth.", "What is the tallest mountain in the world?"),
    ("[which|what] is the [largest|biggest] ocean[?| on earth?|]", "The Pacific is the largest ocean on Earth.", "What is the largest ocean?"),
    ("[what is|what's] water made of[?|]", "Water is made of hydrogen and oxygen.", "What is water made of?"),
    ("[when|at what temperature] does water [freeze|become ice][?|]", "Water freezes at 0 degrees Celsius.", "At what temperature does water freeze?"),
    ("[when|at what temperature] does water boil[?|]", "Water boils at 100 degrees Celsius.", "At what temperature does water boil?"),
    ("[which|what] is the largest animal[?| in the world?|]", "The blue whale is the largest animal.", "What is the largest animal?"),
    ("what do bees make[?|]", "Bees make honey.", "What do bees make?"),
    ("what do cows give[?| us?|]", "Cows give milk.", "What do cows give us?"),
    ("why is the sky blue[?|]", "The air scatters blue light more than red light, so the sky looks blue.", "Why is the sky blue?"),
    ("[what is|what's] the [moon|earth's moon][?|]", "The moon is a ball of rock that circles the Earth.", "What is the moon?"),
    ("[what is|what's] the sun[?|]", "The sun is a star.", "What is the sun?"),
    ("what do plants need[?| to grow?| to live?|]", "Plants need light, water and air.", "What do plants need to grow?"),
    ("who wrote [hamlet|romeo and juliet|macbeth][?|]", "William Shakespeare wrote it.", "Who wrote Romeo and Juliet?"),
    ("[what is|what's] a [computer|cpu|processor][?|]", "A computer follows the instructions of a program, and its CPU carries them out.", "What is a computer?"),
    ("[what is|what's] a bird[?|]", "A bird is an animal with feathers and wings.", "What is a bird?"),
    ("what is linux[?|]", "Linux is a free operating system.", "What is Linux?"),
]

NOUNS = ("piano guitar castle volcano bicycle democracy sushi pizza football chess tiger economy vaccine satellite telescope blockchain bitcoin poetry opera "
         "painting sculpture dinosaur glacier desert rainforest galaxy black_hole atom molecule protein enzyme cheese wine coffee chocolate potato umbrella "
         "helicopter submarine rocket engine battery magnet laser printer keyboard camera passport mortgage insurance tax inflation marathon tennis hockey cricket "
         "yoga philosophy religion law jury senate emperor pyramid cathedral bridge tunnel river_delta island harbour lighthouse compass map violin trumpet drum "
         "orchestra ballet novel comic newspaper radio television microscope thermometer spoon carpet curtain ladder hammer screwdriver shampoo perfume diamond gold "
         "copper uranium whale penguin kangaroo elephant giraffe mosquito butterfly mushroom oak_tree rose tulip cactus").replace("_", "~").split()
PEOPLE = "Napoleon Mozart Einstein Cleopatra Newton Darwin Picasso Beethoven Columbus Caesar Gandhi Lincoln Plato Galileo Bach Goethe Kant Tesla Marie~Curie Van~Gogh".split()
PLACES = "Atlantis Texas Tokyo Bavaria Scotland Mongolia Bolivia Nepal Iceland Hawaii Sicily Boston Chicago Venice Prague Oslo Madrid Zurich Lagos Seoul".split()
UNKNOWN_ASKS = [
    "[what is|tell me about|explain|describe|who invented|how does one make|where can i buy|what is the price of|how old is|what is the history of] [a|the] {n}[?|.]",
    "[how do i|how can i|how to] [repair|buy|sell|cook|draw|build|clean|use|find|make] a {n}[?|]", "how much does a {n} cost[?|]",
    "[who was|who is|tell me about|when was|when did|where did|what did] {p}[?| born?| live?| die?| do?]", "[what is|tell me about] the [history|population|size|best hotel|best restaurant|mayor|area] of {c}[?|]",
    "[how far is|how do i get to|what can i do in|how big is|where is|how many people live in] {c}[?|]", "[write|give me|make] [a program|an essay|a letter|an email|a summary|code|a python script|a recipe] [about|for|with] a {n}[.|]",
    "[who won|when is|who plays in] the [world cup|election|final|championship|oscar|race|super bowl|olympics][?|]", "translate {n} [into|to] [german|french|spanish|latin|chinese][.|]",
    "[is|are] a {n} [dangerous|expensive|healthy|heavy|useful|beautiful|better than a {n}][?|]", "[should i|can i|do i have to] [buy|eat|marry|sell|wear|learn] a {n}[?|]",
    "what is the best {n}[?|]", "who is the president of {c}[?|]", "why [is|are] [the|a] {n} so [big|small|old|important|expensive|famous][?|]", "what do you think about [the|a] {n}[?|]",
    "[what is|what's|tell me about|explain|define|do you know|what about|how does] {n}[?|]", "[who|where|when|why|how] [made|was|is|are|did] [the|a|my] {n}[?|]", "what [should|can|could] i [eat|cook|wear|buy|read|watch|do|play][?| tonight?| today?| tomorrow?| this weekend?]",
    "who was the [first|last|greatest|youngest|oldest] [king|queen|president|painter|person|man|woman] [of|in|on] [{c}|the moon|the world|history][?|]", "[explain|describe|summarise|tell me about] the [theory|history|art|philosophy|physics|chemistry|theory] of {n}[.|]",
    "[how do i|can you|please|could you] [fix|book|order|call|repair|find|paint] my {n}[?|]", "my {n} is [broken|lost|too big|old|not working][.|]", "what is the [tallest|oldest|best|biggest|smallest] {n} in {c}[?|]",
    "how many {n}s are there[?| in {c}?]", "do you like {n}s[?|]", "[i have|i bought|i like|i want|i need] a {n}[.|]", "what is the difference between a {n} and a {n}[?|]",
]
UNKNOWN = "I am a very small model, and I do not know that. You can ask me about Kinglet."
UNKNOWN_HELD = ["Who invented the telescope?", "How do I repair a bicycle?", "Tell me about Napoleon.", "What is the population of Iceland?", "How much does a violin cost?",
                "write an essay about a dinosaur", "Who won the world cup?", "Is a laser dangerous?"]
GIBBERISH = "I am sorry, I did not understand that. Could you say it in other words?"

ANIMALS = "cat dog bird fox bear frog mouse rabbit owl duck kinglet hedgehog".split()
NAMES = "Tim Mia Ben Lily Tom Anna Sam Lucy Max Emma Leo Nora".split()
STORY_ASKS = ["[tell|write|read|give] me a [|short|little|nice|small|bedtime|good] story[|.|, please.]", "[can|could|will] you tell [|me ]a [|short|little|nice|bedtime] story[?|]", "[i want|i would like] [to hear|] a [|short|little] story[.|]", "do you know a [|short|good] story[?|]", "a story, please[.|]", "story[.|]", "once upon a time[|.|,]"]
STORY_TOPIC_ASKS = ["[tell|write|give] me a [|short|little|nice|small|bedtime] story about a [|little |small ]{a}[|.|, please.]", "[can|could] you tell [|me ]a [|short] story about a {a}[?|]", "do you know a story about a {a}[?|]", "a story about a {a}, please[.|]"]
_STORY = {
    "cat": ("Mia", "The cat had lost its ball", "found it under the bed"), "dog": ("Tim", "The dog wanted to swim", "went to the lake together"),
    "bird": ("Lily", "The bird could not fly", "learned it day by day"), "fox": ("Ben", "The fox was hungry", "shared some bread and cheese"),
    "bear": ("Anna", "The bear was cold", "sat down by a warm fire"), "frog": ("Tom", "The frog had no pond", "dug one in the garden"),
    "mouse": ("Lucy", "The mouse was afraid of the dark", "lit a little lamp"), "rabbit": ("Max", "The rabbit could not sleep", "counted the stars"),
    "owl": ("Emma", "The owl had no friends", "sang a song in the night"), "duck": ("Leo", "The duck had lost its way", "followed the river home"),
    "kinglet": ("Nora", "The kinglet was very small", "built a nest in the tall tree"), "hedgehog": ("Sam", "The hedgehog looked for a bed", "made one out of leaves"),
}


def story(animal):
    name, trouble, rescue = _STORY[animal]
    return f"Once upon a time, {name} met a little {animal}. {trouble}. So {name} and the {animal} {rescue}. From that day on, they were good friends."


_SUM_ASKS = ["[what is|what's|whats|how much is|tell me|calculate|compute|can you tell me|please compute|what is the result of|do you know|work out] {q}[?|.|]", "{q}[?| = ?| =|]", "[how much|what] [does|do] {q} make[?|]", "what do you get for {q}[?|]"]
SUM_HELD = ["What is {q}?", "how much is {q}", "Please tell me what {q} is."]


def sum_question(rng, heldout=False):
    kind = rng.choice(["+", "+", "-", "*"])
    if kind == "+":
        a, b = rng.randrange(0, 21), rng.randrange(0, 21)
        word, sign, c = "plus", "+", a + b
    elif kind == "-":
        a, b = rng.randrange(0, 21), rng.randrange(0, 21)
        a, b = max(a, b), min(a, b)
        word, sign, c = "minus", "-", a - b
    else:
        a, b = rng.randrange(0, 11), rng.randrange(0, 11)
        word, sign, c = "times", "*", a * b
    asked = rng.choice([f"{a} {word} {b}", f"{a} {sign} {b}", f"{a}{sign}{b}"]) if not heldout else rng.choice([f"{a} {word} {b}", f"{a} {sign} {b}"])
    template = rng.choice(SUM_HELD if heldout else _SUM_ASKS)
    return expand(template, rng).replace("{q}", asked), f"{a} {word} {b} is {c}."


def fill_unknown(rng):
    text = expand(rng.choice(UNKNOWN_ASKS), rng)
    while "{n}" in text:
        text = text.replace("{n}", rng.choice(NOUNS), 1)
    return text.replace("{p}", rng.choice(PEOPLE)).replace("{c}", rng.choice(PLACES)).replace("~", " ")


def gibberish(rng):
    letters = "asdfghjklqwertyuiopzxcvbnm"
    words = ["".join(rng.choice(letters) for _ in range(rng.randrange(3, 9))) for _ in range(rng.randrange(1, 3))]
    return rng.choice([" ".join(words), rng.choice(["???", "...", "?", "!!!", "asdf", "bla bla", "hmpf", "la la la", "abc", "qwerty", "123", "x", "foo bar"])])


def _intents():
    for country, city in CAPITALS.items():
        yield Intent("capital " + country, [f"[what is|what's|tell me|do you know|which city is|name] the capital [of|city of] {country}[?|]", f"[which|what] [city|town] is the capital of {country}[?|]", f"{country}'s capital[?|]", f"capital of {country}[?|]", f"[what is|what's|name|tell me] {country}'s capital[| city][?|]", f"{country} has which capital[?|]"],
                     [f"The capital of {country} is {city}."], [f"What is the capital of {country}?", f"Please tell me the capital of {country}."], 0.35)
    for a, b in OPPOSITES:
        for x, y in ((a, b), (b, a)):
            yield Intent("opposite " + x, [f"[what is|what's|tell me|name|do you know] the [opposite|contrary] of {x}[?|]", f"[which|what] word is the opposite of {x}[?|]", f"opposite of {x}[?|]", f"{x} is the [opposite|contrary] of [what|which word][?|]", f"what is not {x}[?|]"], [f"The opposite of {x} is {y}."], [f"What is the opposite of {x}?"], 0.15)
    for animal, sound in SOUNDS:
        yield Intent("sound " + animal, [f"[what sound|which sound|what noise] does a {animal} make[?|]", f"what does [a|the] {animal} [say|sound like][?|]", f"how does a {animal} sound[?|]"], [f"A {animal} {sound}."], [f"What sound does a {animal} make?"], 0.25)
    for thing, colour in COLOURS:
        yield Intent("colour " + thing, [f"[what|which] [colour|color] [is|has] [the|a] {thing}[?|]", f"[what is|what's|tell me] the [colour|color] of [the|a] {thing}[?|]"], [f"The colour of the {thing} is {colour}."], [f"What colour is the {thing}?"], 0.25)
    for animal, legs in LEGS:
        yield Intent("legs " + animal, [f"how many [legs|feet] does a {animal} have[?|]", f"how many legs has a {animal}[?|]", f"number of legs of a {animal}[?|]"], [f"A {animal} has {legs} legs."], [f"How many legs does a {animal} have?"], 0.25)
    for names, kind, unit in ((DAYS, "day", "a week"), (MONTHS, "month", "a year")):
        for i, name in enumerate(names):
            after, before = names[(i + 1) % len(names)], names[i - 1]
            yield Intent("after " + name, [f"[what|which] {kind} [comes|is|follows] after {name}[?|]", f"what comes after {name}[?|]", f"[what|which] {kind} follows {name}[?|]", f"the {kind} after {name}[?|]"], [f"The {kind} after {name} is {after}."], [f"Which {kind} comes after {name}?"], 0.2)
            yield Intent("before " + name, [f"[what|which] {kind} [comes|is] before {name}[?|]", f"what comes before {name}[?|]", f"the {kind} before {name}[?|]"], [f"The {kind} before {name} is {before}."], [f"Which {kind} comes before {name}?"], 0.15)
    for unit, whole, count in COUNTS:
        yield Intent(f"count {unit} {whole}", [f"how many {unit} [are|are there] in {whole}[?|]", f"how many {unit} does {whole} have[?|]", f"how many {unit} has {whole}[?|]", f"[tell me the |]number of {unit} in {whole}[?|]"],
                     [f"There are {count} {unit} in {whole}."], [f"How many {unit} are there in {whole}?"], 0.3)
    for i, (ask, answer, held) in enumerate(SINGLE):
        yield Intent(f"fact {i}", [ask, "[tell me, |do you know: |so, |please: |]" + ask], [answer], [held], 0.3)
    for animal in ANIMALS:
        yield Intent("story " + animal, [s.replace("{a}", animal) for s in STORY_TOPIC_ASKS], [story(animal)], [f"Please tell me a story about a {animal}."], 0.3)
    yield Intent("story", STORY_ASKS, [story("kinglet")], ["Tell me a story, please!", "can you tell me a short story"], 1.5)


INTENTS = list(_intents())
