"""Kinglet's flags, slash commands, terms, plugins, subcommands and exit statuses: one row each, asked in shared phrasings.

The tables are the program's and the READMEs' own: reference_test.py compares them.
"""

from grammar import Intent

FLAGS = [  # flag, what it sets, in other words, answer; a default that an answer names must be the program's (reference_test.py)
    ("-m", "the model file", "[choose a model|load my own model|use another model file|tell kinglet which model to load]", "The flag -m names the model file to load."),
    ("-p", "the prompt", "give a prompt on the command line", "The flag -p gives the prompt for one answer, without a chat."),
    ("-f", "a prompt file", "read the prompt from a file", "The flag -f reads the prompt from a file."),
    ("-sys", "the system message", "[tell the model who it is|give a system message]", "The flag -sys sets the system message."),
    ("--chat-template", "the chat template", "choose how messages are marked", "The flag --chat-template chooses how messages are marked, for example chatml."),
    ("--raw", "plain text without a template", "[continue a text|go without a chat template]", "The flag --raw continues the text as it is, without a template."),
    ("-n", "the length of the answer", "[limit the number of tokens|make the answers shorter|get shorter answers|limit the answer|stop after some tokens]", "The flag -n sets how many tokens an answer may have at most. The default is -1, which means no limit."),
    ("-c", "the context size", "[make the context larger|get a larger context|use a longer context|enlarge the context window]", "The flag -c sets the size of the context in tokens. The default is 0, which means the context of the model."),
    ("-b", "the batch size", "[compute fewer tokens at once|change the batch]", "The flag -b sets how many tokens are computed at once. The default is 512."),
    ("-t", "the number of threads", "[use more threads|use fewer threads|run on more cores|use only one thread|pick the thread count]", "The flag -t sets the number of threads. The default is 0, which means the big physical cores."),
    ("--temp", "the temperature", "make the answers less random", "The flag --temp sets the temperature. The default is 0.8, and 0 always takes the most likely token."),
    ("--top-k", "top-k", "keep only the k best tokens", "The flag --top-k keeps only the k most likely tokens. The default is 40."),
    ("--top-p", "top-p", "keep tokens up to a total probability", "The flag --top-p keeps the most likely tokens whose probabilities sum to p. The default is 0.95."),
    ("--min-p", "min-p", "drop unlikely tokens", "The flag --min-p drops tokens that are much less likely than the best one. The default is 0.05."),
    ("--seed", "the seed", "repeat the same random answer", "The flag --seed fixes the random numbers, so that the same answer can be repeated. The default is -1, a new seed each time."),
    ("--repeat-penalty", "the repeat penalty", "[avoid repetitions|stop the model from repeating itself]", "The flag --repeat-penalty works against tokens used already. The default is 1, which means none."),
    ("--repeat-last-n", "how far back the penalties look", "let the penalties look further back", "The flag --repeat-last-n sets how many tokens the penalties look back. The default is 64."),
    ("--frequency-penalty", "the frequency penalty", "punish tokens that are used often", "The flag --frequency-penalty works against each use of a token. The default is 0."),
    ("--presence-penalty", "the presence penalty", "punish tokens that were used at all", "The flag --presence-penalty works against a token that was used at all. The default is 0."),
    ("--full-logits", "full logits", "compute every logit", "The flag --full-logits computes all logits, also those that cannot be picked."),
    ("--memory", "the memory budget", "[limit the memory|use less memory|run a model that is larger than my memory|keep within one gigabyte]", "The flag --memory sets a budget for all that stays in memory, such as 1GiB. The default is 0, which means none."),
    ("--cache-type", "the type of the KV cache", "make the KV cache smaller", "The flag --cache-type sets the type of the KV cache: auto, f32, f16 or q8_0. The default is auto."),
    ("--cache-type-k", "the type of the keys in the cache", "store the keys with fewer bits", "The flag --cache-type-k sets the type of the keys in the KV cache. The default is auto."),
    ("--cache-type-v", "the type of the values in the cache", "store the values with fewer bits", "The flag --cache-type-v sets the type of the values in the KV cache. The default is auto."),
    ("--experts", "the file of experts", "read the experts from a file", "The flag --experts names a file of kinglet prepare from which the experts are read."),
    ("--expert-profile", "the expert profile", "keep the busiest experts in memory", "The flag --expert-profile keeps the most used experts of a file in memory. Make the file with kinglet replay."),
    ("--expert-policy", "the expert policy", "choose which experts stay in memory", "The flag --expert-policy chooses which experts stay in memory, for example lru or lfu."),
    ("--expert-reader", "the expert reader", "choose how experts are read", "The flag --expert-reader chooses how experts are read. The default is auto."),
    ("--no-prefetch", "reading without guesses", "[switch off prefetching|read only chosen experts]", "The flag --no-prefetch reads only the experts that were chosen and guesses at none."),
    ("--verify-once", "checking experts once", "check each expert only once", "The flag --verify-once checks an expert when it is first read, and again only after its file has changed."),
    ("--ignore-pressure", "ignoring memory pressure", "keep the expert cache large", "The flag --ignore-pressure keeps the cache of experts large, even when the system is short of memory."),
    ("--packed-cache", "the packed cache", "[start faster the next time|keep packed weights]", "The flag --packed-cache keeps the weights in a packed file beside the model, so that the next start is faster."),
    ("--record-routing", "the recording of routing", "[record which experts answered|write down the routing]", "The flag --record-routing writes to a file which experts each token used."),
    ("--bank", "the memory bank", "[use a memory bank|load a bank|open a bank file]", "The flag --bank names the memory bank whose blocks of rare knowledge are fetched for a prompt."),
    ("--bank-encoder", "the encoder of the bank", "choose the model that routes a prompt", "The flag --bank-encoder names the small model that turns a prompt into a path in the bank."),
    ("--bank-tier", "a tier of the bank", "[put bank levels on another disk|place a bank on several disks]", "The flag --bank-tier DIR:BYTES adds a storage tier for the bank, a folder with its own budget of bytes."),
    ("--bank-deny", "a block that is never read", "[block a part of the bank|forbid a block|keep a block from being read]", "The flag --bank-deny LEVEL:ID denies a block, so that it is never read."),
    ("--bank-reroute", "a new path when the topic changes", "[fetch new blocks when the topic changes|switch on re-routing]", "The flag --bank-reroute fetches another path when the topic changes. It is off by default."),
    ("--bank-memory", "the memory of the bank", "[limit the memory of the bank|give the bank less memory]", "The flag --bank-memory sets how much of the budget the memory bank may use. The default is 0, which means all of a small bank."),
    ("--bank-path", "the path in the bank", "[choose the blocks of the bank by hand|take other blocks than the router]", "The flag --bank-path takes these blocks of the bank, one of each level, wherever the text leads."),
    ("--bank-generic", "generic blocks", "[compare with the generic blocks|go without routing]", "The flag --bank-generic takes the generic blocks of the bank, wherever the text leads."),
    ("--no-bank", "the anchor without its bank", "[go without the bank|switch the memory bank off]", "The flag --no-bank uses the model alone, without its memory bank."),
    ("--scheduler", "the scheduler", "choose between pool and serial", "The flag --scheduler chooses how work is shared out: pool or serial. The default is pool."),
    ("--plugin", "a further plugin", "[load my own plugin|load a further plugin]", "The flag --plugin loads a further plugin from a file."),
    ("--plugin-folder", "the plugin folder", "say where plugins are", "The flag --plugin-folder says where plugins are. Without it, the folder plugins beside the program is used."),
    ("--disable-plugin", "a plugin to leave out", "[go without a plugin|switch off a plugin]", "The flag --disable-plugin goes without the plugin of that name."),
    ("--plugin-option", "an option of a plugin", "give a plugin a setting", "The flag --plugin-option NAME.KEY=VALUE gives a plugin a setting."),
    ("--kernel", "the kernel of an operator", "[pick a kernel|pin a kernel]", "The flag --kernel OP=NAME computes an operator with the kernel of that name."),
    ("-v", "verbose output", "see which plugins and kernels are used", "The flag -v prints more, for example which plugins and kernels are in use."),
    ("--no-history", "no history of typed lines", "keep my typed lines out of the history", "The flag --no-history neither reads nor writes the history of typed lines."),
    ("--version", "the printed version", "[see the version|find out which version i have]", "The flag --version prints the version of Kinglet and leaves."),
    ("-h", "the printed help", "[see all flags|get help on the command line]", "The flag -h prints all flags of the command."),
]
FLAG_ASKS = [
    "[what is|what's|whats|what does|explain|describe|tell me about|what is the meaning of|what do i do with|when do i use|what about|what means|can you explain|please explain] [the flag |the option |]{x}[ flag| option|][?|.|]",
    "what does [the flag |the option |]{x}[ flag| option|] [do|mean|set|change|stand for][?|]",
    "what is [the flag |]{x}[| flag] for[?|]", "what [can|do] i [set|use] {x} [with|for][?|]", "{x}[?|]", "what does {x} do in kinglet[?|]", "how [does|do i use] {x}[| work][?|]",
]
FLAG_WAYS = [
    "how [do|can|could] i [set|change|choose|give|select] {s}[?|]", "[which|what] [flag|option] [sets|changes|is for|controls|is there for] {s}[?|]",
    "how [do|can|could] i {w}[?|]", "[which|what] [flag|option] do i [need|use] to {w}[?|]", "how to [set {s}|{w}|change {s}][?|]", "i want to [set {s}|{w}|change {s}][.|]",
    "[which|what] is the [flag|option] for {s}[?|]", "[is there a flag|can i use a flag] [to {w}|for {s}][?|]",
]
FLAG_NEW = ["I saw {x} in a script. Which effect has it?", "My colleague always adds {x}. For what reason?"]
FLAG_HELD = ["What does {x} do?", "what is the flag {x} for", "Please explain the {x} option.", "How can I change {s}?", "Which option is for {s}?"]

