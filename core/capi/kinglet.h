// Kinglet's public C API.
//
//   runtime    plugins and settings; one a process is usual
//   model      weights and plan of one file; shared by any number of sessions
//   session    one conversation: KV cache, position, sampler, scratch
//   encoder    a text encoder: a vector for a text
//   network    a file that spells out its own graph (ONNX): named tensors in, named tensors out
//   probe      of a network: how long its nodes take, without loading it
//
// Ownership: whoever creates a handle frees it, sessions before their model, models before the runtime. Strings and arrays
// that a call returns belong to the handle that returned them and live as long as it, unless stated otherwise.
// Threads: a runtime and a model may be used from any number of threads; a session or network from one at a time, except
// kl_session_cancel, which may be called from any thread. An encoder serves one thread after the other.
// Errors: a call that can fail returns a kl_code and fills `error` (may be NULL): expected, found, where, what to do.
// A NULL handle or a NULL argument that must be there is KL_INVALID_ARGUMENT; calls that cannot fail answer 0, NULL or "".
// kl_*_free(NULL) does nothing. Nothing here prints, exits or aborts. C11 and C++17.
// Structs with struct_size: set it to sizeof the struct before every call that gets the struct, the calls that fill it
// included. Fields beyond the caller's struct_size are neither read nor written.
#ifndef KINGLET_CORE_CAPI_KINGLET_H_
#define KINGLET_CORE_CAPI_KINGLET_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KL_API __attribute__((visibility("default")))
#else
#define KL_API
#endif

typedef struct kl_runtime kl_runtime;
typedef struct kl_model kl_model;
typedef struct kl_session kl_session;
typedef struct kl_network kl_network;
typedef struct kl_network_probe kl_network_probe;
typedef struct kl_encoder kl_encoder;
typedef struct kl_file kl_file;
struct kl_memory_node;

// ---- runtime ----

KL_API const char* kl_version(void);             // "0.1.0"
KL_API const char* kl_code_name(kl_code code);   // "KL_NOT_FOUND"

// level is one of KL_LOG_* of core/abi/host.h: 0 error, 1 warning, 2 info, 3 debug.
typedef void (*kl_log_callback)(void* user, int32_t level, const char* message);

// Fill with kl_runtime_default_options first.
typedef struct kl_runtime_options {
  uint32_t struct_size;
  int32_t thread_count;            // 0: physical big cores within the affinity mask and the cgroup's quota
  const char* scheduler;           // "pool" (default) or "serial"
  const char* plugin_folder;       // NULL: the library's own
  const char* const* plugin_paths; // further plugin files
  uint32_t plugin_path_count;
  const char* const* disabled_plugins;  // names
  uint32_t disabled_plugin_count;
  const char* const* pinned_kernels;    // "op=kernel"
  uint32_t pinned_kernel_count;
  const char* const* plugin_options;    // "plugin.key=value"
  uint32_t plugin_option_count;
  kl_log_callback log;             // NULL: silent
  void* log_user;
} kl_runtime_options;

KL_API void kl_runtime_default_options(kl_runtime_options* options);
KL_API kl_code kl_runtime_create(const kl_runtime_options* options, kl_runtime** runtime, kl_error* error);
KL_API void kl_runtime_free(kl_runtime* runtime);
KL_API int32_t kl_runtime_thread_count(const kl_runtime* runtime);

// Plugins found, loaded or not.
typedef struct kl_plugin_facts {
  uint32_t struct_size;
  const char* name;
  const char* version;
  const char* path;
  const char* failure;  // NULL when loaded; else why it is left out
  uint32_t kernel_count;
  uint32_t architecture_count;
  uint64_t checksum;    // of the file; 0: none
} kl_plugin_facts;
KL_API uint32_t kl_runtime_plugin_count(const kl_runtime* runtime);
KL_API kl_code kl_runtime_plugin(const kl_runtime* runtime, uint32_t index, kl_plugin_facts* facts);

// The policies that a bank's cache can follow, the default first; NULL beyond the last. bank NULL: "expert_bank".
KL_API const char* kl_runtime_cache_policy(const kl_runtime* runtime, const char* bank, uint32_t index);
// How a cache of slot_count records, empty at first, would have served the records `ids` of record_count, lease_count at a
// time used together; an id of UINT64_MAX is none. The bank's own code decides: what it says is what it would do. policy
// "belady": the optimum, which knows the future. Errors: KL_NOT_FOUND, no such bank or policy; KL_UNSUPPORTED, a bank that
// cannot say.
KL_API kl_code kl_runtime_replay_cache(const kl_runtime* runtime, const char* bank, const char* policy,
                                       uint64_t record_count, uint64_t slot_count, const uint64_t* ids, uint64_t count,
                                       uint32_t lease_count, uint64_t* hit_count, uint64_t* miss_count, kl_error* error);

// ---- files, without loading them ----

// A number, text, or array of one metadata entry, rendered as text (arrays as "[count] a, b, ...", cut
// after 8 elements).
typedef struct kl_metadata_entry {
  uint32_t struct_size;
  const char* key;
  const char* kind;   // "int", "float", "bool", "string", "array"
  const char* value;
} kl_metadata_entry;

typedef struct kl_tensor_facts {
  uint32_t struct_size;
  const char* name;
  const char* type;  // "q4_0"
  int32_t rank;
  int64_t shape[KL_MAX_RANK];  // outermost first
  uint64_t bytes;
  uint64_t file_offset;
} kl_tensor_facts;

