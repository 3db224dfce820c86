"""Questions written by hand, not from templates: the harder half of the evaluation. (intent, question)

Training never asks any of them. QUESTIONS were answered and read between training runs, so they have steered the
templates; BLIND were written before the last run and answered only once, after it. Keep it so: write new blind
questions for a new model.
"""

QUESTIONS = [
    ("hello", "hello kinglet, nice to see you"), ("hello", "Hi there! I'm new here."), ("hello", "good afternoon to you"), ("hello", "Hello hello hello"),
    ("bye", "ok bye for now"), ("bye", "I'm off, see you next week!"), ("bye", "Thanks, goodbye!"), ("bye", "that's everything for today, bye"),
    ("thanks", "thank you, that was very kind"), ("thanks", "Super, thanks!"), ("thanks", "thanks for explaining"),
    ("how_are_you", "Hi Kinglet, how are you doing today?"), ("how_are_you", "how are you feeling this evening?"), ("how_are_you", "are things going well?"),
    ("who_are_you", "so what exactly are you?"), ("who_are_you", "Please tell me your name."), ("who_are_you", "hey, what's your name?"), ("who_are_you", "What is the model's name?"),
    ("what_can_you_do", "What are the things you can do?"), ("what_can_you_do", "what kind of questions can I ask you?"), ("what_can_you_do", "Could you help me please?"),
    ("are_you_human", "Am I chatting with a robot?"), ("how_big", "how many parameters are there in you?"), ("who_made_you", "Who are the people who made you?"), ("how_trained", "what were you trained with?"),
    ("kinglet", "Could you tell me what Kinglet is?"), ("kinglet", "I have never heard of Kinglet. What is it?"), ("kinglet", "what is the kinglet project about?"), ("kinglet", "Explain Kinglet to me in one sentence."), ("kinglet", "What is Kinglet good at?"),
    ("license", "what is kinglet's license?"), ("license", "Which license is Kinglet distributed under?"), ("license", "is it open source software?"),
    ("start_chat", "how do I start chatting with a model?"), ("start_chat", "What command do I run to start the chat?"), ("start_chat", "How can I open a chat with Kinglet?"), ("start_chat", "how do i talk to the model"),
    ("run_tests", "how can I run all of the tests?"), ("run_tests", "Which command do I use to run the tests?"), ("run_tests", "How do you run Kinglet's test suite?"),
    ("install", "What do I have to install before I can use Kinglet?"), ("build", "how do I compile Kinglet from source?"), ("benchmark", "how do I benchmark my model?"),
    ("which_models", "Which models can I run with Kinglet?"), ("which_models", "what models do you support?"), ("which_models", "Does Kinglet support Mixtral?"), ("which_models", "list the models that Kinglet runs"),
    ("formats", "what file formats can Kinglet read?"), ("which_plugins", "Which plugins do exist in Kinglet?"), ("which_plugins", "what plugins are there"), ("which_plugins", "tell me the plugins"),
    ("memory_planning", "How is the memory planned in Kinglet?"), ("memory_planning", "how does kinglet plan its memory?"), ("memory_planning", "What does the memory planner do?"),
    ("gpu", "can I use Kinglet without a GPU?"), ("offline", "Does Kinglet need the internet?"), ("written_in", "which language is Kinglet written in?"), ("platforms", "does Kinglet run on Linux?"),
    ("leave_chat", "how can I exit the chat?"), ("leave_chat", "How do I stop chatting?"), ("stop_answer", "how do I interrupt a long answer?"), ("list_commands", "What slash commands does the chat know?"), ("list_commands", "show me all commands"), ("list_flags", "Which command line flags does Kinglet have?"),
    ("flag -t", "how do I choose the number of threads?"), ("flag -t", "what is -t for?"), ("flag --temp", "How do I set the temperature?"), ("flag --temp", "what does the --temp option do?"), ("flag -m", "which flag do I use to choose the model file?"), ("flag -c", "How do I make the context bigger?"),
    ("flag --seed", "What is the --seed flag good for?"), ("flag --top-k", "what does top-k do?"), ("flag --top-p", "explain --top-p please"), ("flag --min-p", "what's the meaning of --min-p?"), ("flag -n", "How do I limit the length of an answer?"), ("flag -p", "what is the -p flag?"),
    ("command /regen", "how can I get a new answer to the same question?"), ("command /clear", "how do I clear the conversation?"), ("command /save", "How can I save this conversation?"), ("command /stats", "how can I see how fast it is with a command?"), ("command /load", "How do I load a conversation that I saved?"), ("command /read", "what is /read good for?"), ("command /show", "What does the /show command print?"), ("command /set", "how do I use /set?"), ("command /help", "what does /help do?"), ("command /exit", "what happens when I enter /exit?"),
    ("term a plugin", "What's a plugin in Kinglet?"), ("term a plugin", "what are plugins for?"), ("term an expert", "What is an expert in a model?"), ("term an expert", "what are experts?"), ("term GGUF", "What is a GGUF file?"), ("term GGUF", "what does gguf mean"),
    ("term a KV cache", "what is the KV cache used for?"), ("term a KV cache", "Why is there a KV cache?"), ("term quantisation", "What is quantization?"), ("term quantisation", "what does it mean to quantise a model?"), ("term a token", "What are tokens?"), ("term a router", "what does the router do in a layer?"),
    ("term a tokenizer", "what does a tokenizer do?"), ("term SmallThinker", "What kind of model is SmallThinker?"), ("term a sliding window", "explain sliding window attention"), ("term the xnnpack plugin", "What does the xnnpack plugin do?"), ("term the reference plugin", "what is the reference plugin for?"), ("term the onednn plugin", "what is onednn?"), ("term a kernel", "what's a kernel?"), ("term a bank", "What is a bank in Kinglet?"),
    ("joke", "Please tell a joke!"), ("poem", "I would like to read a poem."), 
    ("unknown", "How do I fix my washing machine?"), ("unknown", "Explain the theory of relativity."), ("unknown", "what is the tallest building in Dubai?"),
    ("hello", "Hello, I'd like to talk."), ("hello", "hey kinglet!! good morning"), ("hello", "Hi, my dear model."), ("hello", "hello, is this thing on?"),
    ("bye", "Goodbye and take care!"), ("bye", "ok I have to leave now"), ("thanks", "Wonderful, thank you so much!"), ("thanks", "thanks, you really helped me"),
    ("how_are_you", "Hey, so how are you?"), ("how_are_you", "How are you doing right now?"), ("user_is_well", "I'm doing very well, thank you!"), ("user_is_unwell", "I'm not feeling so good today"),
    ("who_are_you", "Would you mind telling me your name?"), ("who_are_you", "who is there?"), ("who_are_you", "And what should I call you, model?"), ("what_can_you_do", "what are you capable of?"), ("what_can_you_do", "What can I ask you about?"),
    ("kinglet", "What does the Kinglet project do?"), ("kinglet", "Give me a short introduction to Kinglet."), ("kinglet", "so what is this kinglet thing?"), ("license", "What is the licence of this software?"), ("license", "Can I use it for free?"),
    ("start_chat", "What's the easiest way to start a chat?"), ("start_chat", "How do I launch the chat program?"), ("run_tests", "How do I run every test?"), ("run_tests", "what do I type to run the tests?"), ("install", "how is Kinglet installed?"), ("build", "How do you build this project?"),
    ("which_models", "What kinds of models can it run?"), ("which_models", "can I run Qwen3 with Kinglet?"), ("formats", "Which formats of model files are supported?"), ("which_plugins", "How many plugins are there and what are they called?"), ("which_plugins", "what plugins come bundled with it?"),
    ("memory_planning", "How are buffers shared between operators?"), ("memory_planning", "explain how memory is planned"), ("gpu", "do I have to have a GPU?"), ("offline", "Can I use it on a plane without internet?"), ("leave_chat", "How do I get out of this chat?"), ("stop_answer", "How do I make you stop talking?"),
    ("list_commands", "What are the commands in the chat?"), ("list_flags", "What are the most important flags?"), ("flag -t", "How do I run it with four threads?"), ("flag -m", "I forgot what -m does"), ("flag --temp", "what temperature flag is there?"), ("flag --seed", "How do I fix the seed?"), ("flag -c", "how large is -c?"),
    ("flag --top-k", "What is top-k for?"), ("flag --min-p", "how does min-p work?"), ("flag -p", "What should I use -p for?"), ("flag -n", "What's -n?"), ("command /clear", "What will /clear do to my chat?"), ("command /regen", "what does regen do"), ("command /save", "tell me how /save works"), ("command /stats", "What will /stats tell me?"),
    ("term a plugin", "what do you call a plugin?"), ("term an expert", "what does an expert do?"), ("term GGUF", "Tell me what GGUF stands for."), ("term a KV cache", "Can you describe the KV cache?"), ("term quantisation", "why are models quantised?"), ("term a token", "so what is a token?"), ("term a router", "What's the job of the router?"),
    ("term the sparse_x86 plugin", "What is in the sparse_x86 plugin?"), ("term the llama plugin", "what does the llama plugin do?"), ("term SmallThinker", "I'd like to know more about SmallThinker."), ("joke", "Got any jokes?"), 
    ("unknown", "Who painted the Mona Lisa?"),
]

BLIND = [
]
