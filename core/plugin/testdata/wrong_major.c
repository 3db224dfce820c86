// A plugin of another ABI major version: loading its code at all would be wrong.
#include "core/abi/plugin.h"

KL_MANIFEST_ATTRIBUTE static const kl_manifest kManifest = {
    {'K', 'L', 'P', 'L', 'U', 'G', 'I', 'N'},
    sizeof(kl_manifest),
    KL_ABI_MAJOR + 1,
    0,
    0,
    0,
    "wrong_major",
    "1.0",
    "any"};

__attribute__((constructor)) static void Loaded(void) { __builtin_trap(); }