// Reads metadata and the tensor list; no weights, no plugins.
KL_API kl_code kl_file_open(const char* path, kl_file** file, kl_error* error);
KL_API void kl_file_free(kl_file* file);
KL_API const char* kl_file_format(const kl_file* file);
KL_API const char* kl_file_architecture(const kl_file* file);
KL_API uint64_t kl_file_bytes(const kl_file* file);
KL_API uint32_t kl_file_metadata_count(const kl_file* file);
KL_API kl_code kl_file_metadata(const kl_file* file, uint32_t index, kl_metadata_entry* entry);
KL_API uint32_t kl_file_tensor_count(const kl_file* file);
KL_API kl_code kl_file_tensor(const kl_file* file, uint32_t index, kl_tensor_facts* facts);
// What kl_model_fingerprint says of a model loaded from it, without loading. KL_DATA_CORRUPT: cut short meanwhile.
KL_API kl_code kl_file_fingerprint(const kl_file* file, uint64_t* fingerprint, kl_error* error);
KL_API bool kl_file_is_network(const kl_file* file);  // carries its own graph: use kl_network_load

// ---- model ----

// Return false to stop; the call then fails with KL_CANCELLED. `stage` is "pack" (loading; kernels that want
// no packed weights do without it), "write packed cache" or "prefill".
typedef bool (*kl_progress_callback)(void* user, const char* stage, uint64_t done, uint64_t total);

typedef struct kl_model_options {
  uint32_t struct_size;
  uint64_t memory_bytes;  // budget for everything resident; 0: none
  bool vocabulary_only;   // tokenizer and metadata, no plan
  // KV cache: KL_TYPE_F32, KL_TYPE_F16, KL_TYPE_Q8_0; KL_TYPE_NONE (default): f32 for f32 weights, else f16.
  kl_dtype cache_type;
  kl_progress_callback progress;
  void* progress_user;
  // Keep the weights in the kernels' own layout in a file beside the model, "<path>.kinglet-packed", as large as they are,
  // and map it the next time instead of packing anew. It is checked, and written anew (with a warning in the log) when
  // model, plugins or kernels have changed. A file that cannot be written costs a warning. Refused together with
  // memory_bytes: no budget can be held with pages that are the system's to keep.
  bool packed_cache;
  // Experts that stay in their file because the budget is too small for all of them.
  const char* expert_policy;  // which of them are kept: a policy of the bank's; NULL: its default
  const char* expert_reader;  // "io_uring", "pread", "buffered"; NULL: the first of these that works
  const char* expert_file;    // from kl_model_prepare_experts; NULL: the one beside the model, if it is there and fits
  bool no_expert_prefetch;    // only what the router chose is read
  // Of the sessions that will be made, as in kl_session_options: a budget that would not hold one is refused at once, with
  // the smallest that would. session_batch 0: not known.
  int32_t session_context_length;
  int32_t session_batch;
  // From kl_expert_profile_write: of experts that stay in their file the most used are pinned in memory, at most half of the
  // cache. NULL: none. Another model's is refused with KL_FAILED_PRECONDITION.
  const char* expert_profile;
  // While the system is short of memory (control groups, pressure stall information) the cache of experts gives memory back,
  // and grows again afterwards; looked at between tokens, at most twice a second. system_root: what /proc and /sys are
  // below, where that is read; NULL: nothing. ignore_memory_pressure: the cache stays as large as the budget allows.
  const char* system_root;
  bool ignore_memory_pressure;
  // Of keys and of values alone; KL_TYPE_NONE (default): cache_type.
  kl_dtype key_cache_type;
  kl_dtype value_cache_type;
  // Plan and kernels but no weights: it cannot compute, kl_model_plan_memory says what it would take.
  bool plan_only;
  // > 0: only so many of the first layers, and no tokenizer: to learn from a part how fast the whole will be.
  int32_t layer_limit;
  // What the process holds besides the model, for the budget: 0 looks and adds what may still come. A number makes equal
  // budgets mean the same in every process.
  uint64_t program_bytes;
  // A memory bank (.klbank) to be joined to the model: see "memory" below. NULL: none.
  const char* memory_bank;
  const char* memory_encoder;  // its encoder's file; NULL: the one that the bank names, beside it; "": none, paths are given
  // Copies of blocks in faster places, fastest first; blocks that are in none are read from the bank's file.
  const struct kl_memory_tier* const* memory_tiers;
  uint32_t memory_tier_count;
  uint32_t memory_deny_count;
  // Nodes that may never be read, beside those that the file denies. For as long as the model is loaded.
  const struct kl_memory_node* memory_deny;
  // Of blocks in memory and what else the bank needs, part of memory_bytes; 0: by the bank's size.
  uint64_t memory_bank_bytes;
  // Experts of a prepared file have checksums, which are looked at each time an expert is read. true: only the first time,
  // and each time after the file's size or time has changed; storage that gives wrong bytes without an error then goes
  // unnoticed.
  bool verify_experts_once;
} kl_model_options;

typedef struct kl_memory_tier {
  uint32_t struct_size;
  const char* folder;     // NULL: memory
  uint64_t budget_bytes;  // how much of it may be used
} kl_memory_tier;

KL_API void kl_model_default_options(kl_model_options* options);
KL_API kl_code kl_model_load(kl_runtime* runtime, const char* path, const kl_model_options* options, kl_model** model,
                             kl_error* error);
KL_API void kl_model_free(kl_model* model);