COMMANDS = [
    ("/help", "see the commands", "The command /help prints all commands."),
    ("/exit", "end the chat with a command", "The command /exit leaves the chat."),
    ("/clear", "start over|clear the chat|empty the history|delete the conversation|make you forget everything|reset the chat|forget the conversation|begin a new conversation|clear the history", "The command /clear forgets the conversation and starts a new one."),
    ("/regen", "get another answer|get a different answer|hear another answer|let you answer again|try the answer again|generate the answer again|regenerate the answer|ask for the answer again", "The command /regen generates the last answer again."),
    ("/stats", "see the speed of the chat|see how much memory is used|see how many tokens per second i get|see the statistics", "The command /stats shows the tokens per second, the memory and the context used."),
    ("/set", "set the system message in the chat|change the system prompt in the chat|change a parameter in the chat|set a parameter during a chat", "The command /set changes a parameter or the system message, for example /set parameter temp 0.5."),
    ("/save", "save the chat|save this chat|save our conversation|keep this chat|write the chat to a file|keep the conversation in a file|save my conversation|store the conversation", "The command /save writes the conversation to a file."),
    ("/load", "load a saved chat|open a saved conversation|load the chat from yesterday|get my saved chat back|restore a conversation|continue an old chat|load an old conversation", "The command /load reads a saved conversation from a file."),
    ("/read", "send a file to the model|let you read a file|use a text file as a message|give you a text file", "The command /read sends the text of a file as your message."),
    ("/experts", "see which experts were used|see the heat map|look at the use of experts", "The command /experts shows which experts were used, as a heat map."),
    ("/memory", "see what the memory bank did|see which blocks were fetched|see the path in the bank|look at the memory bank", "The command /memory shows the path, the blocks, the bytes and the milliseconds of the last fetch from the memory bank."),
    ("/show", "see the current settings|show the parameters|look at the settings of the chat", "The command /show prints the model and the current settings."),
]
COMMAND_ASKS = [
    "[what is|what's|whats|what does|explain|describe|tell me about|what is the meaning of|when do i use|what about|can you explain|please explain] [the command |the slash command |]{x}[ command|][?|.|]",
    "what does [the command |]{x}[ command|] [do|mean][?|]", "what is [the command |]{x} for[?|]", "how [does|do i use] {x}[| work][?|]", "what happens [when|if] i type {x}[?|]", "what can i do with {x}[?|]",
]
COMMAND_WAYS = ["how [do|can|could] i [{w}][?|]", "[which|what] command do i [use|need] to [{w}][?|]", "how to [{w}][?|]", "i want to [{w}][.|]", "is there a command to [{w}][?|]", "can i [{w}][?|]"]
COMMAND_NEW = ["Suppose I enter {x} in the chat. What follows?", "A friend told me to try {x}. What would I see?"]
COMMAND_HELD = ["What does {x} do?", "what is the command {x} for?", "Please explain {x} to me."]

