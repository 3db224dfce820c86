"""What the model does not know and says so: things and people outside its world, and names that do not exist.

Nothing that the world's tables know is ever declined: `Unknown` leaves their names out.
"""

from grammar import expand, normalise

ANSWER = "I am sorry, I do not know that. I am a very small model."
GIBBERISH = "I am sorry, I did not understand that. Could you say it in other words?"

NOUNS = ("piano guitar castle volcano bicycle democracy sushi pizza football chess economy vaccine satellite telescope blockchain poetry opera "
         "painting sculpture dinosaur glacier rainforest protein enzyme cheese wine coffee chocolate potato umbrella helicopter submarine rocket engine battery "
         "magnet laser printer keyboard camera passport mortgage insurance tax inflation marathon tennis hockey cricket yoga philosophy religion law jury senate "
         "emperor pyramid cathedral bridge tunnel lighthouse violin trumpet drum orchestra ballet novel comic newspaper radio television microscope thermometer "
         "spoon carpet curtain ladder hammer screwdriver shampoo perfume mushroom rose tulip cactus sandwich washing~machine motorcycle elevator refrigerator "
         "parachute skateboard saxophone accordion sofa mirror candle bakery hospital museum theatre circus airport subway vacuum~cleaner lawn~mower").split()
PEOPLE = ("Napoleon Mozart Einstein Cleopatra Newton Darwin Picasso Beethoven Columbus Caesar Gandhi Lincoln Plato Galileo Bach Goethe Kant Tesla Marie~Curie Van~Gogh "
          "Shakespeare Aristotle Socrates Chopin Rembrandt Vivaldi Voltaire Kafka Tolstoy Dickens").split()
PLACES = "Texas Bavaria Scotland Hawaii Sicily Boston Chicago Venice Zurich Lagos Munich Hamburg Barcelona Milan Florida Ohio Manchester Seattle Dubai Bombay Krakow Geneva Lyon Naples".split()
ASKS = [
    "[tell me about|explain|who invented|how does one make|where can i buy|what is the price of|what is the history of] [a|the] {n}[?|.]",
    "[how do i|how can i|how to] [repair|buy|sell|draw|build|clean|use|make] a {n}[?|]", "how much does a {n} cost[?|]",
    "[who was|who is|tell me about|when was|when did|where did|what did] {p}[?| born?| live?| die?| do?]", "[what is|tell me about] the [history|population|size|best hotel|best restaurant|mayor|area] of {c}[?|]",
    "[how far is|how do i get to|what can i do in|how big is|how many people live in] {c}[?|]", "[write|give me|make] [a program|an essay|a summary|code|a python script|a recipe] [about|for|with] a {n}[.|]",
    "translate {n} [into|to] [german|french|spanish|latin|chinese][.|]", "[is|are] a {n} [dangerous|expensive|healthy|heavy|useful][?|]", "[should i|do i have to] [buy|sell|learn|rent] a {n}[?|]",
    "what is the best {n}[?|]", "who is the [mayor|boss|owner] of {c}[?|]", "why is a {n} so [big|small|old|important|expensive|famous][?|]", "what do you think about [the|a] {n}[?|]",
    "[who|when|where] [invented|made|built] the [first |]{n}[?|]", "who was the [first|last|greatest|youngest|oldest] [king|queen|painter|person] [of|in] {c}[?|]",
    "[explain|describe|summarise] the [theory|philosophy|life|work] of {p}[.|]", "[can you|please|could you] [fix|repair|find|paint] my {n}[?|]", "my {n} is [broken|lost|not working][.|]",
    "what is the [tallest|oldest|best|biggest|smallest] {n} in {c}[?|]", "how many {n}s are there[?| in {c}?]", "what is the difference between a {n} and a {n}[?|]", "how old is [the|a|my] {n}[?|]",
    "when was {p} born[?|]", "what [music|book|painting] did {p} make[?|]", "how does a {n} work[?|]", "which {n} is the best[?|]", "what is a {n} made of[?|]", "who plays the {n}[?|]",
]
INVENTED_ASKS = [
    "[what is|what's|tell me|name|do you know] the capital of {x}[?|]", "[which|what] continent is {x} [on|in][?|]", "[what is|tell me] the [symbol|atomic number] of {x}[?|]", "where is {x}[?|]", "how many moons does {x} have[?|]",
    "[what is|what's|who is|tell me about] {x}[?|]", "how [big|old|heavy|long|far away] is {x}[?|]", "what does a {x} eat[?|]", "how many legs does a {x} have[?|]", "what is a baby {x} called[?|]", "[which|what] planet does {x} circle[?|]",
    "[which|what] language do they speak in {x}[?|]", "is {x} a [country|planet|element|moon|animal][?|]", "how many {x} are in a {y}[?|]", "what sound does a {x} make[?|]", "[which|what] group is {x} in[?|]",
]
HELD = ["Who came up with the telescope?", "My bicycle has a flat tyre. How do I mend it?", "What was Napoleon famous for?", "Is Boston a large place?", "What would a violin cost me?", "I need an essay on the dinosaur.",
        "How does the engine of a motorcycle work inside?", "Give me the recipe of a good pizza.", "Did Mozart have children?", "Please translate umbrella for me.", "What was the name of Beethoven's dog?", "Could you write code for a printer?",
        "In which city was Picasso born?", "How long does a marathon take?", "What are the rules of cricket?", "Who runs the museum in Chicago?"]
