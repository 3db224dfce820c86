// kinglet.h compiles as C11 with every warning on: this file is the test.
#include "core/capi/kinglet.h"

kl_code kinglet_header_as_c11(kl_error* error) {
  kl_runtime_options options = {.struct_size = sizeof options};
  kl_runtime_default_options(&options);
  kl_runtime* runtime = NULL;
  const kl_code code = kl_runtime_create(&options, &runtime, error);
  kl_runtime_free(runtime);
  return code;
}