TERMS = [
    ("a plugin", "plugin|a plug-in", "A plugin is a shared library that Kinglet loads at run time. It brings kernels, architectures, banks or planners."),
    ("an expert", "expert|experts|an moe expert", "An expert is one of several small feed-forward networks in a layer. The router picks a few of them for every token."),
    ("a mixture of experts", "moe|a moe|mixture of experts|an moe model|moe models", "A mixture of experts is a model in which a router picks a few experts per layer, so that most weights rest for each token."),
    ("a router", "router|the router|routing|an expert router", "The router decides which experts work on a token. In SmallThinker it runs before the attention."),
    ("GGUF", "gguf|a gguf file|the gguf format|gguf files", "GGUF is a file format that keeps the weights, the tokenizer and the metadata of a model in one file."),
    ("a KV cache", "kv cache|the kv cache|kv-cache|the kv-cache|a key value cache", "The KV cache keeps the keys and values of earlier tokens, so that they need not be computed again."),
    ("quantisation", "quantization|quantizing|quantised weights|a quantised model|a quantized model|quantised models", "Quantisation stores weights with fewer bits, so that a model is smaller and faster, at a small loss of quality."),
    ("q8_0", "the q8_0 format|q8_0 weights|q8 0", "The format q8_0 stores blocks of 32 weights as 8-bit numbers with one scale."),
    ("q4_0", "the q4_0 format|q4_0 weights|q4 0", "The format q4_0 stores blocks of 32 weights as 4-bit numbers with one scale."),
    ("a token", "token|tokens|the tokens", "A token is a piece of text, such as a word or a part of a word. A model reads and writes tokens."),
    ("a tokenizer", "tokenizer|the tokenizer|tokenisation|tokenization|a tokeniser", "A tokenizer splits text into tokens and turns tokens back into text."),
    ("a sampler", "sampler|the sampler|sampling|token sampling", "The sampler chooses the next token from the probabilities that the model gives."),
    ("the temperature", "temperature|temperature in sampling|sampling temperature", "The temperature says how random the answers are. A low temperature makes them more certain."),
    ("greedy decoding", "greedy sampling|the greedy sampler|greedy search", "Greedy decoding always takes the most likely token."),
    ("a context", "context|the context|a context window|the context window|context length|the context length", "The context is the text that the model can see, counted in tokens."),
    ("a kernel", "kernel|kernels|compute kernels", "A kernel is a function that computes one operator for given types and a given CPU."),
    ("an operator", "operator|operators|an op", "An operator is one step of a model, such as a matrix product or a normalisation."),
    ("a bank", "bank|banks|a parameter bank|an expert bank", "A bank holds parameters that are too large to keep in memory and fetches them when they are needed."),
    ("SmallThinker", "smallthinker|a smallthinker model|smallthinker models|the smallthinker architecture", "SmallThinker is a family of models for local devices. It has sparse experts and a router before the attention."),
    ("a sliding window", "sliding window|sliding window attention|window attention|swa", "With a sliding window, a token sees only the tokens that came shortly before it, so the cache stays small."),
    ("attention", "self-attention|an attention layer|grouped-query attention|the attention", "Attention lets each token look at earlier tokens and take what it needs from them."),
    ("a language model", "language model|an llm|llm|llms|large language models|a large language model", "A language model reads text and predicts the next token, again and again."),
    ("inference", "an inference runtime|an inference engine|model inference", "Inference means running a trained model to get answers from it."),
    ("a prompt", "prompt|prompts|the prompt", "A prompt is the text that you give to a model."),
    ("a chat template", "chat template|chat templates|chatml|the chat template", "A chat template says how messages are written for a model. This model uses ChatML."),
    ("sparsity", "sparse weights|relu sparsity|activation sparsity|neuron sparsity", "Sparsity means that many values are zero, so that the work for them can be left out."),
    ("perplexity", "the perplexity|perplexity of a model", "Perplexity measures how well a model predicts a text. Lower is better."),
    ("a memory bank", "memory banks|a hierarchical memory bank|hierarchical memory banks|a klbank file", "A memory bank is a file with blocks of rare knowledge. A prompt fetches one small path of blocks, once."),
    ("an anchor model", "anchor model|the anchor|an anchor|the anchor model", "The anchor is the small model that keeps common knowledge. The memory bank adds the rare knowledge."),
    ("a generic block", "generic block|the generic block|generic blocks", "The generic block is used where nothing is fetched from the memory bank, or where a bank has no block for a topic."),
    ("a deny list", "deny list|the deny list|deny lists", "A deny list names blocks of a memory bank that are never read, for example for privacy."),
    ("a storage tier", "storage tier|storage tiers|a tier|bank tiers", "A storage tier is a folder with its own budget of bytes. Upper levels of a bank belong on fast tiers."),
    ("an expert profile", "expert profile|the expert profile|expert profiles", "An expert profile says which experts are used most, so that they stay in memory."),
    ("a heat map", "heat map|the heat map|heat maps", "The heat map shows how often each expert of each layer was used."),
    ("memory pressure", "the memory pressure|pressure on memory", "Memory pressure means that the system is short of memory. Kinglet then makes its cache of experts smaller."),
    ("a plan", "plan|plans|the plan|an execution plan", "A plan is the list of steps that compute a model, each with its kernel and its buffers."),
    ("a thread pool", "thread pool|a pool of threads|the pool of threads", "The thread pool shares the work of a step among several threads."),
    ("a system message", "system message|the system message|a system prompt|the system prompt", "The system message tells the model who it is and how it should answer."),
    ("AVX2", "avx2|avx2 kernels|avx", "AVX2 is a set of CPU instructions that compute on several numbers at once."),
    ("ONNX", "onnx|the onnx format|an onnx file|onnx files", "ONNX is a file format for neural networks. Kinglet uses it for small convolutional networks."),
    ("mimalloc", "mimalloc in kinglet|the allocator|the memory allocator", "The allocator mimalloc provides the memory of every Kinglet binary."),
    ("an edge CPU", "edge|an edge device|edge devices|edge cpus|an edge cpu", "An edge CPU is the processor of a small device near you, such as a laptop, a phone or a single-board computer."),
]
PLUGINS = [  # name, other names, answer
    ("reference", "reference kernels|the oracle", "The reference plugin holds every operator in plain C++. All other kernels are checked against it."),
    ("sparse_x86", "sparse x86|sparse-x86", "The sparse_x86 plugin holds fast kernels for x86 CPUs, for example AVX2 kernels for quantised weights."),
    ("sparse_arm", "sparse arm|sparse-arm", "The sparse_arm plugin holds fast kernels for 64-bit ARM CPUs, such as that of a Raspberry Pi."),
    ("xnnpack", "the xnnpack library", "The xnnpack plugin supplies dense kernels from the XNNPACK library."),
    ("onednn", "the onednn library", "The onednn plugin supplies dense kernels from the oneDNN library."),
    ("expert_bank", "expert bank|the expert_bank", "The expert_bank plugin reads experts from storage when they do not fit into the memory budget."),
    ("memory_bank", "the memory_bank", "The memory_bank plugin fetches blocks of rare knowledge from a bank file, one path for a prompt."),
    ("smallthinker", "the smallthinker architecture plugin", "The smallthinker plugin builds the plan of a SmallThinker model."),
    ("llama", "the llama architecture plugin", "The llama plugin builds the plans of the Llama family, such as Llama, Qwen2, Qwen3 and Mixtral."),
]
PLUGIN_FORMS = "[the {x} plugin|the plugin {x}|plugins/{x}|{x} plugin|{y}]"
PLUGIN_HELD = ["What does the {x} plugin do?", "Tell me about the {x} plugin.", "What is the plugin {x} for?"]
PLUGIN_NEW = ["Why would anybody load the {x} plugin?", "Among the plugins there is {x}. What is its job?"]

