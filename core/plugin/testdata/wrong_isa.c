// A plugin whose manifest names a processor that there is none of.
#include "core/abi/plugin.h"

KL_PLUGIN_MANIFEST("wrong_isa", "1.0", "vax")

__attribute__((constructor)) static void Loaded(void) { __builtin_trap(); }
