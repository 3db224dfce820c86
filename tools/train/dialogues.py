"""Twenty dialogues of four messages, as people write them: what the shipped model is shown with. Never trained on."""

DIALOGUES = [
    ["Hi, I'm Martha!", "What's the capital of France?", "and its currency?", "Do you still know my name?"],
    ["good morning", "can you tell me the symbol for gold?", "and the atomic number?", "Thanks a lot, that was quick."],
    ["What is 47 plus 38?", "and minus 5?", "Which is larger, 80 or 47?", "ok, you are good at this"],
    ["Tell me a story about a fox and the moon.", "That was lovely!", "What is a young fox called?", "See you tomorrow!"],
    ["Hello! What are you?", "How big are you?", "Do you need a graphics card?", "Great, thank you."],
    ["how do I start the chat?", "and how do I leave it again?", "What does --temp do?", "what did you say?"],
    ["I feel a bit sad today.", "Do you know a joke?", "haha, that was good", "Which planet is the largest?"],
    ["What is the symbol of iron?", "And of silver?", "What is its atomic number?", "What was my first question?"],
    ["What is a memory bank in Kinglet?", "How can I see which blocks it fetched?", "How do I keep a block from being read?", "Nice, thanks."],
    ["On which continent is Kenya?", "And its capital?", "And what about Peru?", "thank you, bye"],
    ["What's the weather like in Rome?", "Okay. What is the capital of Italy then?", "What language do they speak there?", "Good to know!"],
    ["What is 12 times 12?", "Sam has 15 apples and eats 6 of them. How many are left?", "Say that again, please.", "Which number is smaller, 9 or 15?"],
    ["What is the capital of Zambrunia?", "Fine. And the capital of Spain?", "Who are you, by the way?", "Which plugins do you have?"],
    ["My favourite colour is green.", "What colour is the sky?", "Which colour do I like best?", "What is the opposite of dark?"],
    ["how many minutes are in an hour?", "And how many seconds are in a minute?", "What is 60 times 2?", "thx"],
    ["Which exit status means that a file is missing?", "And which flag names the model?", "Can Kinglet run Qwen models?", "Thanks, you have been very helpful."],
    ["What do bees eat?", "What is a group of them called?", "Tell me a story about a bee.", "I liked that one, thank you."],
    ["Which moon is the largest moon of Jupiter?", "How many moons does Mars have?", "What is Mars known for?", "Amazing, thanks!"],
    ["i can't sleep", "What time is it?", "Then tell me the days of the week.", "Good night, little bird."],
    ["What does the sparse_x86 plugin do?", "And xnnpack?", "How do I make my own plugin?", "What did I ask you first?"],
]
