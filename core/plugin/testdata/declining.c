// A new plugin in an old host: it needs something that this host does not offer, and says so.
#include "core/abi/plugin.h"

KL_PLUGIN_MANIFEST("declining", "1.0", "any")

KL_EXPORT const kl_plugin_v1* kl_plugin_query_v1(const kl_host* host, kl_error* error) {
  const uint32_t needed = KL_ABI_MINOR + 1;
  kl_fail(error, KL_VERSION_MISMATCH, "needs a host of ABI minor version %u, this one has %u",
          needed, host->abi_minor);
  return NULL;
}
