"""Kinglet's flags, slash commands, plugins and terms: one row each, asked in shared phrasings."""

from grammar import Intent

FLAGS = [  # flag, what it sets, in other words, answer
    ("-m", "the model file", "[choose a model|load my own model|use another model file|tell kinglet which model to load]", "The flag -m names the model file to load."),
    ("-p", "the prompt", "pass a prompt", "The flag -p gives the prompt for one answer, without a chat."),
    ("-n", "the length of the answer", "[limit the number of tokens|make the answers shorter|get shorter answers|limit the answer|stop after some tokens]", "The flag -n sets how many tokens an answer may have at most."),
    ("-c", "the context size", "[make the context larger|get a larger context|use a longer context|enlarge the context window]", "The flag -c sets the size of the context in tokens, and 0 means the context of the model."),
    ("-t", "the number of threads", "[use more threads|use fewer threads|run on more cores|use only one thread|pick the thread count]", "The flag -t sets the number of threads."),
    ("--temp", "the temperature", "make the answers less random", "The flag --temp sets the temperature. The default is 0.8, and 0 always takes the most likely token."),
    ("--top-k", "top-k", "keep only the k best tokens", "The flag --top-k keeps only the k most likely tokens. The default is 40."),
    ("--top-p", "top-p", "keep tokens up to a total probability", "The flag --top-p keeps the most likely tokens whose probabilities sum to p. The default is 0.95."),
    ("--min-p", "min-p", "drop unlikely tokens", "The flag --min-p drops tokens that are much less likely than the best one. The default is 0.05."),
    ("--seed", "the seed", "repeat the same random answer", "The flag --seed fixes the random numbers, so that the same answer can be repeated."),
    ("-v", "verbose output", "see which plugins and kernels are used", "The flag -v prints more, for example which plugins and kernels are in use."),
    ("-f", "a prompt file", "read the prompt from a file", "The flag -f reads the prompt from a file."),
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
FLAG_HELD = ["What does {x} do?", "what is the flag {x} for", "Please explain the {x} option.", "How can I change {s}?", "Which option is for {s}?"]

COMMANDS = [
    ("/help", "see the commands", "The command /help prints all commands."),
    ("/exit", "end the chat with a command", "The command /exit leaves the chat."),
    ("/clear", "start over|clear the chat|empty the history|delete the conversation|make you forget everything|reset the chat|forget the conversation|begin a new conversation|clear the history", "The command /clear forgets the conversation and starts a new one."),
    ("/regen", "get another answer|get a different answer|hear another answer|let you answer again|try the answer again|generate the answer again|regenerate the answer|ask for the answer again", "The command /regen generates the last answer again."),
    ("/stats", "see the speed of the chat|see how much memory is used|see how many tokens per second i get|see the statistics", "The command /stats shows the tokens per second, the memory and the context used."),
    ("/set", "set the system message|change the system prompt|change a parameter in the chat|set a parameter during a chat", "The command /set changes a parameter or the system message, for example /set parameter temp 0.5."),
    ("/save", "save the chat|save this chat|save our conversation|keep this chat|write the chat to a file|keep the conversation in a file|save my conversation|store the conversation", "The command /save writes the conversation to a file."),
    ("/load", "load a saved chat|open a saved conversation|load the chat from yesterday|get my saved chat back|restore a conversation|continue an old chat|load an old conversation", "The command /load reads a saved conversation from a file."),
    ("/read", "send a file to the model|let you read a file|use a text file as a message|give you a text file", "The command /read sends the text of a file as your message."),
    ("/show", "see the current settings|show the parameters|look at the settings of the chat", "The command /show prints the model and the current settings."),
]
COMMAND_ASKS = [
    "[what is|what's|whats|what does|explain|describe|tell me about|what is the meaning of|when do i use|what about|can you explain|please explain] [the command |the slash command |]{x}[ command|][?|.|]",
    "what does [the command |]{x}[ command|] [do|mean][?|]", "what is [the command |]{x} for[?|]", "how [does|do i use] {x}[| work][?|]", "what happens [when|if] i type {x}[?|]", "what can i do with {x}[?|]",
]
COMMAND_WAYS = ["how [do|can|could] i [{w}][?|]", "[which|what] command do i [use|need] to [{w}][?|]", "how to [{w}][?|]", "i want to [{w}][.|]", "is there a command to [{w}][?|]", "can i [{w}][?|]"]
COMMAND_HELD = ["What does {x} do?", "what is the command {x} for?", "Please explain {x} to me."]

TERMS = [
    ("a plugin", "plugin|plugins|a plug-in", "A plugin is a shared library that Kinglet loads at run time. It brings kernels, architectures, banks or planners."),
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
    ("perplexity", "the perplexity|kinglet perplexity|perplexity of a model", "Perplexity measures how well a model predicts a text. Lower is better."),
    ("AVX2", "avx2|avx2 kernels|avx", "AVX2 is a set of CPU instructions that compute on several numbers at once."),
    ("ONNX", "onnx|the onnx format|an onnx file|onnx files", "ONNX is a file format for neural networks. Kinglet uses it for small convolutional networks."),
    ("mimalloc", "mimalloc in kinglet|the allocator|the memory allocator", "The allocator mimalloc provides the memory of every Kinglet binary."),
    ("an edge CPU", "edge|an edge device|edge devices|edge cpus|an edge cpu", "An edge CPU is the processor of a small device near you, such as a laptop, a phone or a single-board computer."),
    ("the reference plugin", "reference|plugins/reference|the plugin reference|reference kernels", "The reference plugin holds every operator in plain C++. All other kernels are checked against it."),
    ("the sparse_x86 plugin", "sparse_x86|plugins/sparse_x86|the plugin sparse_x86|sparse x86", "The sparse_x86 plugin holds fast kernels for x86 CPUs, for example AVX2 kernels for quantised weights."),
    ("the xnnpack plugin", "xnnpack|plugins/xnnpack|the plugin xnnpack|the xnnpack library", "The xnnpack plugin supplies dense kernels from the XNNPACK library."),
    ("the onednn plugin", "onednn|plugins/onednn|the plugin onednn|the onednn library", "The onednn plugin supplies dense kernels from the oneDNN library."),
    ("the smallthinker plugin", "plugins/smallthinker|the plugin smallthinker", "The smallthinker plugin builds the plan of a SmallThinker model."),
    ("the llama plugin", "llama|plugins/llama|the plugin llama", "The llama plugin builds the plans of the Llama family, such as Llama, Qwen2, Qwen3 and Mixtral."),
]
TERM_ASKS = [
    "[what is|what's|whats|explain|describe|define|tell me about|what do you know about|can you explain|could you explain|please explain|tell me what is|i want to know about|do you know|what exactly is|give me a definition of|help me understand|what do you mean by|i do not understand|what is meant by] {x}[?|.|, please.|]",
    "[what is|what's|explain] {x} [in kinglet|in simple words|in one sentence|in short|exactly][?|]",
    "what does {y} [mean|do][?|]", "what [are|is] {y}[?|]", "[why does kinglet use|why do i need|what is the purpose of|what is the use of|what is the point of|how does|how do] {y}[| work][?|]", "{y}[?|]", "[explain|tell me about|define|and] {y}[.|?|]", "what about {y}[?|]",
]
TERM_HELD = ["What is {x}?", "can you tell me what {x} is", "Please explain {x} to me.", "Tell me about {x}, please", "Do you know what {x} is?"]


def _rows():
    for x, sets, way, answer in FLAGS:
        asks = [a.replace("{x}", x) for a in FLAG_ASKS] + [w.replace("{s}", sets).replace("{w}", way) for w in FLAG_WAYS]
        held = [h.replace("{x}", x).replace("{s}", sets) for h in FLAG_HELD]
        yield Intent("flag " + x, asks, [answer], held, 1.3)
    for x, ways, answer in COMMANDS:
        asks = [a.replace("{x}", x) for a in COMMAND_ASKS] + [w.replace("{w}", ways) for w in COMMAND_WAYS]
        yield Intent("command " + x, asks, [answer], [h.replace("{x}", x) for h in COMMAND_HELD], 1.2)
    for x, others, answer in TERMS:
        forms = "[" + "|".join([x, x] + others.split("|")) + "]"
        asks = [a.replace("{x}", forms).replace("{y}", "[" + others + "]") for a in TERM_ASKS]
        yield Intent("term " + x, asks, [answer], [h.replace("{x}", x) for h in TERM_HELD], 1.3)


INTENTS = list(_rows())
