"""Phrasings about elements and units. See world_phrases.py for the form."""

_DISCOVERER = {
    "asks": ["who [discovered|found] {e}?", "{e} was discovered by whom?", "by whom was {e} discovered?", "who is the discoverer of {e}?", "discoverer of {e}?", "{e's} discoverer?",
             "tell me who discovered {e}.", "do you know who [discovered|found] {e}?", "which [scientist|person] discovered {e}?", "who was the first to find {e}?", "name the discoverer of {e}.",
             "to whom do we owe the discovery of {e}?", "{e}, who discovered it?"],
    "follow_ups": ["and who [discovered|found] it?", "who discovered it?", "and its discoverer?", "what about its discoverer?", "by whom was it discovered?", "who was its discoverer?", "and the discoverer?"],
    "heldout": ["Whose discovery is {e}?", "Who gets the credit for discovering {e}?", "I wonder which researcher discovered {e} first.", "Can you give me the name of the one who discovered {e}?"],
    "heldout_follow_ups": ["Whose discovery is it?", "And who gets the credit for discovering it?"],
}
_FOUND = {
    "asks": ["when was {e} discovered?", "in [which|what] year was {e} discovered?", "[which|what] year was {e} [discovered|found]?", "{e} was discovered when?", "{e} was discovered in [which|what] year?",
             "year of discovery of {e}?", "[what is|what's] the year of {e's} discovery?", "do you know when {e} was discovered?", "tell me when {e} was [discovered|found].", "when was the discovery of {e}?",
             "tell me the year in which {e} was discovered.", "since when do we know {e}?", "discovery of {e}: when?"],
    "follow_ups": ["and when was it [discovered|found]?", "when was it discovered?", "and the year of its discovery?", "in [which|what] year was it discovered?", "what about its discovery, when was that?", "when was that discovered?"],
    "heldout": ["What is the date of {e's} discovery?", "In the history of science, which year belongs to the discovery of {e}?", "At what point in history was {e} discovered?", "When did somebody first discover {e}?"],
    "heldout_follow_ups": ["When did somebody first discover it?", "And what is the date of its discovery?"],
}
_NAMED_AFTER = {
    "asks": ["[what|who or what] is {e} named after?", "after [what|whom or what] is {e} named?", "{e} is named after [what|whom]?", "where does the name [|of ]{e} come from?", "where does {e} get its name from?",
             "[what is|what's] the origin of the name {e}?", "origin of the name {e}?", "[what|who] was {e} named after?", "tell me what {e} is named after.", "do you know what {e} was named after?",
             "what gave {e} its name?", "why is {e} called {e}?", "{e's} name comes from what?"],
    "follow_ups": ["and what is it named after?", "what is it named after?", "[after what is it named|where does its name come from]?", "and its name?", "what about its name?", "and where does the name come from?", "what gave it its name?"],
    "heldout": ["From what does {e} have its name?", "What did people think of when they named {e}?", "In honour of what or whom was {e} named?", "The name of {e} goes back to what?"],
    "heldout_follow_ups": ["In honour of what or whom was it named?", "And its name goes back to what?"],
}

