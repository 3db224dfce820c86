// Operators and the kernels that compute them.
//
// An operator is a name, a list of operands and test cases. It is defined once (plugins/reference) together with a
// scalar kernel that is the oracle for every other kernel of that name.
//
// A kernel computes an operator for some operand types on some CPUs. Its life:
//
//   supports(node)           may refuse a shape; then the next kernel in line is asked
//   pack_query / pack        once per weight: into the kernel's own layout, if it wants one
//   prepare(node, state)     once per session: validate, fill state, say how much scratch
//   work(run)                before each run: phases and units for the actual shapes; one thread
//   run(run, begin, end)     any number of threads, disjoint ranges of one phase's units
//   release(state)
//
// Phases: all units of a phase are finished before the next phase starts, on every thread. A kernel that quantises
// its activations and then multiplies has two phases; units of one phase must not depend on each other.
#ifndef KINGLET_CORE_ABI_KERNEL_H_
#define KINGLET_CORE_ABI_KERNEL_H_

#include "core/abi/host.h"
#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// One use of an operator in a plan.
typedef struct kl_node {
  uint32_t struct_size;
  const char* op;    // "matmul"
  const char* name;  // where in the model: "blk.3.attn_q"; for messages
  const kl_attribute* attributes;
  uint32_t attribute_count;
  // In the order of the operator's operand list, absent optional ones with type KL_TYPE_NONE. Shapes are the largest
  // that a run will see (tokens = the session's batch). data is set for constants only, and may be packed already.
  const kl_tensor* const* operands;
  uint32_t operand_count;
  uint32_t thread_count;  // largest number of workers that will run it
} kl_node;

// What prepare() asks for. Both kinds of scratch are 64-byte aligned and live for one run of the node.
typedef struct kl_requirements {
  uint32_t struct_size;
  uint64_t scratch_bytes;         // shared by all workers and phases
  uint64_t worker_scratch_bytes;  // private to each worker, not kept between phases
  // Since minor 4. The input operand whose memory the first output may take over in this node, though the operator as such
  // does not allow it: a depthwise convolution that works in place, say. The output is not larger then; run() sees equal data
  // pointers where it was done. -1, which the host sets before it calls prepare(): none.
  int32_t in_place_operand;
  int32_t reserved;
} kl_requirements;

#define KL_MAX_PHASES 4

typedef struct kl_work {
  uint32_t struct_size;
  uint32_t phase_count;              // 0: nothing to do
  int64_t unit_count[KL_MAX_PHASES];
} kl_work;

typedef struct kl_run {
  uint32_t struct_size;
  uint32_t phase;
  int64_t begin;  // units [begin, end) of this phase
  int64_t end;
  kl_tensor* const* operands;  // actual shapes and data
  uint32_t operand_count;
  uint32_t worker;        // 0 .. worker_count - 1
  uint32_t worker_count;
  void* state;
  void* scratch;
  void* worker_scratch;
  void* pthreadpool;  // pthreadpool_t for KL_KERNEL_OWN_THREADS kernels, else NULL; may be NULL: one thread
  // Since minor 1. This worker's own sum of the weight bytes read, or NULL: nobody asks. For kl_count_weight_bytes().
  uint64_t* weight_bytes;
  // Since minor 1. Of each row of the output only the wanted_count largest elements are wanted: the kernel may put
  // -infinity in place of any other. 0: all are wanted. A kernel that does not know the field computes all.
  uint32_t wanted_count;
} kl_run;

// For kernels that do not read all of their weights (KL_KERNEL_COUNTS_WEIGHT_BYTES): run() adds what it read.
static inline void kl_count_weight_bytes(const kl_run* run, uint64_t bytes) {
  if (KL_HAS_FIELD(run, kl_run, weight_bytes) && run->weight_bytes != NULL) *run->weight_bytes += bytes;
}

// How a kernel wants a weight.
typedef struct kl_pack {
  uint32_t struct_size;
  uint64_t bytes;       // of the packed copy; 0: the weight is used as it is
  int64_t unit_count;   // independent pieces of packing work
  const char* layout;   // name of the layout: nodes that name the same layout for one weight share the copy
  // Since minor 5. 0: a copy of its own. Else 1 + an earlier operand, packed in the layout of the same name: this weight
  // lies in that one's copy, which is `bytes` larger for it. pack() of each gets the beginning of the copy and writes its
  // own bytes of it; run() gets the copy as the data of both.
  uint32_t within;
} kl_pack;

enum {
  // The kernel threads by itself: it has one unit and gets the pthreadpool.
  KL_KERNEL_OWN_THREADS = 1u << 0,
  // run() calls kl_count_weight_bytes(): how much is read depends on the data (inactive neurons, rows ruled out).
  KL_KERNEL_COUNTS_WEIGHT_BYTES = 1u << 1,
  // Since minor 4. The bits of an element of the output follow from the elements that it is computed from: not from where in
  // the image it lies, nor from the image's size. A network may then be computed by patches. Said by kernels of operators on
  // images; those with tolerance 0 need not.
  KL_KERNEL_PLACE_INDEPENDENT = 1u << 2
};