typedef struct kl_model_info {
  uint32_t struct_size;
  const char* path;
  const char* name;          // general.name, may be empty
  const char* architecture;
  const char* quantization;  // the type that holds most bytes: "q4_0"
  uint64_t file_bytes;
  uint64_t parameter_count;
  uint64_t weight_bytes;     // resident once everything was touched: mapped plus packed
  uint64_t packed_bytes;     // of these, in a kernel's own layout
  uint64_t bytes_per_token;  // of weights that one decoded token reads at most (experts: those used)
  int64_t vocabulary_size;
  int64_t context_length;
  int64_t embedding_length;
  int64_t layer_count;
  int64_t expert_count;
  int64_t expert_used_count;
  bool has_tokenizer;
  const char* chat_template;  // recognised template's name ("chatml"), or "" when there is none or it is unknown
  bool packed_from_cache;     // packed_bytes are mapped from a file of packed_cache
} kl_model_info;
KL_API kl_code kl_model_describe(const kl_model* model, kl_model_info* info);

// Tells models apart: of the tensors' names, types, shapes and first bytes. The same for every copy of a file; 0 for NULL.
KL_API uint64_t kl_model_fingerprint(const kl_model* model);

// Experts that stay in their file: how the cache of those in memory does. Counts are since loading.
typedef struct kl_expert_stats {
  uint32_t struct_size;
  bool streamed;            // false: all experts are in memory, and all else is 0
  bool prepared;            // read from the file of kl_model_prepare_experts
  const char* description;  // one line: reader, policy, slots. Until the next call for this model
  uint64_t record_count;    // experts of all layers
  uint64_t slot_count;      // of them that fit in memory
  uint64_t slot_bytes;
  uint64_t budget_bytes;    // slots and all else that the cache needs, of the model's budget
  uint64_t hit_count;       // experts that were there when they were chosen
  uint64_t miss_count;
  uint64_t read_bytes;
  uint64_t stall_ns;        // time that computing waited for experts
  uint64_t prefetch_count;  // experts read on a guess
  uint64_t useful_prefetch_count;
  uint64_t useless_prefetch_count;
  uint64_t dropped_prefetch_count;  // guesses that were not read: no room, or overtaken by the choice itself
  uint64_t pinned_count;            // experts that stay, from expert_profile
  uint64_t pressure_shrink_count;   // times that the cache gave memory back because the system was short of it
  uint64_t pressure_grow_count;     // and took some again
  const char* pressure;             // one line: what is looked at and what it says. Until the next call for this model
  bool pressed;                     // the cache is smaller now than the budget allows
} kl_expert_stats;
KL_API kl_code kl_model_expert_stats(const kl_model* model, kl_expert_stats* stats);
// From the next run on the cache of experts takes at most so many bytes (as kl_expert_stats.budget_bytes), never more than the
// budget allows and never less than one token needs; UINT64_MAX: as the budget allows. Without such a cache: nothing.
KL_API void kl_model_limit_experts(const kl_model* model, uint64_t most_bytes);

// How often experts were used, for kl_expert_profile_write.
typedef struct kl_expert_use {
  uint32_t struct_size;
  uint32_t layer_count;    // that have experts
  uint32_t expert_count;   // most experts of a layer
  const char* model;       // its name, for people
  uint64_t fingerprint;    // kl_model_fingerprint: the profile is of no other model
  uint64_t token_count;
  const uint64_t* counts;  // [layer_count][expert_count]: tokens that chose it
} kl_expert_use;
// Writes the file that kl_model_options.expert_profile names; it appears whole or not at all.
KL_API kl_code kl_expert_profile_write(const char* path, const kl_expert_use* use, kl_error* error);

// Large weights that are read for every token, or batch of a prompt, because the budget is too small even for them.
typedef struct kl_weight_stats {
  uint32_t struct_size;
  bool streamed;             // false: they are in memory, and all else is 0
  const char* description;   // one line: reader, slots. Until the next call for this model
  uint64_t total_bytes;      // of the matrices in their files
  uint64_t kept_bytes;       // of them, in memory once they were read
  uint64_t bytes_per_pass;   // the others
  uint64_t bytes_per_second; // of reading, as measured when the model was loaded: divided by bytes_per_pass, about
                             // how many tokens a second are possible at most
  uint64_t budget_bytes;     // slots and all else that this needs, of the model's budget
  uint64_t read_bytes;       // since loading
  uint64_t stall_ns;         // time that computing waited for weights
} kl_weight_stats;
KL_API kl_code kl_model_weight_stats(const kl_model* model, kl_weight_stats* stats);
// What kl_model_load would make of a budget, and what would be in memory then.
typedef struct kl_memory_plan {
  uint32_t struct_size;
  bool fits;      // kl_model_load takes this budget; if not, all else is said of smallest_bytes
  bool streamed;  // experts stay in their file
  bool prepared;  // they are read from the file of kl_model_prepare_experts
  uint64_t smallest_bytes;  // the smallest budget that works, for this process as it is
  uint64_t named_bytes;     // the same with room for another process to be larger: what messages name
  uint64_t whole_bytes;     // the smallest budget that keeps everything in memory
  uint64_t named_whole_bytes;  // as named_bytes
  // Reserved. What they leave of the budget is not used.
  uint64_t program_bytes;   // the program itself, with what it may still need
  uint64_t packed_bytes;    // weights in a kernel's own layout
  uint64_t mapped_bytes;    // weights as they are in the file
  uint64_t looked_up_bytes;  // the most that rows of the embeddings hold
  uint64_t packing_bytes;   // beside all these while loading
  uint64_t cache_bytes;     // KV cache of session_context_length
  uint64_t activation_bytes;  // of session_batch
  uint64_t expert_bytes;    // of the cache of experts: slots and all else that it needs
  uint64_t program_now_bytes;  // of program_bytes, what was there when the plan was made
  uint64_t expert_count;    // of all layers; 0: the model has none that could be streamed
  uint64_t least_expert_bytes;  // the smallest cache of experts
  uint64_t expert_slot_bytes;   // what a further slot costs
  uint64_t slot_count;      // experts that fit in memory at the same time
  uint64_t slot_bytes;      // of an expert in memory
  const char* description;  // of the cache: reader, policy, slots. Until the next call for this model
  // Large weights that would be read for every token, or batch of a prompt; 0: they stay in memory.
  uint64_t stream_bytes;        // slots and all else that this needs
  uint64_t streamed_weight_bytes;  // in their files
  uint64_t kept_weight_bytes;   // of them, in memory once they were read
  uint64_t keeping_bytes;       // the smallest budget that keeps all but the experts in memory
} kl_memory_plan;

