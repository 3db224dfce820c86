// A manifest, but not the function that it promises.
#include "core/abi/plugin.h"

KL_PLUGIN_MANIFEST("missing_entry", "1.0", "any")

KL_EXPORT int kl_plugin_query_v2(void);
KL_EXPORT int kl_plugin_query_v2(void) { return 2; }
