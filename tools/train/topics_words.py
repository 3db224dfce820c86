"""Small knowledge beside the world's tables: opposites, colours, the order of days and months, plurals, a few everyday questions."""

from grammar import Intent

OPPOSITES = [p.split(":") for p in ("hot:cold big:small fast:slow good:bad old:new day:night up:down open:closed happy:sad light:dark early:late high:low full:empty "
                                    "wet:dry hard:soft strong:weak left:right yes:no black:white rich:poor long:short loud:quiet clean:dirty cheap:expensive inside:outside "
                                    "beautiful:ugly brave:cowardly thick:thin wide:narrow true:false begin:end buy:sell love:hate win:lose remember:forget north:south "
                                    "east:west above:below always:never safe:dangerous").split()]
COLOURS = [p.split(":") for p in "sky:blue grass:green snow:white coal:black sun:yellow blood:red banana:yellow tomato:red leaf:green night:black milk:white lemon:yellow cherry:red chocolate:brown".split()]
PLURALS = [p.split(":") for p in "mouse:mice goose:geese foot:feet tooth:teeth child:children man:men woman:women ox:oxen leaf:leaves wolf:wolves knife:knives sheep:sheep fish:fish box:boxes city:cities".split()]
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
COUNTS = [("letters", "the English alphabet", "26"), ("continents", "the world", "seven"), ("sides", "a triangle", "three"), ("sides", "a square", "four"), ("wheels", "a car", "four"), ("wheels", "a bicycle", "two"),
          ("fingers", "a hand", "five"), ("strings", "a violin", "four"), ("players", "a football team", "eleven"), ("legs", "a chair", "four"), ("colours", "a rainbow", "seven"), ("bits", "a byte", "eight")]

SINGLE = [  # how it is asked, the answer, a plain form, two held-out paraphrases
    ("[which|what] is the [highest|tallest] mountain[?| on earth?| in the world?|]", "Mount Everest is the highest mountain on Earth.", "What is the tallest mountain in the world?", ["No mountain is taller than which one?", "Where would a climber be at the top of the world?"]),
    ("[which|what] is the [largest|biggest] ocean[?| on earth?|]", "The Pacific is the largest ocean on Earth.", "What is the largest ocean?", ["Of all oceans, which covers the most?", "No ocean is bigger than which one?"]),
    ("[what is|what's] water made of[?|]", "Water is made of hydrogen and oxygen.", "What is water made of?", ["Out of which two elements does water consist?", "Which elements make up water?"]),
    ("[when|at what temperature] does water [freeze|become ice|turn to ice][?|]", "Water freezes at 0 degrees Celsius.", "At what temperature does water freeze?", ["How cold must it be for water to freeze?", "Ice forms at how many degrees?"]),
    ("[when|at what temperature] does water [boil|start to boil][?|]", "Water boils at 100 degrees Celsius.", "At what temperature does water boil?", ["How hot does water get before it boils?", "My kettle boils at how many degrees?"]),
    ("what do bees make[?|]", "Bees make honey.", "What do bees make?", ["Which food do we owe to the bees?", "From bees we get what?"]),
    ("what do cows give[?| us?|]", "Cows give milk.", "What do cows give us?", ["Why do farmers keep cows?", "Which drink comes from cows?"]),
    ("why is the sky blue[?|]", "The air scatters blue light more than red light, so the sky looks blue.", "Why is the sky blue?", ["For what reason does the sky look blue?", "How come the sky has a blue colour?"]),
    ("what do plants need[?| to grow?| to live?|]", "Plants need light, water and air.", "What do plants need to grow?", ["Without which things does a plant die?", "A plant lives on what?"]),
    ("[what is|what's] a [computer|cpu|processor][?|]", "A computer follows the instructions of a program, and its CPU carries them out.", "What is a computer?", ["How would you describe a computer to a child?", "Say what a CPU does inside a computer."]),
    ("what is linux[?|]", "Linux is a free operating system.", "What is Linux?", ["Linux, what sort of software is that?", "My friend uses Linux. What might that be?"]),
    ("[what is|what's] a [program|computer program][?|]", "A program is a list of instructions for a computer.", "What is a program?", ["How would you describe a program to a child?", "A computer program consists of what?"]),
    ("[what is|what's] the internet[?|]", "The internet is a network that connects computers all over the world.", "What is the internet?", ["How would you describe the internet to a child?", "The internet connects what?"]),
    ("[why do|why should] we [sleep|need sleep][?|]", "While we sleep, the body rests and the brain sorts what it has learned.", "Why do we sleep?", ["For what reason do people sleep?", "Sleep is good for what?"]),
    ("why [does it rain|is there rain][?|]", "Water rises from the sea as vapour, becomes clouds, and falls as rain.", "Why does it rain?", ["How does rain come about?", "Where does the rain come from?"]),
    ("why do [leaves|the leaves] fall[?| in autumn?|]", "Trees drop their leaves in autumn to save water in the cold months.", "Why do leaves fall in autumn?", ["What makes a tree lose its leaves?", "For what reason are trees bare in winter?"]),
    ("why does ice [float|swim][?| on water?]", "Ice is lighter than water, so it floats.", "Why does ice float?", ["How come an ice cube swims on top?", "Is ice lighter or heavier than water?"]),
    ("what do [people|we] breathe[?|]", "We breathe air, and our bodies use the oxygen in it.", "What do people breathe?", ["Which gas in the air keeps us alive?", "With every breath we take in what?"]),
]