// Reads no weights: for models loaded with plan_only. Looks at options->memory_bytes, session_*, expert_*.
KL_API kl_code kl_model_plan_memory(const kl_model* model, const kl_model_options* options, kl_memory_plan* plan,
                                    kl_error* error);

// How fast storage brings experts, in the way that kl_model_load would choose with these options: `together` at once, none
// of them in memory, verified and unpacked; for about most_ns, after each was read once.
typedef struct kl_expert_probe {
  uint32_t struct_size;
  uint64_t group_count;  // groups of `together`
  uint64_t read_bytes;   // with what alignment adds
  int64_t ns;            // of all groups
  int64_t cpu_ns;        // processor time of this process meanwhile
} kl_expert_probe;
KL_API kl_code kl_model_probe_experts(const kl_model* model, const kl_model_options* options, uint32_t together,
                                      int64_t most_ns, kl_expert_probe* probe, kl_error* error);
// How fast it would bring large weights. Error: KL_FAILED_PRECONDITION, the model has none that could be streamed.
KL_API kl_code kl_model_probe_weights(const kl_model* model, const kl_model_options* options, uint64_t* bytes_per_second,
                                      kl_error* error);

// Where memory went, as reserved in the model's budget: one line "bytes name" each. Until the next call for this model.
KL_API const char* kl_model_memory_text(const kl_model* model);

// Writes every expert of a model as one record, packed for this machine's kernels: under a budget it is then read in one
// piece and needs no packing. path NULL: where kl_model_load looks, "<model>.experts". Stage "prepare".
KL_API kl_code kl_model_prepare_experts(kl_runtime* runtime, const char* model_path, const char* path,
                                        kl_progress_callback progress, void* user, uint64_t* bytes, kl_error* error);

// The plan: one line a node, "index op name kernel (plugin) operands", for people. Lives as long as the model.
KL_API const char* kl_model_plan_text(const kl_model* model);

// ---- text ----

enum {
  KL_TOKENIZE_ADD_SPECIAL = 1u << 0,   // BOS/EOS as the model wants them
  KL_TOKENIZE_PARSE_SPECIAL = 1u << 1  // "<|im_end|>" in the text becomes the special token
};
// Writes at most `capacity` ids and always the full count. tokens may be NULL when capacity is 0.
KL_API kl_code kl_model_tokenize(const kl_model* model, const char* text, size_t length, uint32_t flags, int32_t* tokens,
                                 size_t capacity, size_t* count, kl_error* error);
// Text of tokens as UTF-8 (invalid bytes as U+FFFD), at most `capacity` bytes with the terminator; *length without it.
KL_API kl_code kl_model_detokenize(const kl_model* model, const int32_t* tokens, size_t count, bool render_special,
                                   char* text, size_t capacity, size_t* length, kl_error* error);
KL_API bool kl_model_is_end_token(const kl_model* model, int32_t token);

// ---- session ----

// Fill with kl_session_default_options first.
typedef struct kl_session_options {
  uint32_t struct_size;
  int32_t context_length;  // 0: the model's; KV rows become resident only when they are written
  int32_t batch;           // most tokens computed at once; 0: 512
  // sampler; order: penalties, top-k, top-p, min-p, temperature, draw
  float temperature;       // <= 0: greedy
  int32_t top_k;           // 0: all
  float top_p;
  float min_p;
  float repeat_penalty;
  float frequency_penalty;
  float presence_penalty;
  int32_t repeat_last_n;
  int64_t seed;            // -1: from the system's random device
  // Of a step's logits only those are computed that the sampler can pick (the largest one, or top_k of them), where a
  // kernel knows how; the answer is the same. true: always all.
  bool full_logits;
} kl_session_options;
KL_API void kl_session_default_options(kl_session_options* options);
KL_API kl_code kl_session_create(kl_model* model, const kl_session_options* options, kl_session** session, kl_error* error);
KL_API void kl_session_free(kl_session* session);
// Changes the sampler's settings; context_length and batch must stay as they are (or be 0).
KL_API kl_code kl_session_set_sampler(kl_session* session, const kl_session_options* options, kl_error* error);

KL_API int32_t kl_session_context_length(const kl_session* session);
KL_API int32_t kl_session_position(const kl_session* session);  // tokens in the cache
KL_API const int32_t* kl_session_tokens(const kl_session* session, size_t* count);  // until the next call
// Forgets tokens from `position` on. Sliding-window layers keep only their window: a rewind beyond it is refused.
KL_API kl_code kl_session_rewind(kl_session* session, int32_t position, kl_error* error);

