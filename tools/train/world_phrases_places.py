"""Phrasings about countries, planets, moons and stars. See world_phrases.py for the form."""

from world_phrases_matter import DISCOVERER, FOUND, NAMED_AFTER

_KNOWN_FOR = {
    "asks": ["what is {e} known for?", "what is {e} famous for?", "for what is {e} [known|famous]?", "{e} is known for what?", "what is special about {e}?", "why is {e} [known|famous]?", "tell me what {e} is known for.",
             "what makes {e} [special|famous]?", "do you know what {e} is known for?", "tell me something [special|interesting] about {e}.", "what is interesting about {e}?"],
    "follow_ups": ["and what is it known for?", "what is it known for?", "what is it famous for?", "and what is special about it?", "what makes it special?", "why is it famous?"],
    "heldout": ["What do people mostly think of when they hear of {e}?", "Which feature has made {e} so well known?", "Among the things in the sky, what sets {e} apart?"],
    "heldout_follow_ups": ["Which feature has made it so well known?", "And what sets it apart?"],
}
_LARGEST_MOON = {
    "nouns": ["largest moon", "biggest moon"],
    "asks": ["[which|what] is the [largest|biggest] moon of {e}?", "[which|what] moon of {e} is the [largest|biggest]?", "which of {e's} moons is the [largest|biggest]?"],
    "follow_ups": ["and which is its largest moon?", "which of its moons is the biggest?"],
    "heldout": ["Of all the moons around {e}, which one is the largest?"],
    "heldout_follow_ups": ["Of all its moons, which one is the largest?"],
}


def _type(thing):
    return {
        "asks": [f"[which|what] kind of {thing} is {{e}}?", f"[which|what] type of {thing} is {{e}}?", f"[which|what] sort of {thing} is {{e}}?", f"{{e}} is [which|what] kind of {thing}?", "type of {e}?", "[what is|what's] the type of {e}?",
                 "what is {e}?", f"tell me what kind of {thing} {{e}} is.", f"do you know what kind of {thing} {{e}} is?", f"{{e}} is what type of {thing}?", "what type is {e}?"],
        "follow_ups": ["and what type is it?", f"what kind of {thing} is it?", "and its type?", "what is its type?", f"and which kind of {thing} is it?"],
        "heldout": [f"How do astronomers classify {{e}}, as which kind of {thing}?", f"To which class of {thing} would you count {{e}}?", f"What sort of {thing} are we looking at when we see {{e}}?"],
        "heldout_follow_ups": ["And how do astronomers classify it?", f"To which class of {thing} would you count it?"],
    }


