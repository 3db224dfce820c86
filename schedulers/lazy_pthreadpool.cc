#include "schedulers/lazy_pthreadpool.h"

#include <pthreadpool.h>

#include <cstddef>

namespace kinglet {
namespace {

void DoNothing(void*, size_t) {}

}  // namespace

LazyPthreadpool::~LazyPthreadpool() { pthreadpool_destroy(static_cast<pthreadpool_t>(pool_)); }

void* LazyPthreadpool::Get() {
  if (!asked_ && thread_count_ > 1) pool_ = pthreadpool_create(thread_count_);
  asked_ = true;
  return pool_;
}

void LazyPthreadpool::Quiet() {
  if (pool_ == nullptr) return;
  pthreadpool_parallelize_1d(static_cast<pthreadpool_t>(pool_), DoNothing, nullptr, thread_count_,
                             PTHREADPOOL_FLAG_YIELD_WORKERS);
}

}  // namespace kinglet
