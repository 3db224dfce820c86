// An architecture plugin's build() on a model that exists as metadata and shapes only.
#ifndef TESTS_SUPPORT_ARCHITECTURE_TEST_H_
#define TESTS_SUPPORT_ARCHITECTURE_TEST_H_

#include <string>
#include <utility>
#include <vector>

#include "core/abi/attribute.h"
#include "core/base/status.h"
#include "core/exec/model_view.h"
#include "core/exec/plan_builder.h"
#include "core/plugin/host.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {

class ArchitectureTest : public testing::Test {
 protected:
  explicit ArchitectureTest(const kl_architecture* architecture) : architecture_(architecture) {
    source_.path = "x.gguf";
    source_.architecture = architecture->name;
  }

  // "<architecture>.<key>", replaced when it is there.
  void Set(const std::string& key, MetadataValue value) {
    const std::string name = source_.architecture + "." + key;
    source_.metadata.Erase(name);
    source_.metadata.Insert(name, std::move(value));
  }
  void Remove(const std::string& key) { source_.metadata.Erase(source_.architecture + "." + key); }
  void AddTensor(const std::string& name, std::vector<int64_t> shape) {
    SourceTensor tensor;
    tensor.name = name;
    tensor.shape = std::move(shape);
    source_.tensor_index[name] = source_.tensors.size();
    source_.tensors.push_back(std::move(tensor));
  }
  void RemoveTensor(const std::string& name) {
    source_.tensors[source_.tensor_index[name]].name = "(gone)";
    source_.tensor_index.erase(name);
  }

  absl::StatusOr<Plan> Build() {
    const ModelView view(source_);
    PlanBuilder builder(source_, CacheTypes());
    kl_model_facts facts = {};
    facts.struct_size = sizeof facts;
    kl_error error = EmptyError();
    const kl_code code = architecture_->build(host_.general(), view.abi(), builder.abi(), &facts, &error);
    if (code != KL_OK) return StatusFromError(code, error, "build");
    auto plan = builder.Finish();
    if (plan.ok()) plan->facts = facts;
    return plan;
  }
  // The message of a model that has to be refused.
  std::string Refusal() {
    const auto plan = Build();
    EXPECT_FALSE(plan.ok());
    return std::string(plan.status().message());
  }

  // The node of this name as a kernel would see its attributes; NULL when there is none.
  static const PlanNode* Find(const Plan& plan, const std::string& name) {
    for (const PlanNode& node : plan.nodes) {
      if (node.name == name) return &node;
    }
    return nullptr;
  }
  static kl_node Attributes(const PlanNode& node) {
    kl_node view = {};
    view.attributes = node.attributes.data();
    view.attribute_count = node.attributes.size();
    return view;
  }
  static std::vector<float> Floats(const Plan& plan, kl_value value) {
    const SourceTensor& tensor = *plan.values[static_cast<size_t>(value)].tensors[0];
    const float* data = reinterpret_cast<const float*>(tensor.data);
    return std::vector<float>(data, data + tensor.bytes / sizeof(float));
  }

  const kl_architecture* const architecture_;
  HostServices host_{HostOptions()};
  ModelSource source_;
};

}  // namespace kinglet

#endif  // TESTS_SUPPORT_ARCHITECTURE_TEST_H_
