// The smallest thing that kl_plugin links: not a plugin that a host would take.
#include "third_party/bazel/plugin_rule_sample.h"

#include <map>
#include <string>

// Visible on purpose: the rule must hide it all the same.
extern "C" __attribute__((visibility("default"))) int kl_sample_not_the_entry() { return 1; }

extern "C" __attribute__((visibility("default"))) const void* kl_plugin_query_v1(const void* values,
                                                                                 void* sum) {
  // Instantiates a template, whose weak symbols must stay inside too.
  std::map<std::string, int> sums;
  sums["sum"] = SumEight(static_cast<const int*>(values));
  *static_cast<int*>(sum) = sums["sum"];
  return values;
}