typedef struct kl_kernel {
  uint32_t struct_size;
  uint32_t flags;
  const char* op;
  const char* name;  // unique among all plugins: "matmul_q4_0_avx2"
  const kl_dtype* operand_types;  // operand_count entries; KL_TYPE_ANY fits all, KL_TYPE_NONE included
  uint32_t operand_count;
  int32_t priority;       // the highest that fits wins; a tie is an error. Reference 0, libraries 50, own kernels 100+
  uint64_t cpu_features;  // all of these must be there
  uint64_t state_bytes;   // of the state that prepare() fills; 64-byte aligned, zeroed, provided by the host
  // Largest |kernel - oracle| allowed by the conformance test, relative to the root mean square of the oracle's output.
  float tolerance;

  // Optional; NULL: every shape is supported. KL_UNSUPPORTED sends the host to the next kernel.
  kl_code (*supports)(const kl_node* node, kl_error* error);

  // moe_ffn: the packed form of a stacked weight [experts, ..] is its experts one after the other, each as if packed
  // alone (the same node with one expert), so that a bank can hold single experts; run() takes them as parts too.
  //
  // Optional, both or none. pack() writes units [begin, end) of `destination` (64-byte aligned) from `source`, which
  // has KL_LAYOUT_ROWS. Several threads pack disjoint units at once.
  kl_code (*pack_query)(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error* error);
  kl_code (*pack)(const kl_node* node, uint32_t operand, const kl_tensor* source, void* destination, int64_t begin,
                  int64_t end);

  // prepare() validates everything that run() then trusts. Optional when there is no state and no scratch.
  kl_code (*prepare)(const kl_host* host, const kl_node* node, void* state, kl_requirements* requirements,
                     kl_error* error);
  void (*release)(const kl_host* host, void* state);  // optional

  void (*work)(const kl_run* run, kl_work* work);
  kl_code (*run)(const kl_run* run);
} kl_kernel;

// ---- the operator's definition ----

enum {
  KL_OPERAND_INPUT = 0,
  KL_OPERAND_OUTPUT = 1,
  KL_OPERAND_STATE = 2  // read and written, lives as long as the session (KV cache)
};

typedef struct kl_operand {
  const char* name;
  uint32_t role;      // KL_OPERAND_*
  uint32_t optional;  // 1: type may be KL_TYPE_NONE
  int32_t may_alias;  // for an output: the input whose memory it may take over, or -1
} kl_operand;

// How the conformance test fills an operand of a test case.
enum {
  KL_FILL_NORMAL = 0,    // normal distribution, mean low, standard deviation high
  KL_FILL_UNIFORM = 1,   // [low, high)
  KL_FILL_INTEGERS = 2,  // whole numbers in [low, high)
  KL_FILL_SEQUENCE = 3,  // low, low + 1, ...
  KL_FILL_DISTINCT = 4,  // whole numbers in [low, high), different from each other within each innermost row
  KL_FILL_ZERO = 5,
  KL_FILL_CONSTANT = 6,  // low everywhere
  // Pruned weights: normal, mean 0, standard deviation high, but a share `low` of zeros: single ones, or for 2 or 4
  // neighbours of the outermost dimension at once.
  KL_FILL_SPARSE = 7,
  KL_FILL_SPARSE_2 = 8,
  KL_FILL_SPARSE_4 = 9
};

#define KL_CASE_SYMBOLS 6
// A dimension that is drawn at random for each repetition: symbol s of the case.
#define KL_CASE_SYMBOL(s) (-1 - (int64_t)(s))

typedef struct kl_case_operand {
  kl_dtype type;  // KL_TYPE_ANY: the type that the kernel under test declares there, f32 if it declares ANY too
  int32_t rank;
  int64_t shape[KL_MAX_RANK];  // numbers or KL_CASE_SYMBOL; the innermost of a block type is rounded up to whole blocks
  uint32_t fill;               // KL_FILL_*
  double low;
  double high;
} kl_case_operand;

typedef struct kl_case_symbol {
  int64_t low;       // drawn from [low, high], rounded up to a multiple
  int64_t high;
  int64_t multiple;
} kl_case_symbol;

typedef struct kl_op_case {
  const char* name;
  const kl_attribute* attributes;
  uint32_t attribute_count;
  const kl_case_operand* operands;
  uint32_t operand_count;
  kl_case_symbol symbols[KL_CASE_SYMBOLS];
  uint32_t repetitions;  // with fresh random shapes and data; at least 1
} kl_op_case;

typedef struct kl_op {
  uint32_t struct_size;
  const char* name;
  const kl_operand* operands;
  uint32_t operand_count;
  const kl_op_case* cases;
  uint32_t case_count;
} kl_op;

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_KERNEL_H_
