#ifndef PLUGINS_SPARSE_X86_SPMM_COST_H_
#define PLUGINS_SPARSE_X86_SPMM_COST_H_
#include "plugins/sparse_x86/spmm_plan.h"
namespace {
KL_INLINE bool SparsePays(const SpmmSource& w, const SpmmCount& count, int64_t pixels) {
  return NonzeroShare(w, count) <= 0.5 && pixels > 0;
}
KL_INLINE bool SparseRowsPay(const SpmmSource& w, int64_t rows) {
  return NonzeroShare(w, CountSpmm(w)) <= 0.5 && rows > 0;
}
}  // namespace
#endif