// Computes `count` tokens in batches. Logits of the last one are then available. Cancelled: the batches done stay.
KL_API kl_code kl_session_prefill(kl_session* session, const int32_t* tokens, size_t count, kl_progress_callback progress,
                                  void* user, kl_error* error);
// One token more.
KL_API kl_code kl_session_decode(kl_session* session, int32_t token, kl_error* error);
// Logits of the last computed token: f32 [vocabulary]; NULL before the first, or when they cannot be computed. Until the
// next call. Those that the sampler did not need are computed now: set full_logits where every token's are wanted.
KL_API const float* kl_session_logits(const kl_session* session, size_t* count);
// Draws the next token from them; it counts for the penalties once it is decoded. Does not decode it.
KL_API kl_code kl_session_sample(kl_session* session, int32_t* token, kl_error* error);
// Logits of every one of `count` tokens: calls `row` with f32 [vocabulary] for each in order; false stops.
typedef bool (*kl_logits_callback)(void* user, size_t index, const float* logits, size_t vocabulary_size);
KL_API kl_code kl_session_prefill_logits(kl_session* session, const int32_t* tokens, size_t count, kl_logits_callback row,
                                         void* user, kl_error* error);

// Called with complete UTF-8 pieces of the answer; false stops.
typedef bool (*kl_text_callback)(void* user, const char* text, size_t length);

enum { KL_STOP_END_TOKEN = 0, KL_STOP_LENGTH = 1, KL_STOP_CONTEXT = 2, KL_STOP_CALLBACK = 3, KL_STOP_CANCELLED = 4 };

typedef struct kl_generation {
  uint32_t struct_size;
  int32_t stop;  // KL_STOP_*
  uint64_t generated_token_count;
  int64_t decode_ns;
} kl_generation;

// Samples and decodes until an end token, `max_tokens` (< 0: no limit), the context's end, or a stop. The session must have
// logits (prefill first). End tokens are not part of the text. A cancel is no error: result->stop says so.
KL_API kl_code kl_session_generate(kl_session* session, int64_t max_tokens, kl_text_callback text, void* user,
                                   kl_generation* result, kl_error* error);

// Which experts the tokens of one batch were routed to.
typedef struct kl_routing {
  uint32_t struct_size;
  size_t token_count;
  int32_t first_position;
  bool prompt;              // computed by a prefill, not token by token
  uint32_t layer_count;     // that have experts
  uint32_t place_count;     // most experts of a token in a layer
  uint32_t expert_count;    // most experts of a layer
  const uint16_t* experts;  // [token_count][layer_count][place_count], the heaviest first; 0xffff: an empty place
} kl_routing;
typedef void (*kl_routing_callback)(void* user, const kl_routing* routing);
// Calls back after every batch, from the thread that computes; NULL: no more. Fails for a model without experts.
KL_API kl_code kl_session_watch_routing(kl_session* session, kl_routing_callback callback, void* user, kl_error* error);

// Any thread: makes the running call return soon. Has no effect on calls that start later.
KL_API void kl_session_cancel(kl_session* session);

// Conversation, KV cache and sampler state; checksummed, written atomically; refuses another model's file.
KL_API kl_code kl_session_save(const kl_session* session, const char* path, kl_error* error);
KL_API kl_code kl_session_restore(kl_session* session, const char* path, kl_error* error);

typedef struct kl_session_info {
  uint32_t struct_size;
  uint64_t cache_bytes;
  uint64_t arena_bytes;   // activations and scratch, as planned
  uint64_t resident_bytes;       // of the process, now
  uint64_t peak_resident_bytes;  // of the process, ever
} kl_session_info;
KL_API kl_code kl_session_describe(const kl_session* session, kl_session_info* info);

// Where the time goes. While it is on, the session's runs are measured node by node; switching it on begins anew.
KL_API kl_code kl_session_set_profiling(kl_session* session, bool on, kl_error* error);

typedef struct kl_node_profile {
  uint32_t struct_size;
  const char* op;         // "matmul"; these three live as long as the session
  const char* node;       // "blk.3.attn_q"
  const char* kernel;
  uint64_t run_count;     // a batch of tokens is one run
  int64_t ns;             // of all runs
  uint64_t weight_bytes;  // read in all runs: what the kernel counted, or what it reads at most where it does not count
  bool weight_bytes_counted;
} kl_node_profile;
KL_API uint32_t kl_session_profile_count(const kl_session* session);  // nodes of the plan; 0 unless profiling
KL_API kl_code kl_session_profile(const kl_session* session, uint32_t index, kl_node_profile* profile);

// ---- chat ----

typedef struct kl_message {
  const char* role;  // "system", "user", "assistant"
  const char* content;
} kl_message;

// The prompt for the whole conversation in the model's template (or the one named), tokenised; special tokens in the
// contents stay text. With `add_generation` it ends where the assistant's answer begins. Same size protocol as tokenize.
// template_name NULL: recognised from the model; fails with the list of names when it is unknown.
KL_API kl_code kl_model_apply_template(const kl_model* model, const char* template_name, const kl_message* messages,
                                       size_t message_count, bool add_generation, int32_t* tokens, size_t capacity,
                                       size_t* count, kl_error* error);

// ---- memory bank files (.klbank) ----
//
// Opening, inspecting, writing and editing the files of hierarchical memories; levels are 1..depth. Arrays of a value a
// level start with level 1. Format: loaders/klbank/README.md.

