#include "core/plugin/resolver.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

struct FeatureName {
  uint64_t bit;
  const char* name;
};

constexpr FeatureName kFeatureNames[] = {
    {KL_CPU_SSE41, "sse4.1"},
    {KL_CPU_AVX2, "avx2"},
    {KL_CPU_AVX_VNNI, "avx_vnni"},
    {KL_CPU_AVX512, "avx512"},
    {KL_CPU_AVX512_VNNI, "avx512_vnni"},
    {KL_CPU_AVX512_BF16, "avx512_bf16"},
    {KL_CPU_AMX_INT8, "amx_int8"},
    {KL_CPU_NEON, "neon"},
    {KL_CPU_FP16, "fp16"},
    {KL_CPU_DOTPROD, "dotprod"},
    {KL_CPU_I8MM, "i8mm"},
    {KL_CPU_SVE, "sve"},
};

std::string TypeName(kl_dtype type) {
  if (type == KL_TYPE_NONE) return "none";
  if (type == KL_TYPE_ANY) return "any";
  const char* name = kl_dtype_info_of(type).name;
  return name != nullptr ? name : absl::StrCat("type ", type);
}

std::string DescribeNode(const kl_node& node) {
  const std::string operands = absl::StrJoin(
      node.operands, node.operands + node.operand_count, ", ",
      [](std::string* text, const kl_tensor* tensor) {
        absl::StrAppend(text, TypeName(tensor->type));
        if (tensor->type == KL_TYPE_NONE) return;
        absl::StrAppend(text, "[", absl::StrJoin(tensor->shape, tensor->shape + tensor->rank, ","),
                        "]");
      });
  return absl::StrCat("node ", node.name, ": ", node.op, "(", operands, ")");
}

std::string Label(const KernelCandidate& candidate) {
  return absl::StrCat(candidate.kernel->name, " (plugin ", candidate.plugin, ", priority ",
                      candidate.kernel->priority, ")");
}

// Why the kernel cannot take operands of these types on this processor; empty when it can.
std::string TypeMismatch(const kl_kernel& kernel, const kl_node& node, uint64_t cpu_features) {
  const uint64_t missing = kernel.cpu_features & ~cpu_features;
  if (missing != 0) return absl::StrCat("this processor lacks ", CpuFeatureNames(missing));
  if (kernel.operand_count != node.operand_count) {
    return absl::StrCat("it takes ", kernel.operand_count, " operands, not ", node.operand_count);
  }
  for (uint32_t i = 0; i < node.operand_count; ++i) {
    const kl_dtype wanted = kernel.operand_types[i];
    if (wanted != KL_TYPE_ANY && wanted != node.operands[i]->type) {
      return absl::StrCat("operand ", i, " must be ", TypeName(wanted), ", not ",
                          TypeName(node.operands[i]->type));
    }
  }
  return "";
}

}  // namespace

std::string CpuFeatureNames(uint64_t features) {
  std::vector<std::string> names;
  for (const FeatureName& feature : kFeatureNames) {
    if ((features & feature.bit) != 0) names.push_back(feature.name);
    features &= ~feature.bit;
  }
  if (features != 0) names.push_back(absl::StrCat("features 0x", absl::Hex(features)));
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<const kl_kernel*> ChooseKernel(const kl_node& node,
                                              const std::vector<KernelCandidate>& candidates,
                                              uint64_t cpu_features, absl::string_view pinned) {
  std::vector<std::string> refusals;  // one line a candidate
  std::vector<const KernelCandidate*> fitting;
  for (const KernelCandidate& candidate : candidates) {
    if (!pinned.empty() && pinned != candidate.kernel->name) continue;
    const std::string mismatch = TypeMismatch(*candidate.kernel, node, cpu_features);
    if (mismatch.empty()) {
      fitting.push_back(&candidate);
    } else {
      refusals.push_back(absl::StrCat(Label(candidate), ": ", mismatch));
    }
  }
  std::stable_sort(fitting.begin(), fitting.end(),
                   [](const KernelCandidate* a, const KernelCandidate* b) {
                     return a->kernel->priority > b->kernel->priority;
                   });

  const KernelCandidate* chosen = nullptr;
  for (const KernelCandidate* candidate : fitting) {
    const kl_kernel& kernel = *candidate->kernel;
    if (chosen != nullptr && kernel.priority < chosen->kernel->priority) break;
    if (kernel.supports != nullptr) {
      kl_error error = EmptyError();
      const kl_code code = kernel.supports(&node, &error);
      if (code == KL_UNSUPPORTED) {
        refusals.push_back(absl::StrCat(Label(*candidate), ": ",
                                        StatusFromError(code, error, "it declined").message()));
        continue;
      }
      if (code != KL_OK) {
        return StatusFromError(code, error,
                               absl::StrCat(DescribeNode(node), ", kernel ", Label(*candidate)));
      }
    }
    if (chosen != nullptr) {
      return absl::FailedPreconditionError(absl::StrCat(
          DescribeNode(node), ": kernels ", Label(*chosen), " and ", Label(*candidate),
          " both fit with equal priority; pin one of them by name, or disable one of the plugins"));
    }
    chosen = candidate;
  }
  if (chosen != nullptr) return chosen->kernel;

  const absl::string_view what_to_do =
      pinned.empty() ? "load a plugin with a kernel for it" : "pin another kernel or none";
  return absl::UnimplementedError(absl::StrCat(
      DescribeNode(node), ": no kernel",
      pinned.empty() ? std::string() : absl::StrCat(" named ", pinned, ", which is pinned,"),
      " fits. ", refusals.empty() ? "There is no candidate" : absl::StrJoin(refusals, "; "), "; ",
      what_to_do));
}

}  // namespace kinglet