def _intents():
    for a, b in OPPOSITES:
        for x, y in ((a, b), (b, a)):
            yield Intent("opposite " + x, [f"[what is|what's|tell me|name|do you know] the [opposite|contrary] of {x}[?|]", f"[which|what] word is the opposite of {x}[?|]", f"opposite of {x}[?|]", f"{x} is the [opposite|contrary] of [what|which word][?|]", f"what is not {x}[?|]"],
                         [f"The opposite of {x} is {y}."], [f"What is the opposite of {x}?"], 0.1, [f"If something is not {x} at all, what is it?", f"Turn {x} into its opposite."])
    for thing, colour in COLOURS:
        yield Intent("colour " + thing, [f"[what|which] [colour|color] [is|has] [the|a] {thing}[?|]", f"[what is|what's|tell me] the [colour|color] of [the|a] {thing}[?|]"], [f"The colour of the {thing} is {colour}."], [f"What colour is the {thing}?"], 0.15,
                     [f"I paint a {thing}. Which colour do I take?", f"How is a {thing} coloured?"])
    for one, many in PLURALS:
        yield Intent("plural " + one, [f"[what is|what's|tell me] the plural of {one}[?|]", f"plural of {one}[?|]", f"[what|which] is the plural [form |]of {one}[?|]", f"one {one}, two what[?|]"], [f"The plural of {one} is {many}."], [f"What is the plural of {one}?"], 0.12,
                     [f"How do I write more than one {one}?", f"There is not one {one} but many, so I say what?"])
    for names, kind in ((DAYS, "day"), (MONTHS, "month")):
        for i, name in enumerate(names):
            after, before = names[(i + 1) % len(names)], names[i - 1]
            yield Intent("after " + name, [f"[what|which] {kind} [comes|is|follows] after {name}[?|]", f"what comes after {name}[?|]", f"[what|which] {kind} follows {name}[?|]", f"the {kind} after {name}[?|]"], [f"The {kind} after {name} is {after}."], [f"Which {kind} comes after {name}?"], 0.15,
                         [f"When {name} is over, which {kind} begins?", f"{name} is followed by which {kind}?"])
            yield Intent("before " + name, [f"[what|which] {kind} [comes|is] before {name}[?|]", f"what comes before {name}[?|]", f"the {kind} before {name}[?|]"], [f"The {kind} before {name} is {before}."], [f"Which {kind} comes before {name}?"], 0.12,
                         [f"{name} comes right after which {kind}?", f"Which {kind} has to end so that {name} can begin?"])
    for unit, whole, count in COUNTS:
        yield Intent(f"count {unit} {whole}", [f"how many {unit} [are|are there] in {whole}[?|]", f"how many {unit} does {whole} have[?|]", f"how many {unit} has {whole}[?|]", f"[tell me the |]number of {unit} in {whole}[?|]"],
                     [f"There are {count} {unit} in {whole}." if unit not in ("wheels", "sides", "legs", "fingers", "strings", "players") else f"{whole[0].upper() + whole[1:]} has {count} {unit}."], [f"How many {unit} are there in {whole}?"], 0.2,
                     [f"If I count the {unit} of {whole}, how many do I find?", f"Somebody told me the number of {unit} in {whole}, but I forgot it."])
    for i, (ask, answer, core, held) in enumerate(SINGLE):
        yield Intent(f"everyday {i}", [ask, "[tell me, |do you know: |so, |please: |]" + ask], [answer], [core], 0.3, held)


INTENTS = list(_intents())
