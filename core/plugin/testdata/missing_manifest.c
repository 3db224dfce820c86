// An entry, but no manifest: the host must not come to call it.
#include "core/abi/plugin.h"

KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) {
  (void)host;
  (void)error;
  __builtin_trap();
}