SOURCES = {
    ("country", "capital"): {
        "nouns": ["capital", "capital city"],
        "asks": ["[which|what] city is the capital of {e}?", "[which|what] is the capital of {e}?", "where is the government of {e}?", "{e} has which city as its capital?", "what city is {e's} capital?"],
        "follow_ups": ["and which city is its capital?", "what is the capital called?"],
        "heldout": ["Which town does {e} call its capital?", "In which city does the government of {e} sit?"],
        "heldout_follow_ups": ["And which town is the capital there?"],
    },
    ("country", "of_capital"): {
        "asks": ["{v} is the capital of [which|what] country?", "of [which|what] country is {v} the capital?", "[which|what] country has the capital {v}?", "[which|what] country has {v} as its capital?", "[which|what] country's capital is {v}?",
                 "[what|which country] is {v} the capital of?", "whose capital is {v}?", "{v} is [which|what] country's capital?", "tell me the country whose capital is {v}.", "do you know which country {v} is the capital of?", "name the country whose capital is {v}.",
                 "{v} is the capital of what?"],
        "heldout": ["Which nation is governed from its capital {v}?", "In which country would I be if I visited the capital {v}?", "The capital {v} lies in which country?"],
    },
    ("country", "continent"): {
        "nouns": ["continent"],
        "asks": ["on [which|what] continent is {e}?", "in [which|what] continent is {e}?", "[which|what] continent is {e} [in|on]?", "where is {e}?", "in [which|what] part of the world is {e}?", "to [which|what] continent does {e} belong?",
                 "{e} is [in|on] which continent?", "where in the world is {e}?", "{e} belongs to which continent?", "on which continent does {e} lie?"],
        "follow_ups": ["and where is it?", "on which continent is it?", "where is that country?", "and which continent is it on?"],
        "heldout": ["Which continent do I have to travel to if I want to see {e}?", "On a map of the world, on which continent do I find {e}?"],
        "heldout_follow_ups": ["And on which continent do I find it?"],
    },
    ("country", "currency"): {
        "nouns": ["currency", "money"],
        "asks": ["how do [people|you] pay in {e}?", "[which|what] money do [people|they] use in {e}?", "[which|what] currency is used in {e}?", "with [which|what] [money|currency] do you pay in {e}?", "[which|what] currency do they have in {e}?", "{e} pays with [which|what] currency?",
                 "[what is|what's] the currency in {e}?", "currency in {e}?", "what is the money in {e} called?"],
        "follow_ups": ["and how do people pay there?", "what money do they use there?", "and which currency is used there?"],
        "heldout": ["Before I travel to {e}, which currency should I get?", "When I go shopping in {e}, which currency is in my purse?"],
        "heldout_follow_ups": ["And when I go shopping there, which currency do I need?"],
    },
    ("country", "language"): {
        "nouns": ["official language", "language"],
        "asks": ["[which|what] language do [people|they] speak in {e}?", "[which|what] language is spoken in {e}?", "what do people speak in {e}?", "[which|what] language is official in {e}?", "[which|what] language does {e} use?", "in {e}, [which|what] language do people speak?",
                 "how do people talk in {e}?", "language in {e}?"],
        "follow_ups": ["and which language do they speak?", "which language is spoken there?", "and what do people speak there?"],
        "heldout": ["Which language should I learn before I move to {e}?", "In what language are the laws of {e} written?"],
        "heldout_follow_ups": ["And which language should I learn to live there?"],
    },
    ("country", "people"): {
        "asks": ["what are [the |]people [of|from] {e} called?", "what do you call [people|someone] from {e}?", "how are the people of {e} called?", "people from {e} are called what?", "what is the name [of|for] the people of {e}?", "the people of {e} are called what?",
                 "[what is|what's] the word for people from {e}?", "name of the people of {e}?", "tell me what people from {e} are called.", "do you know what people from {e} are called?", "what are {e's} people called?", "who lives in {e}?"],
        "follow_ups": ["and its people?", "and what are its people called?", "what are the people called?", "what about its people?", "what do you call people from there?", "and the people there?", "who lives there?"],
        "heldout": ["If somebody was born in {e}, to which people do they belong?", "By what name do we know the inhabitants of {e}?", "Is there a name for those who come from {e}?"],
        "heldout_follow_ups": ["By what name do we know its inhabitants?", "And is there a name for those who come from there?"],
    },
    ("country", "neighbour"): {
        "nouns": ["land neighbour", "neighbour"],
        "asks": ["[which|what] country borders {e}?", "[which|what] is the only [|land ]neighbour of {e}?", "[which|what] country does {e} border?", "{e} borders which country?", "what country is next to {e}?", "who is the neighbour of {e}?"],
        "follow_ups": ["and which country does it border?", "which country is next to it?"],
        "heldout": ["If I leave {e} by road, which country do I enter?", "With which country does {e} share its border?"],
        "heldout_follow_ups": ["With which country does it share its border?"],
    },
    ("planet", "place"): {
        "asks": ["[which|what] number is {e} from the Sun?", "which planet from the Sun is {e}?", "what place does {e} have from the Sun?", "{e} is which planet from the Sun?", "where is {e} in the order of planets?", "what is the place of {e} among the planets?",
                 "in which place from the Sun is {e}?", "position of {e} from the Sun?", "[what is|what's] the position of {e} from the Sun?", "tell me the place of {e} in the solar system.", "do you know which planet from the Sun {e} is?", "how far out is {e} in the order of planets?"],
        "follow_ups": ["and its place from the Sun?", "and which planet from the Sun is it?", "what is its place?", "and its position?", "what about its place?"],
        "heldout": ["If I start at the Sun and count the planets, when do I reach {e}?", "Counting outwards from the Sun, where does {e} come?", "In the row of the planets, which rank has {e}?"],
        "heldout_follow_ups": ["Counting outwards from the Sun, where does it come?", "And which rank has it in the row of the planets?"],
    },
    ("planet", "at_place"): {
        "asks": ["[which|what] is the {v} planet [|from the Sun]?", "[which|what] planet is the {v} from the Sun?", "[which|what] planet is {v} from the Sun?", "the {v} planet from the Sun is [which|what]?", "name the {v} planet from the Sun.", "the {v} planet?", "the {v} planet from the Sun?",
                 "tell me the {v} planet from the Sun.", "do you know the {v} planet from the Sun?", "what is the {v} planet of the solar system [called|]?", "[which|what] planet comes {v} from the Sun?"],
        "heldout": ["If I fly away from the Sun, which planet do I meet as the {v} one?", "Counting outwards from the Sun, which planet comes {v}?", "Which planet has the {v} orbit around the Sun?"],
    },
    ("planet", "moons"): {
        "asks": ["how many moons does {e} have?", "how many moons has {e}?", "how many moons are there around {e}?", "how many moons circle {e}?", "number of moons of {e}?", "[what is|what's] the number of moons of {e}?", "does {e} have moons?", "does {e} have any moons?",
                 "{e} has how many moons?", "tell me how many moons {e} has.", "do you know how many moons {e} has?", "how many moons of {e} are there?"],
        "follow_ups": ["and how many moons does it have?", "how many moons does it have?", "and its moons?", "does it have moons?", "what about its moons?", "and how many moons?"],
        "heldout": ["What is the count of moons that go around {e}?", "If you look up from {e}, how many moons can there be in the sky?", "With how many moons does {e} travel?"],
        "heldout_follow_ups": ["And what is the count of its moons?", "With how many moons does it travel?"],
    },
    ("planet", "year"): {
        "asks": ["how long is a year on {e}?", "how long does a year on {e} last?", "how long does {e} take to go around the Sun?", "how long does {e} need for one orbit?", "length of a year on {e}?", "[what is|what's] the length of a year on {e}?", "a year on {e} is how long?",
                 "how long is {e's} year?", "tell me how long a year on {e} is.", "do you know how long a year on {e} is?", "how many [days or years|days] is a year on {e}?"],
        "follow_ups": ["and how long is its year?", "how long is a year there?", "and its year?", "what about its year?", "how long does it take to go around the Sun?"],
        "heldout": ["After how much time has {e} finished one trip around the Sun?", "If I lived on {e}, how long would I wait between two birthdays?", "What time does one full year take on {e}?"],
        "heldout_follow_ups": ["And what time does one full year take there?", "After how much time has it finished one trip around the Sun?"],
    },
    ("planet", "day"): {
        "asks": ["how long is a day on {e}?", "how long does a day on {e} last?", "how long does {e} take to turn once?", "how fast does {e} turn?", "length of a day on {e}?", "[what is|what's] the length of a day on {e}?", "a day on {e} is how long?", "how long is {e's} day?",
                 "tell me how long a day on {e} is.", "do you know how long a day on {e} is?", "in what time does {e} turn once?"],
        "follow_ups": ["and how long is its day?", "how long is a day there?", "and its day?", "what about its day?", "how fast does it turn?"],
        "heldout": ["After how many hours has {e} turned around itself?", "What time does one full day take on {e}?", "How many hours pass from one noon to the next on {e}?"],
        "heldout_follow_ups": ["And what time does one full day take there?", "After how many hours has it turned around itself?"],
    },
    ("planet", "diameter"): {
        "nouns": ["diameter", "size"],
        "asks": ["how [big|large|wide] is {e}?", "how many kilometres wide is {e}?", "{e} is how [big|large|wide]?", "tell me how big {e} is."],
        "follow_ups": ["and how [big|large] is it?", "how big is it?"],
        "heldout": ["How many kilometres is it from one side of {e} to the other?"],
        "heldout_follow_ups": ["And how many kilometres is it from one side to the other?"],
    },
    ("planet", "type"): _type("planet"),
    ("planet", "largest_moon"): _LARGEST_MOON,
    ("planet", "named_after"): NAMED_AFTER,
    ("planet", "known_for"): _KNOWN_FOR,
    ("dwarf", "type"): _type("body"),
    ("dwarf", "found"): FOUND,
    ("dwarf", "discoverer"): DISCOVERER,
    ("dwarf", "largest_moon"): _LARGEST_MOON,
    ("dwarf", "named_after"): NAMED_AFTER,
    ("dwarf", "where"): {
        "asks": ["where is {e}?", "where does {e} circle the Sun?", "where in the solar system is {e}?", "in [which|what] [belt|region] is {e}?", "{e} is in which [belt|region]?", "[which|what] [belt|region] is {e} in?", "where can {e} be found?", "tell me where {e} is.",
                 "do you know where {e} is?", "to which belt does {e} belong?", "{e} is where?"],
        "follow_ups": ["and where is it?", "where is it?", "in which belt is it?", "where does it circle the Sun?", "and its region?"],
        "heldout": ["In what part of the solar system would I have to look for {e}?", "Through which region does the orbit of {e} lead?", "What belt of bodies is home to {e}?"],
        "heldout_follow_ups": ["In what part of the solar system would I have to look for it?", "And through which region does its orbit lead?"],
    },
    ("moon", "planet"): {
        "asks": ["[which|what] planet does {e} belong to?", "to [which|what] planet does {e} belong?", "{e} is a moon of [which|what] planet?", "[what|which planet] does {e} circle?", "of [which|what] planet is {e} a moon?", "around [what|which planet] does {e} go?", "{e} circles what?",
                 "what is {e}?", "{e} belongs to which planet?", "tell me which planet {e} belongs to.", "do you know which planet {e} circles?", "[which|what] planet has the moon {e}?", "whose moon is {e}?"],
        "follow_ups": ["and which planet does it circle?", "to which planet does it belong?", "and its planet?", "what about its planet?", "whose moon is it?", "around what does it go?"],
        "heldout": ["If I stood on {e}, which planet would be large in the sky?", "Which planet holds {e} in its orbit?", "Where would I look for {e}, near which planet?"],
        "heldout_follow_ups": ["Which planet holds it in orbit?", "And near which planet would I look for it?"],
    },
    ("moon", "found"): FOUND,
    ("moon", "discoverer"): DISCOVERER,
    ("moon", "named_after"): NAMED_AFTER,
    ("moon", "known_for"): _KNOWN_FOR,
    ("star", "constellation"): {
        "nouns": ["constellation"],
        "asks": ["in [which|what] constellation is {e}?", "[which|what] constellation is {e} in?", "to [which|what] constellation does {e} belong?", "{e} is in which constellation?", "{e} belongs to which constellation?", "where in the sky is {e}?"],
        "follow_ups": ["and which constellation is it in?", "in which constellation is it?"],
        "heldout": ["Which constellation do I look for if I want to see {e}?", "The star {e} is part of which constellation?"],
        "heldout_follow_ups": ["And of which constellation is it a part?"],
    },
    ("star", "distance"): {
        "nouns": ["distance"],
        "asks": ["how far [away |]is {e}?", "how far is {e} from us?", "how many light years away is {e}?", "{e} is how far away?", "how many light years is it to {e}?", "how far is it to {e}?"],
        "follow_ups": ["and how far away is it?", "how far is it?"],
        "heldout": ["For how many years does the light of {e} travel to us?"],
        "heldout_follow_ups": ["And for how many years does its light travel to us?"],
    },
    ("star", "type"): _type("star"),
    ("star", "known_for"): _KNOWN_FOR,
}
