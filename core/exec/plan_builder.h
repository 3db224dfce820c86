// Makes a Plan: behind the ABI for architecture plugins, directly for graphs that a file spells out.
#ifndef KINGLET_CORE_EXEC_PLAN_BUILDER_H_
#define KINGLET_CORE_EXEC_PLAN_BUILDER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/abi/architecture.h"
#include "core/exec/plan.h"
#include "core/model/memory_layout.h"
#include "core/model/model_source.h"

namespace kinglet {

// One thread. The source must outlive the plan.
class PlanBuilder {
 public:
  // `memory` is the shape of the model's memory bank, NULL: it has none.
  PlanBuilder(const ModelSource& source, CacheTypes cache_types, const MemoryLayout* memory = nullptr);
  PlanBuilder(const PlanBuilder&) = delete;
  PlanBuilder& operator=(const PlanBuilder&) = delete;

  kl_plan_builder* abi() { return &abi_; }

  // The plan, or the first error that was recorded; the builder is empty afterwards.
  absl::StatusOr<Plan> Finish();

 private:
  static PlanBuilder& Of(kl_plan_builder* builder) { return *static_cast<PlanBuilder*>(builder->context); }

  kl_value Add(PlanValue value);
  kl_value AddCache(const kl_cache_desc& desc);
  kl_value AddInput(ValueKind kind, const char* name, int64_t dimension);
  kl_value AddWeight(const char* name, int32_t rank, const int64_t* shape, bool optional);
  kl_value AddStackedWeight(const char* const* names, uint32_t count, int32_t rank, const int64_t* shape);
  kl_value AddMemory(const char* name, int64_t layer, absl::string_view activation, kl_value x, kl_value h);
  kl_value AddConstant(const char* name, kl_dtype type, int32_t rank, const int64_t* shape, const void* data);
  void AddNode(const char* op, const char* name, const kl_attribute* attributes, uint32_t attribute_count,
               const kl_value* operands, uint32_t operand_count);
  // The tensor called `name` if it has the wanted shape; else records an error.
  const SourceTensor* Checked(const char* name, int32_t rank, const int64_t* shape, bool optional);
  // That every layer got the bank's neurons, or the error that an architecture which knows no banks deserves.
  absl::Status CheckMemory() const;
  // False, with an error recorded, for more dimensions than a kl_tensor has.
  bool CheckRank(absl::string_view what, int64_t rank);
  void Fail(absl::Status status);

  const ModelSource& source_;
  const CacheTypes cache_types_;
  const MemoryLayout* const memory_;
  Plan plan_;
  absl::Status status_;
  kl_plan_builder abi_ = {};
};

// The plan of a network that carries its own graph.
absl::StatusOr<Plan> BuildGraphPlan(const ModelSource& source);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PLAN_BUILDER_H_
