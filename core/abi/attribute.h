// Reading a node's attributes, for kernels.
#ifndef KINGLET_CORE_ABI_ATTRIBUTE_H_
#define KINGLET_CORE_ABI_ATTRIBUTE_H_

#include <string.h>

#include "core/abi/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

// The attribute called `name`, or NULL.
static inline const kl_attribute* kl_find_attribute(const kl_node* node, const char* name) {
  for (uint32_t i = 0; i < node->attribute_count; ++i) {
    if (strcmp(node->attributes[i].name, name) == 0) return &node->attributes[i];
  }
  return NULL;
}

static inline int64_t kl_attribute_int(const kl_node* node, const char* name, int64_t otherwise) {
  const kl_attribute* a = kl_find_attribute(node, name);
  return a != NULL && a->kind == KL_ATTRIBUTE_INT ? a->i : otherwise;
}

static inline double kl_attribute_float(const kl_node* node, const char* name, double otherwise) {
  const kl_attribute* a = kl_find_attribute(node, name);
  return a != NULL && a->kind == KL_ATTRIBUTE_FLOAT ? a->f : otherwise;
}

static inline const char* kl_attribute_string(const kl_node* node, const char* name, const char* otherwise) {
  const kl_attribute* a = kl_find_attribute(node, name);
  return a != NULL && a->kind == KL_ATTRIBUTE_STRING ? a->s : otherwise;
}

// Copies the `count` whole numbers of a list, each from `low` to `high`; returns 1. Returns 0, and `values` may be
// anything, where the attribute is missing, of another kind or length, or out of range.
static inline int kl_attribute_ints(const kl_node* node, const char* name, uint32_t count, int64_t low, int64_t high,
                                    int64_t* values) {
  const kl_attribute* a = kl_find_attribute(node, name);
  if (a == NULL || a->kind != KL_ATTRIBUTE_INTS || a->count != count) return 0;
  for (uint32_t i = 0; i < count; ++i) {
    values[i] = a->ints[i];
    if (values[i] < low || values[i] > high) return 0;
  }
  return 1;
}

#ifdef __cplusplus
}
#endif

#endif  // KINGLET_CORE_ABI_ATTRIBUTE_H_
