// For processors that Debian cannot install pthreadpool for beside the host's.
#include "schedulers/lazy_pthreadpool.h"

namespace kinglet {

LazyPthreadpool::~LazyPthreadpool() = default;

void* LazyPthreadpool::Get() { return nullptr; }

void LazyPthreadpool::Quiet() {}

}  // namespace kinglet