HELD_INVENTED = ["The capital of {x} is which city?", "I have read about {x}. What is it?", "Does {x} belong to Asia?", "Which symbol do chemists use for {x}?"]

_START = "bl br dr fl gr kl kr pl pr sk sm sn st tr v w z b d f g l m n p r s t qu zh".split()
_MIDDLE = "a e i o u ai oa ee oo".split()
_MORE = "lb rv mb nd zz gl ff rk lm nt ss vr bl x".split()
_END = ["ia", "or", "ium", "an", "us", "is", "ee", "ock", "ow", "ith", "oria", "elk", "ond", "ax"]


class Unknown:
    """Questions to decline, given the names that the world knows (in lower case)."""

    def __init__(self, known):
        self._known = known
        fresh = lambda items: [i for i in items if i.replace("~", " ").lower() not in known]
        self.nouns, self.people, self.places = fresh(NOUNS), fresh(PEOPLE), fresh(PLACES)
        left_out = [i.replace("~", " ").lower() for i in NOUNS + PEOPLE + PLACES if i.replace("~", " ").lower() in known]
        self.held = [q for q in HELD if not any(f" {name} " in f" {normalise(q)} " for name in left_out)]

    def name(self, rng):
        """A name that nobody has."""
        while True:
            name = rng.choice(_START) + rng.choice(_MIDDLE) + rng.choice(_MORE) + rng.choice(_END)
            if name not in self._known:
                return name

    def question(self, rng):
        if rng.random() < 0.45:
            text = expand(rng.choice(INVENTED_ASKS), rng)
            name = self.name(rng)
            return text.replace("{x}", name.capitalize() if rng.random() < 0.6 else name).replace("{y}", self.name(rng))
        text = expand(rng.choice(ASKS), rng)
        while "{n}" in text:
            text = text.replace("{n}", rng.choice(self.nouns), 1)
        return text.replace("{p}", rng.choice(self.people)).replace("{c}", rng.choice(self.places)).replace("~", " ")

    def heldout(self, rng):
        invented = [template.replace("{x}", self.name(rng).capitalize()) for template in HELD_INVENTED * 5]
        return self.held + invented


_NOISES = ["???", "...", "?", "!!!", "asdf", "bla bla", "hmpf", "la la la", "qwerty", "x", "foo bar", "jkl jkl", "zzz"]


def gibberish(rng):
    letters = "asdfghjklqwertyuiopzxcvbnm"
    if rng.random() < 0.4:
        return rng.choice(_NOISES)
    return " ".join("".join(rng.choice(letters) for _ in range(rng.randrange(4, 9))) for _ in range(rng.randrange(1, 3)))
