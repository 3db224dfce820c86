#ifndef THIRD_PARTY_BAZEL_PLUGIN_RULE_SAMPLE_H_
#define THIRD_PARTY_BAZEL_PLUGIN_RULE_SAMPLE_H_

// The sum of values[0..8), computed with AVX2.
int SumEight(const int* values);

#endif  // THIRD_PARTY_BAZEL_PLUGIN_RULE_SAMPLE_H_