#define KL_MEMORY_MAX_DEPTH 4

typedef struct kl_memory_bank kl_memory_bank;  // a file, opened for reading; any number of threads
typedef struct kl_memory_bank_writer kl_memory_bank_writer;  // one thread at a time

enum { KL_MEMORY_SILU = 1, KL_MEMORY_RELU = 2 };
enum {
  KL_MEMORY_READABLE = 0,
  KL_MEMORY_NO_BLOCKS = 1,  // the level has none
  KL_MEMORY_ABSENT = 2,     // a partial bank
  KL_MEMORY_DENIED = 3      // the node or one of its ancestors is on the deny list
};

typedef struct kl_memory_bank_shape {
  uint32_t struct_size;
  uint32_t branching;
  uint32_t depth;
  uint32_t layer_count;
  uint32_t dim;
  kl_dtype type;        // KL_TYPE_F32, F16, Q8_0, Q4_0
  uint32_t activation;  // KL_MEMORY_SILU, KL_MEMORY_RELU
  uint32_t rows[KL_MEMORY_MAX_DEPTH];
  uint32_t encoder_width;
  bool generic;              // one generic block a level
  uint64_t model_fingerprint;    // kl_model_fingerprint of the anchor; 0: any model of this shape
  uint64_t encoder_fingerprint;  // of the encoder; 0: any of this width
  const char* name;          // NULL: ""
  const char* encoder_file;  // base name, looked for beside the bank; NULL: ""
} kl_memory_bank_shape;

typedef struct kl_memory_bank_info {
  uint32_t struct_size;
  const char* path;
  uint64_t file_bytes;
  uint64_t block_count[KL_MEMORY_MAX_DEPTH];
  uint64_t block_bytes[KL_MEMORY_MAX_DEPTH];
  uint64_t present_count[KL_MEMORY_MAX_DEPTH];
  uint64_t denied_count[KL_MEMORY_MAX_DEPTH];  // nodes, those below a denied one included
  uint64_t node_count[KL_MEMORY_MAX_DEPTH];
  bool generic_present[KL_MEMORY_MAX_DEPTH];
  uint64_t centroid_bytes;
  uint64_t fetch_bytes;       // one block a level
  uint64_t fetch_parameters;
  uint64_t bank_parameters;   // all blocks, generic ones apart
  uint64_t level_offset[KL_MEMORY_MAX_DEPTH];
  uint64_t level_stride[KL_MEMORY_MAX_DEPTH];
  uint64_t generic_offset;    // 0: none
  uint64_t centroids_offset;
  uint64_t table_offset;
  uint64_t table_bytes;
} kl_memory_bank_info;

// Checks header, centroids and table; reads no block.
KL_API kl_code kl_memory_bank_open(const char* path, kl_memory_bank** bank, kl_error* error);
KL_API void kl_memory_bank_free(kl_memory_bank* bank);
KL_API kl_code kl_memory_bank_get_shape(const kl_memory_bank* bank, kl_memory_bank_shape* shape);
KL_API kl_code kl_memory_bank_describe(const kl_memory_bank* bank, kl_memory_bank_info* info);
// KL_MEMORY_READABLE and so on; -1 for a node that does not exist. *own, which may be NULL: the node itself is on the deny
// list, not only one above it.
KL_API int32_t kl_memory_bank_state(const kl_memory_bank* bank, uint32_t level, uint64_t id, bool* own);

typedef struct kl_memory_path {
  uint32_t struct_size;
  uint32_t depth;
  uint64_t ids[KL_MEMORY_MAX_DEPTH];
  float distances[KL_MEMORY_MAX_DEPTH];            // L2 to the centroid chosen
  float runner_up_distances[KL_MEMORY_MAX_DEPTH];  // to the nearest that was not
} kl_memory_path;
// vector: f32 [encoder_width], what the encoder made of a text.
KL_API kl_code kl_memory_bank_route(const kl_memory_bank* bank, const float* vector, size_t width, kl_memory_path* path,
                                    kl_error* error);

typedef struct kl_memory_bank_check {
  uint32_t struct_size;
  uint32_t level;
  uint64_t id;
  bool generic;     // the level's generic block; id is 0
  bool ok;          // its bytes have the checksum that the table says
  uint64_t offset;  // in the file
  uint64_t done_bytes;
  uint64_t total_bytes;
} kl_memory_bank_check;
typedef bool (*kl_memory_bank_check_callback)(void* user, const kl_memory_bank_check* check);  // false stops
// Reads every block that may be read; denied ones are left alone. KL_DATA_CORRUPT when one is bad: the message names the
// first. check and bad_count may be NULL.
KL_API kl_code kl_memory_bank_verify(const kl_memory_bank* bank, kl_memory_bank_check_callback check, void* user,
                                     uint64_t* bad_count, kl_error* error);

// centroids: f32 [k + k^2 + .. + k^depth][encoder_width]. Blocks never added stay absent. The file appears, whole, with
// _commit; _free without it leaves nothing behind.
KL_API kl_code kl_memory_bank_writer_create(const char* path, const kl_memory_bank_shape* shape, const float* centroids,
                                            uint64_t centroid_count, kl_memory_bank_writer** writer, kl_error* error);
KL_API void kl_memory_bank_writer_free(kl_memory_bank_writer* writer);
KL_API kl_code kl_memory_bank_writer_add(kl_memory_bank_writer* writer, uint32_t level, uint64_t id, bool generic,
                                         const void* data, uint64_t bytes, kl_error* error);