TOOLS = [  # subcommand, what one wants, answer
    ("chat", "talk to a model", "The command kinglet chat talks to a model. Without -m it takes the model that ships with Kinglet."),
    ("bench", "measure the speed of a model", "The command kinglet bench prints how many tokens per second a model reads and writes."),
    ("run", "[run a network on numpy files|run an onnx network|run a tflite file]", "The command kinglet run runs an ONNX or TFLite network on NumPy files."),
    ("tokenize", "[see the tokens of a text|get token ids]", "The command kinglet tokenize prints the token ids of a text."),
    ("perplexity", "[measure how well a model predicts a text|measure the perplexity]", "The command kinglet perplexity measures how well a model predicts a text."),
    ("logits", "[get the logits|write logits to a file]", "The command kinglet logits writes the logits after each token to a NumPy file."),
    ("inspect", "[see what is in a model file|look into a model file|see the tensors of a model]", "The command kinglet inspect prints the metadata, the tensors and the layers of a model file."),
    ("replay", "[compare cache policies|replay a recording|find the best cache size]", "The command kinglet replay runs recorded routing through every cache policy and size."),
    ("plan", "[know what a memory budget means|see how a model fits into memory|check a memory budget]", "The command kinglet plan MODEL --memory SIZE says what a memory budget means for a model, before it is loaded."),
    ("predict", "[know how long a network will take|predict the latency of a network|estimate the speed of a network]", "The command kinglet predict says how long a network will take on this machine, before it is loaded."),
    ("prepare", "[put the experts in a file of their own|prepare a model for a memory budget]", "The command kinglet prepare writes the experts of a model to a file of their own, for running under a budget."),
    ("make-model", "[make a test model|create a model with random weights]", "The command kinglet make-model writes a model of any supported shape with random weights, for speed tests."),
    ("make-network", "[make a test network|create an onnx network with random weights]", "The command kinglet make-network writes an ONNX network with random weights."),
    ("classify", "[find out what is in a picture|classify an image|recognise an image]", "The command kinglet classify says what an image network sees in image files."),
    ("prune", "[set small weights to zero|prune a network|make a network sparse]", "The command kinglet prune sets small weights of an ONNX network to zero."),
    ("quantize", "[store a network in 8 bits|quantize a network|make an int8 network]", "The command kinglet quantize stores an ONNX network in 8 bits, calibrated on a folder of images."),
    ("bank", "[make a memory bank|check a bank file|look into a memory bank|merge two banks]", "The command kinglet bank works on memory banks: create, inspect, verify, deny and merge."),
]
TOOL_ASKS = ["[what is|what does|what's|explain|describe|tell me about] [kinglet {x}|the command kinglet {x}|the subcommand {x}|the {x} tool|the tool {x}][?| do?|]", "what is [kinglet {x}|the {x} tool] for[?|]", "[when|why] [do|should|would] i use kinglet {x}[?|]", "how does kinglet {x} work[?|]", "kinglet {x}[?|]"]
TOOL_WAYS = ["[which|what] [subcommand|tool|kinglet command] [do i use|is there] to {w}[?|]", "with [which|what] tool [can|do] i {w}[?|]", "is there a tool to {w}[?|]", "how [do|can] i {w} with kinglet[?|]"]
TOOL_HELD = ["What does kinglet {x} do?", "Explain kinglet {x}.", "What is kinglet {x} for?"]
TOOL_NEW = ["Somebody typed kinglet {x} into the terminal. What will happen?", "For which task was kinglet {x} written?"]
BANK_TOOLS = [
    ("create", "[make a bank|write a bank file|create a memory bank]", "The command kinglet bank create writes a new memory bank."),
    ("inspect", "[see what is in a bank|look into a bank|see the levels of a bank]", "The command kinglet bank inspect prints the levels, the blocks and the encoder of a bank."),
    ("verify", "[check a bank|test whether a bank is damaged|check the checksums of a bank]", "The command kinglet bank verify checks every checksum of a bank."),
    ("deny", "[deny blocks of a bank|forbid blocks of a bank for ever]", "The command kinglet bank deny marks blocks of a bank that must never be read."),
    ("merge", "[merge banks|join two banks|put two banks together]", "The command kinglet bank merge puts the blocks of banks together in one file."),
]

