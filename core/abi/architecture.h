// Architectures: plugins that turn a model file's metadata and tensors into a plan.
//
// build() is called once per load. It reads facts through the view, adds values and nodes through the builder, and
// returns. The builder keeps the first error (a missing tensor, a wrong shape) and ignores what follows, so that the
// forward pass can be written without a check on every line; build() returns builder->status(builder, error) at its end.
#ifndef KINGLET_CORE_ABI_ARCHITECTURE_H_
#define KINGLET_CORE_ABI_ARCHITECTURE_H_

#include "core/abi/host.h"
#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// A model file's metadata and tensor list in GGUF names, whatever the file's format.
typedef struct kl_model_view {
  uint32_t struct_size;
  void* context;
  // 1 and the value, or 0 when the key is absent or of another kind. A whole number is also readable as f64.
  int32_t (*get_int)(const struct kl_model_view* view, const char* key, int64_t* value);
  int32_t (*get_float)(const struct kl_model_view* view, const char* key, double* value);
  const char* (*get_string)(const struct kl_model_view* view, const char* key);  // NULL when absent
  // Arrays of numbers: length, or 0 when absent; copies at most `capacity` elements as f64.
  uint64_t (*get_numbers)(const struct kl_model_view* view, const char* key, double* values, uint64_t capacity);
  // Type and shape (outermost first; data is not set), or NULL.
  const kl_tensor* (*find_tensor)(const struct kl_model_view* view, const char* name);
} kl_model_view;

typedef int32_t kl_value;  // a value of the plan under construction
#define KL_NO_VALUE (-1)   // an absent optional operand

// Dimensions that are known only when the plan runs.
#define KL_DIM_TOKENS (-1)   // tokens of this call, 1 .. batch
#define KL_DIM_OUTPUTS (-2)  // tokens of this call whose logits are wanted, 0 .. tokens

enum {
  KL_CACHE_ANY = 0,  // not said: refused where keys and values have different types
  KL_CACHE_KEYS = 1,
  KL_CACHE_VALUES = 2
};

typedef struct kl_cache_desc {
  uint32_t struct_size;
  int64_t head_count;   // key/value heads
  int64_t head_length;  // elements of one head's row
  int64_t window;       // positions a token sees, itself included; 0: all of the context
  // Since minor 2. What the rows are, KL_CACHE_*: keys and values may be kept in different types.
  int32_t content;
  int32_t reserved;
} kl_cache_desc;

enum {
  KL_POOLING_NONE = 0,  // logits [outputs, vocabulary]
  KL_POOLING_MEAN = 1   // a text encoder: hidden states [outputs, embedding_length], whose mean over a text's tokens is its vector
};

// What the rest of the runtime wants to know; -1 or 0 where it does not apply.
typedef struct kl_model_facts {
  uint32_t struct_size;
  int64_t vocabulary_size;
  int64_t context_length;  // trained
  int64_t embedding_length;
  int64_t layer_count;
  int64_t expert_count;
  int64_t expert_used_count;
  // Since minor 3. KL_POOLING_*: what the values handed to logits() are.
  int64_t pooling;
} kl_model_facts;

typedef struct kl_plan_builder {
  uint32_t struct_size;
  void* context;
  // Inputs that the session fills.
  kl_value (*token_ids)(struct kl_plan_builder* builder);    // i32 [KL_DIM_TOKENS]
  kl_value (*positions)(struct kl_plan_builder* builder);    // i32 [KL_DIM_TOKENS]
  kl_value (*output_rows)(struct kl_plan_builder* builder);  // i32 [KL_DIM_OUTPUTS], which tokens want logits
  // A tensor of the file with the shape it must have (rank 0: any); error when it is missing.
  kl_value (*weight)(struct kl_plan_builder* builder, const char* name, int32_t rank, const int64_t* shape);
  // The same, KL_NO_VALUE when the file has no such tensor.
  kl_value (*optional_weight)(struct kl_plan_builder* builder, const char* name, int32_t rank, const int64_t* shape);
  // `count` tensors of equal type and shape as one value with a new outermost dimension (experts stored one by one).
  kl_value (*stacked_weight)(struct kl_plan_builder* builder, const char* const* names, uint32_t count, int32_t rank,
                             const int64_t* shape);
  // A copy of `data`, dense, as a weight that is in no file (rotary frequency factors, say).
  kl_value (*constant)(struct kl_plan_builder* builder, const char* name, kl_dtype type, int32_t rank,
                       const int64_t* shape, const void* data);
  // Key or value rows of one layer: f32, f16 or q8_0 [head_count, rows, head_length], as the model's options say; a row
  // of q8_0 is filled up to whole blocks. rows = context, or a ring for a window.
  kl_value (*cache)(struct kl_plan_builder* builder, const kl_cache_desc* desc);
  // An activation that a node will write.
  kl_value (*value)(struct kl_plan_builder* builder, kl_dtype type, int32_t rank, const int64_t* shape);
  // Appends a node; operands in the operator's order, KL_NO_VALUE for absent ones.
  void (*node)(struct kl_plan_builder* builder, const char* op, const char* name, const kl_attribute* attributes,
               uint32_t attribute_count, const kl_value* operands, uint32_t operand_count);
  // The value that the session hands out: f32 [KL_DIM_OUTPUTS, vocabulary]; of an encoder as kl_model_facts.pooling says.
  void (*logits)(struct kl_plan_builder* builder, kl_value value);
  // Records an error of the architecture's own (a metadata key that is missing, say) unless there is one already.
  void (*fail)(struct kl_plan_builder* builder, kl_code code, const char* message);
  kl_code (*status)(struct kl_plan_builder* builder, kl_error* error);
  // Since minor 3. What the neurons of a memory bank add to layer `layer` (operator ffn_segments), once its feed-forward
  // network was added: h [tokens, dim], the residual, plus what they make of x [tokens, dim], the network's input.
  // `activation` as of the network itself: "relu", "silu". Of a model without a bank: h as it is, no node.
  kl_value (*memory)(struct kl_plan_builder* builder, const char* name, int64_t layer, const char* activation, kl_value x,
                     kl_value h);
} kl_plan_builder;

typedef struct kl_architecture {
  uint32_t struct_size;
  const char* name;  // general.architecture: "smallthinker"
  kl_code (*build)(const kl_host* host, const kl_model_view* view, kl_plan_builder* builder, kl_model_facts* facts,
                   kl_error* error);
} kl_architecture;

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_ARCHITECTURE_H_