KL_API kl_code kl_memory_bank_writer_commit(kl_memory_bank_writer* writer, kl_error* error);

typedef struct kl_memory_node {
  uint32_t level;
  uint32_t reserved;  // 0
  uint64_t id;
} kl_memory_node;
// Puts nodes on the deny list of a file, or takes them off. Whatever fails, the file is the old bank or the new one.
KL_API kl_code kl_memory_bank_set_denied(const char* path, const kl_memory_node* nodes, size_t count, bool denied,
                                         kl_error* error);

enum { KL_MEMORY_REFUSE = 0, KL_MEMORY_FIRST = 1, KL_MEMORY_LAST = 2 };  // blocks that differ
// One bank of the blocks of several, of the same shape, models and centroids. What one of them denies is denied in the
// target, and not copied. Stage "merge".
KL_API kl_code kl_memory_bank_merge(const char* const* paths, size_t count, const char* target, int32_t prefer,
                                    kl_progress_callback progress, void* user, kl_error* error);

// ---- memory ----
//
// A model that was loaded with a memory bank computes with blocks of it: one a level, those of its session's path. Without a
// path, and in place of blocks that are not there, a level's generic block; where the bank has none, nothing. In place of a
// denied block nothing either: generic blocks were trained on everything, on what is denied as well.
//
//   kl_memory_route(model, question, length, &path, &error)     which way a text leads
//   kl_session_set_memory(session, &path, &error)               begins to read; the next tokens wait for what is missing
//   kl_session_prefill(session, ...)
//
// Routing is the caller's: once a conversation, or whenever the topic changes. Sessions of one model have paths of their own.

// kl_model_load refuses, KL_FAILED_PRECONDITION, a bank of another model and an encoder that is not the bank's.
KL_API bool kl_model_has_memory(const kl_model* model);

// Any thread; one text is encoded at a time. KL_FAILED_PRECONDITION: no bank, or no encoder. The text as it is, no template.
KL_API kl_code kl_memory_route(const kl_model* model, const char* text, size_t length, kl_memory_path* path, kl_error* error);

// What tokens that are computed from now on remember; those before stay as they are. Never waits for storage. path NULL: none.
// KL_INVALID_ARGUMENT: ids that are no path of the bank. A block that cannot be read, or whose checksum is wrong, is the error
// of the next prefill or decode.
KL_API kl_code kl_session_set_memory(kl_session* session, const kl_memory_path* path, kl_error* error);
// Until all blocks are there: for measuring, say. KL_CANCELLED by kl_session_cancel.
KL_API kl_code kl_session_wait_memory(kl_session* session, kl_error* error);

enum { KL_MEMORY_NOTHING = 0, KL_MEMORY_BLOCK = 1, KL_MEMORY_GENERIC = 2 };
enum {
  KL_MEMORY_PENDING = 0,    // nothing to fetch, or not there yet
  KL_MEMORY_KEPT = 1,       // the session had it already
  KL_MEMORY_WAS_THERE = 2,  // it was in memory
  KL_MEMORY_READ = 3        // it was read from storage
};

// The last fetch of a session. Arrays start with level 1.
typedef struct kl_memory_fetch {
  uint32_t struct_size;
  bool has_bank;            // false: all else is 0
  bool has_path;
  bool complete;            // all blocks are there
  const char* description;  // the bank, one line. Until the next call for this session
  kl_memory_path path;
  uint32_t depth;
  int32_t blocks[KL_MEMORY_MAX_DEPTH];   // KL_MEMORY_NOTHING, BLOCK, GENERIC: what the level runs
  int32_t states[KL_MEMORY_MAX_DEPTH];   // KL_MEMORY_READABLE, ABSENT, DENIED...: of the block that the path asked for
  int32_t origins[KL_MEMORY_MAX_DEPTH];  // KL_MEMORY_PENDING, KEPT, WAS_THERE, READ
  uint64_t block_bytes[KL_MEMORY_MAX_DEPTH];
  uint64_t bytes;       // of all levels
  uint64_t read_bytes;  // of these, from storage
  int64_t ns;           // from setting the path until the last block was seen to be there; 0: not yet
  int64_t stall_ns;     // of these, that computing waited
  int64_t read_ns;      // from asking for a block until it was there: the mean of those that were read
} kl_memory_fetch;
KL_API kl_code kl_session_memory(const kl_session* session, kl_memory_fetch* fetch);

// A text encoder by itself: a GGUF file whose `<architecture>.pooling_type` is 1 (mean). f32 [width] of length 1: the mean of
// the final norm's output over the text's tokens (at most 256 of them), normalised.
KL_API kl_code kl_encoder_load(kl_runtime* runtime, const char* path, kl_encoder** encoder, kl_error* error);
KL_API void kl_encoder_free(kl_encoder* encoder);
KL_API size_t kl_encoder_width(const kl_encoder* encoder);
KL_API uint64_t kl_encoder_fingerprint(const kl_encoder* encoder);  // kl_model_fingerprint of its file
KL_API kl_code kl_encoder_embed(kl_encoder* encoder, const char* text, size_t length, float* vector, size_t capacity,
                                size_t* count, kl_error* error);

// ---- network ----

typedef struct kl_network_tensor {
  uint32_t struct_size;
  const char* name;
  kl_dtype type;
  int32_t rank;
  int64_t shape[KL_MAX_RANK];
  void* data;  // inputs: write here; outputs: read here after run. Owned by the network
  uint64_t bytes;
} kl_network_tensor;