ERRORS = [  # exit status, what happened, answer
    ("0", "all went well", "The exit status 0 means that all is well."),
    ("1", "the context is full", "The exit status 1 is a failure that no other number names, such as a context that is full."),
    ("64", "a flag is wrong", "The exit status 64 means wrong usage: a flag, a value or a slash command is wrong."),
    ("65", "the model file is damaged", "The exit status 65 means that a model or data file is damaged, or that this build cannot use it."),
    ("66", "a file does not exist", "The exit status 66 means that a file does not exist. Check the name after -m."),
    ("70", "there is a defect in kinglet", "The exit status 70 means a defect in Kinglet. Please report it."),
    ("71", "there is too little memory", "The exit status 71 means that the memory is too small. Give a larger --memory, or use a smaller model."),
    ("72", "a plugin folder is missing", "The exit status 72 means trouble with plugins: a named folder is missing, or two plugins contradict each other."),
    ("74", "reading or writing failed", "The exit status 74 means that reading or writing failed."),
    ("130", "somebody pressed Ctrl-C", "The exit status 130 means that the program was stopped by Ctrl-C."),
]
ERROR_ASKS = ["[what is|what does|explain|what means] [the |][exit status|exit code|error code|status|error] {x}[| mean][?|]", "kinglet [ended|stopped|left|exited] with [|status |code |exit code ]{x}[. Why?|. What does that mean?|, why?]", "[exit status|exit code|status] {x}[?|]", "why do i get [|status |exit code |error ]{x}[?|]"]
ERROR_WAYS = ["[which|what] [exit status|exit code|status] [do i get|is there|means] [when|that] {w}[?|]", "how does kinglet [exit|end] when {w}[?|]"]
ERROR_HELD = ["What does exit status {x} mean?", "Why did Kinglet end with status {x}?"]
ERROR_NEW = ["My script says that Kinglet returned {x}. What went wrong?", "There is the number {x} after Kinglet has stopped. How do I read it?"]

