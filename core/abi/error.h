// Filling a kl_error, for plugins.
#ifndef KINGLET_CORE_ABI_ERROR_H_
#define KINGLET_CORE_ABI_ERROR_H_

#include <stdarg.h>
#include <stdio.h>

#include "core/abi/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// Writes code and message (printf style) into `error`, which may be NULL, and returns the code.
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline kl_code
kl_fail(kl_error* error, kl_code code, const char* format, ...) {
  if (error != NULL && KL_HAS_FIELD(error, kl_error, message)) {
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
  }
  return code;
}

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_ERROR_H_