typedef struct kl_network_options {
  uint32_t struct_size;
  // The most bytes of activations and kernels' scratch (kl_network_arena_bytes). Where an ordinary plan takes more, the first
  // blocks run by patches; the outputs are the same bit for bit. Inputs and weights come on top. 0: no limit.
  uint64_t arena_bytes;
} kl_network_options;

KL_API void kl_network_default_options(kl_network_options* options);
KL_API kl_code kl_network_load(kl_runtime* runtime, const char* path, kl_network** network, kl_error* error);
// options NULL: kl_network_load. KL_OUT_OF_BUDGET: arena_bytes is too small; the message names the smallest that works.
KL_API kl_code kl_network_load_with_options(kl_runtime* runtime, const char* path, const kl_network_options* options,
                                            kl_network** network, kl_error* error);
KL_API void kl_network_free(kl_network* network);
KL_API uint32_t kl_network_input_count(const kl_network* network);
KL_API uint32_t kl_network_output_count(const kl_network* network);
KL_API kl_code kl_network_input(const kl_network* network, uint32_t index, kl_network_tensor* tensor);
KL_API kl_code kl_network_output(const kl_network* network, uint32_t index, kl_network_tensor* tensor);
KL_API kl_code kl_network_run(kl_network* network, kl_error* error);
KL_API uint64_t kl_network_arena_bytes(const kl_network* network);  // of activations and scratch; inputs lie outside
KL_API const char* kl_network_plan_text(const kl_network* network);

// How the memory of activations was planned. Peaks are the most bytes that values alive take at one node, with depthwise
// convolutions in place and projections added in their residual's memory; arenas are what kernels take, scratch included.
typedef struct kl_network_memory {
  uint32_t struct_size;
  uint64_t arena_bytes;           // what is allocated
  uint64_t ordinary_arena_bytes;  // by the ordinary plan, layer by layer
  uint64_t peak_bytes;            // of the plan that runs
  uint64_t layer_peak_bytes;      // layer by layer
  uint32_t node_count;            // of the plan that runs
  bool joined;                    // projections are added in the memory of their residual
  uint32_t patch_rows;            // of the grid of patches; 1 and 1: no patches, and all below is 0 or ""
  uint32_t patch_columns;
  uint32_t stage_node_count;      // nodes that run by patches
  const char* stage_end;          // the last of them
  uint32_t tile_count;            // for kl_network_tile
  uint64_t stage_macs;            // multiplications of these nodes without patches
  uint64_t nominal_stage_macs;    // with patches, if none were cut off at the image's border
  uint64_t patched_stage_macs;    // with patches, as they are run
  uint64_t network_macs;          // of the whole network without patches
} kl_network_memory;
KL_API kl_code kl_network_describe_memory(const kl_network* network, kl_network_memory* memory);

// Size of a patch's tile away from the image's border: of the stage's input, then of what each of its convolutions and pools
// makes.
typedef struct kl_network_tile_facts {
  uint32_t struct_size;
  const char* name;
  int64_t rows;
  int64_t columns;
} kl_network_tile_facts;
KL_API kl_code kl_network_tile(const kl_network* network, uint32_t index, kl_network_tile_facts* facts);

// A piece of the arena: a value or the scratch of a node, taken from node first_node to node last_node.
typedef struct kl_network_block_facts {
  uint32_t struct_size;
  const char* name;
  uint64_t offset;
  uint64_t bytes;
  uint32_t first_node;
  uint32_t last_node;
} kl_network_block_facts;
KL_API uint32_t kl_network_block_count(const kl_network* network);
KL_API kl_code kl_network_block(const kl_network* network, uint32_t index, kl_network_block_facts* facts);

// ---- how long a network will take, before it is loaded ----

// Has the plan of a network and its kernels; no weights are packed, no arena is there, nothing runs but single nodes that are
// timed. From one thread at a time.
KL_API kl_code kl_network_probe_open(kl_runtime* runtime, const char* path, kl_network_probe** probe, kl_error* error);
KL_API void kl_network_probe_free(kl_network_probe* probe);
KL_API uint32_t kl_network_probe_node_count(const kl_network_probe* probe);
// Memory that one run of the network goes through: weights, and activations as many as live at the same time.
KL_API uint64_t kl_network_probe_touched_bytes(const kl_network_probe* probe);

typedef struct kl_probed_node {
  uint32_t struct_size;
  const char* name;
  const char* op;
  const char* kernel;
  const char* plugin;  // the kernel's
  // What the node's time depends on beside its kernel: operator, attributes, types and shapes, of constants the share of
  // zeros. Nodes of any networks with equal keys and kernels take equally long.
  const char* key;
  bool own_threads;    // the kernel's library threads by itself: going over to it and back takes time
} kl_probed_node;
KL_API kl_code kl_network_probe_node(const kl_network_probe* probe, uint32_t index, kl_probed_node* node);

// Runs one node by itself, in buffers of its own and on the runtime's threads. ns[i]: median nanoseconds of a run when
// passed_bytes[i] of other memory have gone through the caches since the node's constants were last used.
KL_API kl_code kl_network_probe_time(kl_network_probe* probe, uint32_t index, const uint64_t* passed_bytes, uint32_t count,
                                     double* ns, kl_error* error);
// The same for two nodes that take turns: nanoseconds of both together, constants in the caches. What this is more than the
// sum of the two is what going over from one to the other and back takes.
KL_API kl_code kl_network_probe_time_turns(kl_network_probe* probe, uint32_t first, uint32_t second, double* ns,
                                           kl_error* error);

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_CAPI_KINGLET_H_