TERM_NEW = ["The manual mentions {x}. What should I imagine?", "How would you describe {x} to a beginner?"]
TERM_ASKS = [
    "[what is|what's|whats|explain|describe|define|tell me about|what do you know about|can you explain|could you explain|please explain|tell me what is|i want to know about|do you know|what exactly is|give me a definition of|help me understand|what do you mean by|i do not understand|what is meant by] {x}[?|.|, please.|]",
    "[what is|what's|explain] {x} [in kinglet|in simple words|in one sentence|in short|exactly][?|]",
    "what does {y} [mean|do][?|]", "what [are|is] {y}[?|]", "[why does kinglet use|why do i need|what is the purpose of|what is the use of|what is the point of|how does|how do] {y}[| work][?|]", "{y}[?|]", "[explain|tell me about|define|and] {y}[.|?|]", "what about {y}[?|]",
]
TERM_HELD = ["What is {x}?", "can you tell me what {x} is", "Please explain {x} to me.", "Tell me about {x}, please", "Do you know what {x} is?"]


def _rows():
    for x, sets, way, answer in FLAGS:
        asks = [a.replace("{x}", x) for a in FLAG_ASKS] + [w.replace("{s}", sets).replace("{w}", way) for w in FLAG_WAYS]
        core = [h.replace("{x}", x).replace("{s}", sets) for h in FLAG_HELD]
        yield Intent("flag " + x, asks, [answer], core, 0.7, [h.replace("{x}", x) for h in FLAG_NEW])
    for x, ways, answer in COMMANDS:
        asks = [a.replace("{x}", x) for a in COMMAND_ASKS] + [w.replace("{w}", ways) for w in COMMAND_WAYS]
        yield Intent("command " + x, asks, [answer], [h.replace("{x}", x) for h in COMMAND_HELD], 0.9, [h.replace("{x}", x) for h in COMMAND_NEW])
    for x, others, answer in TERMS:
        yield _term("term " + x, "[" + "|".join([x, x] + others.split("|")) + "]", others, answer, TERM_HELD, TERM_NEW, x)
    for x, others, answer in PLUGINS:
        yield _term(f"term the {x} plugin", PLUGIN_FORMS.replace("{x}", x).replace("{y}", others), f"the {x} plugin|plugins/{x}|the plugin {x}", answer, PLUGIN_HELD, PLUGIN_NEW, x)
    for x, way, answer in TOOLS + [("bank " + x, way, answer) for x, way, answer in BANK_TOOLS]:
        asks = [a.replace("{x}", x) for a in TOOL_ASKS] + [w.replace("{w}", way) for w in TOOL_WAYS]
        yield Intent("tool " + x, asks, [answer], [h.replace("{x}", x) for h in TOOL_HELD], 0.8, [h.replace("{x}", x) for h in TOOL_NEW])
    for x, what, answer in ERRORS:
        asks = [a.replace("{x}", x) for a in ERROR_ASKS] + [w.replace("{w}", what) for w in ERROR_WAYS]
        yield Intent("error " + x, asks, [answer], [h.replace("{x}", x) for h in ERROR_HELD], 0.4, [h.replace("{x}", x) for h in ERROR_NEW])


def _term(name, forms, others, answer, core, held, short):
    asks = [a.replace("{x}", forms).replace("{y}", "[" + others + "]") for a in TERM_ASKS]
    return Intent(name, asks, [answer], [h.replace("{x}", short) for h in core], 0.9, [h.replace("{x}", short) for h in held])


INTENTS = list(_rows())