SOURCES = {
    ("element", "symbol"): {
        "nouns": ["symbol", "chemical symbol"],
        "asks": ["how is {e} abbreviated?", "[which|what] symbol stands for {e}?", "what are the letters for {e} in the periodic table?", "what is {e} called in formulas?", "[what is|what's] the abbreviation [of|for] {e}?",
                 "symbol for {e}?", "[what is|what's] the [chemical |]symbol for {e}?", "[what is|what's] the symbol for the element {e}?"],
        "follow_ups": ["and how is it abbreviated?"],
        "heldout": ["How do chemists write {e} as a symbol?", "In the periodic table, with which symbol is {e} shown?"],
        "heldout_follow_ups": ["And how do chemists write its symbol?"],
    },
    ("element", "number"): {
        "nouns": ["atomic number", "number in the periodic table"],
        "asks": ["[which|what] number [is|has] {e}?", "how many protons does {e} have?", "how many protons [are in|has] an atom of {e}?", "number of protons [of|in] {e}?", "at which number in the periodic table is {e}?",
                 "{e} is element number what?", "[which|what] number is {e} in the periodic table?", "what is the atomic number for {e}?"],
        "follow_ups": ["and how many protons does it have?", "and the number?", "and [which|what] number is it?"],
        "heldout": ["Counting in the periodic table, which number belongs to {e}?", "If you count the protons of {e}, how many do you get?"],
        "heldout_follow_ups": ["And its number of protons, what would that be?"],
    },
    ("element", "of_symbol"): {
        "asks": ["[which|what] element has the [|chemical ]symbol {v}?", "{v} is the symbol of [which|what] element?", "[which|what] element is {v}?", "what does the symbol {v} [stand for|mean]?", "[which|what] element does {v} stand for?",
                 "what element does the symbol {v} [stand for|belong to]?", "to which element does the symbol {v} belong?", "name the element with the symbol {v}.", "do you know [which|what] element has the symbol {v}?",
                 "the symbol {v} means which element?", "element with the symbol {v}?", "tell me the element with the symbol {v}."],
        "heldout": ["Behind the symbol {v}, which element is hidden?", "I see {v} in the periodic table, which element is that?", "When a formula has the symbol {v}, which element is in it?"],
    },
    ("element", "of_number"): {
        "asks": ["[which|what] element has the atomic number {v}?", "[which|what] element has the number {v}?", "[which|what] is element number {v}?", "[which|what] element has {protons}?", "element number {v}?", "element with the atomic number {v}?",
                 "atomic number {v} is [which|what] element?", "name [|the ]element [number|with the atomic number] {v}.", "do you know the element with the atomic number {v}?", "the atomic number {v} belongs to which element?",
                 "to [which|what] element does the atomic number {v} belong?", "tell me the element with the atomic number {v}."],
        "heldout": ["Which element is found at number {v} of the periodic table?", "An atom with {protons}, which element would that be?", "I am looking at number {v} in the periodic table, which element is it?"],
    },
    ("element", "family"): {
        "nouns": ["family", "element family", "group"],
        "asks": ["[which|what] kind of element is {e}?", "[which|what] sort of element is {e}?", "to [which|what] [family|group] does {e} belong?", "what [family|group] does {e} belong to?", "{e} belongs to [which|what] [family|group]?",
                 "[which|what] [family|group] is {e} in?", "{e} is [which|what] kind of element?", "[which|what] type of element is {e}?"],
        "follow_ups": ["and what kind of element is it?", "to which family does it belong?", "what kind of element is it?", "and which group is it in?"],
        "heldout": ["Among the families of elements, where does {e} belong?", "How do chemists classify {e}, into which family?"],
        "heldout_follow_ups": ["And how do chemists classify it, into which family?"],
    },
    ("element", "state"): {
        "nouns": ["state at room temperature"],
        "asks": ["is {e} a solid, a liquid or a gas?", "is {e} solid, liquid or gas?", "at room temperature, is {e} [a |]solid, [a |]liquid or [a |]gas?", "[which|what] state is {e} in at room temperature?", "in [which|what] state is {e} at room temperature?",
                 "solid, liquid or gas: what is {e}?", "what is {e} at room temperature?", "how is {e} at room temperature?"],
        "follow_ups": ["is it a solid, a liquid or a gas?", "and is it solid, liquid or gas?", "and its state?", "what is it at room temperature?"],
        "heldout": ["On a normal day in a room, would {e} be solid, liquid or a gas?", "Does {e} come as a gas, a liquid or a solid at room temperature?"],
        "heldout_follow_ups": ["And does it come as a gas, a liquid or a solid?"],
    },
    ("element", "year"): _FOUND,
    ("element", "discoverer"): _DISCOVERER,
    ("element", "named_after"): _NAMED_AFTER,
    ("element", "use"): {
        "asks": ["what is {e} used for?", "what do [people|we|you] use {e} for?", "{e} is used for what?", "what is the use of {e}?", "use of {e}?", "uses of {e}?", "for what is {e} used?", "what is {e} good for?", "where is {e} used?",
                 "tell me [a use of {e}|what {e} is used for].", "do you know what {e} is used for?", "why do people need {e}?", "[what is|what's] a use of {e}?", "name a use of {e}."],
        "follow_ups": ["and what is it used for?", "what is it used for?", "and its use?", "[what|how] about its use?", "what do people use it for?", "where is it used?", "and what is it good for?"],
        "heldout": ["For which purpose do people use {e}?", "What can be done with {e}, how is it used?", "Who needs {e}, and for what use?", "What would we not have without the use of {e}?"],
        "heldout_follow_ups": ["For which purpose do people use it?", "And what can be done with it?"],
    },
    ("unit", "measures"): {
        "asks": ["what does {a} measure?", "what is measured in {p}?", "what do {p} measure?", "what do you measure in {p}?", "[which|what] quantity is measured in {p}?", "{a} is a unit of what?", "{p} measure what?", "what is {a}?",
                 "what kind of unit is {a}?", "[which|what] quantity does {a} measure?", "tell me what {a} measures.", "do you know what {a} measures?", "the {n} is a unit of what?", "what is the unit {n} for?"],
        "follow_ups": ["and what does it measure?", "what does it measure?", "what is measured with it?", "and what is it a unit of?", "what kind of unit is it?", "and what is it for?"],
        "heldout": ["What are we measuring when we count in {p}?", "The unit {n} tells you how much of what?", "For which quantity do people give the size in {p}?"],
        "heldout_follow_ups": ["And which quantity is given in that unit?", "What are we measuring with it?"],
    },
    ("unit", "symbol"): {
        "asks": ["[what is|what's] the symbol [of|for] [|the unit ]{n}?", "[what is|what's] the symbol of the {n}?", "[what is|what's] the abbreviation [of|for] {n}?", "how [is|do you abbreviate] {n}[ abbreviated|]?", "[which|what] symbol does the {n} have?", "the {n} has which symbol?",
                 "symbol of the {n}?", "[which|what] symbol stands for {n}?", "tell me the symbol of the {n}.", "do you know the symbol of the {n}?", "name the symbol of the {n}.", "give me the symbol for {n}.", "what is {n} in short?"],
        "follow_ups": ["and its symbol?", "and the symbol?", "what is its symbol?", "what about its symbol?", "how is it abbreviated?", "[which|what] symbol does it have?"],
        "heldout": ["Which symbol do I write after a value in {p}?", "When I want to write {n} as a symbol, how does it look?", "May I have the symbol that is used for {p}?"],
        "heldout_follow_ups": ["May I have its symbol too?", "And which symbol do I write for it?"],
    },
    ("unit", "equals"): {
        "asks": ["how much is {a}?", "how [long or |]big is {a}?", "what is {a} equal to?", "{a} is how much?", "{a} equals what?", "what does {a} equal?", "convert {a}.", "what is {a} in other units?", "{a} is the same as what?",
                 "how much is one {n}?", "one {n} is how much?", "tell me how much {a} is.", "do you know how much {a} is?", "what is one {n}[ equal to|]?", "{a} in other units?"],
        "follow_ups": ["and how much is it?", "how much is that?", "and what is it equal to?", "how big is it?", "what is one of it in other units?", "and in other units?"],
        "heldout": ["Please express one {n} in another unit.", "If I have one {n}, how much is that in another unit?", "What do I get when I convert one {n}?"],
        "heldout_follow_ups": ["Please express it in another unit.", "And what do I get when I convert it?"],
    },
    ("unit", "named_after"): {
        "asks": ["who is the {n} named after?", "after whom is the [|unit ]{n} named?", "the {n} is named after whom?", "who gave the {n} its name?", "where does the name [|of the ]{n} come from?", "who was the [|unit ]{n} named after?",
                 "tell me who the {n} is named after.", "do you know who the {n} is named after?", "[which|what] [scientist|person] gave the {n} its name?", "origin of the name {n}?", "[which|what] scientist is the {n} named after?"],
        "follow_ups": _NAMED_AFTER["follow_ups"] + ["and who is it named after?"],
        "heldout": ["In honour of whom was the {n} named?", "The name of the {n} goes back to whom?", "Which famous name is behind the unit {n}?"],
        "heldout_follow_ups": ["In honour of whom was it named?", "And its name goes back to whom?"],
    },
}
FOUND, DISCOVERER, NAMED_AFTER = _FOUND, _DISCOVERER, _NAMED_AFTER
