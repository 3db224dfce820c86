// op "embed": y[t] = scale * table[ids[t]], rows of the table as they are in the file.
//
//   ids i32 [T]   table any [V, D]   y f32 [T, D]
//
// Work: one unit a token. run() returns KL_INVALID_ARGUMENT for an id outside the table.
#ifndef PLUGINS_COMMON_KERNELS_EMBED_H_
#define PLUGINS_COMMON_KERNELS_EMBED_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/common/kernels/readers.h"
#include "plugins/common/table.h"

namespace {

template <class Rows>
struct Embed {
  enum { kIds = 0, kTable = 1, kY = 2 };
  struct State {
    float scale;
  };

  static kl_code Supports(const kl_node* node, kl_error* error) {
    const kl_tensor* table = node->operands[kTable];
    const int64_t block = kl_dtype_info_of(Rows::kType).block_elements;
    if (table->parts == nullptr && LastOf(table) % block == 0) return KL_OK;
    return kl_fail(error, KL_UNSUPPORTED, "%s (embed): rows of %lld elements, or in parts",
                   NameOf(node), (long long)LastOf(table));
  }

  static kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements*,
                         kl_error* error) {
    KL_TRY(ExpectOperands(node, 3, error));
    KL_TRY(ExpectSame(node, "rank of the table", 2, node->operands[kTable]->rank, error));
    KL_TRY(Supports(node, error));
    KL_TRY(ExpectSame(node, "length of y's rows", LastOf(node->operands[kTable]),
                      LastOf(node->operands[kY]), error));
    KL_TRY(ExpectSame(node, "rows of y", kl_element_count(node->operands[kIds]),
                      RowsOf(node->operands[kY]), error));
    ((State*)state)->scale = (float)kl_attribute_float(node, "scale", 1.0);
    return KL_OK;
  }

  static void Work(const kl_run* run, kl_work* work) {
    OnePhase(work, kl_element_count(run->operands[kIds]));
  }

  static kl_code Run(const kl_run* run) {
    const kl_tensor* table = run->operands[kTable];
    const int32_t* ids = (const int32_t*)run->operands[kIds]->data;
    float* y = (float*)run->operands[kY]->data;
    const int64_t columns = LastOf(table);
    const uint64_t row_bytes = kl_row_bytes(Rows::kType, (uint64_t)columns);
    const float scale = ((const State*)run->state)->scale;
    for (int64_t t = run->begin; t < run->end; ++t) {
      if (ids[t] < 0 || ids[t] >= table->shape[0]) return KL_INVALID_ARGUMENT;
      Rows::Read((const uint8_t*)table->data + (uint64_t)ids[t] * row_bytes, columns, scale,
                 y + t * columns);
    }
    return KL_OK;
  }
};

}  // namespace

// A kernel file, all but its includes.
#define KL_EMBED(plugin, stem, ...)                                                                \
  namespace {                                                                                      \
  using Implementation = Embed<__VA_ARGS__>;                                                       \
  const kl_dtype kTypes[] = {KL_TYPE_I32, __VA_ARGS__::kType, KL_TYPE_F32};                        \
  const kl_kernel kKernel = SimpleKernel("embed", #stem, kTypes, 3, sizeof(Implementation::State), \
                                         1e-5f, Implementation::Prepare, Implementation::Work,     \
                                         Implementation::Run, Implementation::Supports);           \
  const kl_kernel* const kKernels[] = {&kKernel};                                                  \
  }                                                                                                \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_EMBED_H_
