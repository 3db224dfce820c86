"""Phrasings about animals. See world_phrases.py for the form."""


def _called(what, whats):
    """Words for the young, the female, the male or the group: `what` is "a young {n}", `whats` "young {p}"."""
    return [f"[what is|what's] {what} called?", f"[what|how] do you call {what}?", f"how is {what} called?", f"[what is|what's] the [name|word|term] for {what}?",
            f"{what} is called what?", f"what are {whats} called?", f"name for {what}?", f"{what}?",
            f"tell me [what {what} is called|the name for {what}].", f"do you know [what {what} is called|the name for {what}]?", f"what do [people|we] call {what}?",
            f"[which|what] word is used for {what}?", f"{what}, what is that called?"]


def _sex(sex):
    return {
        "asks": _called(f"a {sex} {{n}}", f"{sex} {{p}}") + [f"is there a word for a {sex} {{n}}?", f"[which|what] word do we use when {{a}} is {sex}?",
        f"by [which|what] name is a {sex} {{n}} known?",
                 f"[what is|what's] the {sex} {{n}} called?", f"[what is|what's] the {sex} of the {{n}}?"],
        "follow_ups": [f"and the {sex}?", f"what is the {sex} called?", f"and what is a {sex} called?", f"what about the {sex}?", f"and the name of the {sex}?",
                       f"how do you call the {sex}?"],
        "heldout": [f"By what name do experts know the {sex} {{n}}?", f"If {{a}} is {sex}, which word do I use?", f"Is there a special word when {{a}} is a {sex}?"],
        "heldout_follow_ups": [f"If it is a {sex}, which word do I use?", f"And is there a special word for a {sex} one?"],
    }


SOURCES = {
    ("animal", "class"): {
        "asks": ["what kind of animal is {a}?", "how is {a} classified?", "mammal, bird or insect: what is {a}?", "how do biologists classify {p}?",
                 "[which|what] class of [animal|animals] is {a}?", "to [which|what] class [of animals |]does {a} belong?", "to which class do {p} belong?",
                 "{a} is [which|what] kind of animal?", "[which|what] type of animal is {a}?", "what are {p}?",
                 "what is {a}?", "[what is|what's] the class of {a}?", "class of {p}?", "tell me what kind of animal {a} is.", "do you know what kind of animal {a} is?",
                 "is {a} a mammal, a bird or something else?", "{p} are what kind of animals?"],
        "follow_ups": ["and what kind of animal is it?", "what kind of animal is it?", "and its class?", "to which class does it belong?", "what about its class?",
                       "is it a mammal, a bird or something else?"],
        "heldout": ["How does a biologist classify {a}?", "In which class of the animal kingdom do we find {p}?", "Mammal, bird, insect or what else: where does {a} belong?"],
        "heldout_follow_ups": ["And how does a biologist classify it?", "In which class of the animal kingdom do we find it?"],
    },
    ("animal", "food"): {
        "asks": ["what does {a} eat?", "what does a hungry {n} eat?", "what do you feed to {p}?", "what does a zoo feed to {p}?", "what fills the stomach of {a}?",
                 "what is for lunch when {p} are hungry?", "what do {p} eat?", "what do {p} [feed on|live on]?", "[what is|what's] the food of {p}?", "food of {p}?",
                 "{p} eat what?", "what is eaten by {p}?", "tell me what {p} eat.", "do you know what {p} eat?", "what does {a} [feed on|live on]?",
                 "[what is|what's] the diet of {a}?", "what is {a's} food?", "what kind of food do {p} eat?", "what do {p} like to eat?"],
        "follow_ups": ["and what does it eat?", "what does it eat?", "what do they eat?", "and its food?", "and the food?", "what about its food?", "what does it feed on?",
                       "and what do they eat?"],
        "heldout": ["What would I find in the stomach of {a}?", "If {p} are hungry, what do they look for?", "What should a zoo give to {p} for lunch?"],
        "heldout_follow_ups": ["If it is hungry, what does it look for?", "And what should a zoo give it for lunch?"],
    },
    ("animal", "young"): {
        "asks": _called("a young {n}", "young {p}") + ["what is the child of {a} called?", "what is a little {n} called?", "what is {a} called before it is grown up?",
        "when {p} have a child, what is it called?",
                 "[what is|what's] a baby {n} called?", "what are baby {p} called?", "[what is|what's] the young of {a} called?", "[what is|what's] the name of {a's} baby?"],
        "follow_ups": ["and its young?", "and what is its young called?", "and its baby?", "what is a young one called?", "and the young?", "what about its young?",
                       "and the babies?", "what are the young called?"],
        "heldout": ["Which word do people use for the child of {a}?", "When {a} has a little one, what do we call it?", "Before it grows up, {a} goes by which name?"],
        "heldout_follow_ups": ["When it has a little one, what do we call that?", "And which word is there for its child?"],
    },
    ("animal", "group"): {
        "asks": _called("a group of {p}", "groups of {p}") + ["[which|what] word describes many {p}?", "in what do {p} gather?", "how do you call a lot of {p}?",
        "when {p} come together, what are they called?",
                 "many {p} together are called what?", "what are many {p} together called?", "[what is|what's] the collective noun for {p}?"],
        "follow_ups": ["and a group?", "and a group of them?", "what is a group of them called?", "and the group?", "what about a group?", "what do you call a group of them?",
                       "and many of them together?"],
        "heldout": ["When several {p} come together, which word describes them?", "I saw a lot of {p} in one place, how do I call such a group?",
                    "In what sort of group, by name, do {p} gather?"],
        "heldout_follow_ups": ["When several of them come together, which word describes them?", "And how do I call it when I see a lot of them?"],
    },
    ("animal", "female"): _sex("female"),
    ("animal", "male"): _sex("male"),
    ("animal", "home"): {
        "asks": ["where does {a} live?", "where does one meet {p}?", "in [which|what] place do {p} live?", "which part of the world has wild {p}?",
                 "where would you look for {p}?", "in which surroundings is {a} at home?", "where do i travel to see {p}?", "where do {p} live?",
                 "where are {p} [found|at home]?", "in [which|what] part of the world do {p} live?", "{p} live where?", "[what is|what's] the home of {p}?", "home of {p}?",
                 "[what is|what's] the home of {a}?",
                 "where can [i|you|one] find {p}?", "tell me where {p} live.", "do you know where {p} live?", "where is the home of {p}?", "where do {p} come from?",
                 "where is {a} at home?"],
        "follow_ups": ["and where does it live?", "where does it live?", "where do they live?", "and its home?", "what about its home?", "and where is it found?",
                       "where can one find it?"],
        "heldout": ["Where would I have to travel to meet wild {p}?", "In what surroundings would you look for {p}?", "Which place on Earth do {p} call their home?"],
        "heldout_follow_ups": ["Where would I have to travel to meet one?", "And which place does it call its home?"],
    },
}
