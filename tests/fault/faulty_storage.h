// A runtime whose bank "expert_bank" is the plugin's own code over storage that fails on request.
//
//   plugins of the build, without expert_bank   +   an adopted table: BankFace(open with
//   FaultReader)
//
// One FaultyStorage at a time. disk() is the reader of the bank that was opened last: the experts'.
// weight_disk() is that of the bank before: of the weights, where they are streamed as well.
#ifndef TESTS_FAULT_FAULTY_STORAGE_H_
#define TESTS_FAULT_FAULTY_STORAGE_H_

#include <memory>
#include <utility>
#include <vector>

#include "core/abi/plugin.h"
#include "core/base/cpu_info.h"
#include "core/exec/runtime.h"
#include "core/memory/greedy_planner.h"
#include "core/plugin/registry.h"
#include "gtest/gtest.h"
#include "plugins/common/record_bank/bank_face.h"
#include "plugins/common/record_bank/fault_reader.h"
#include "schedulers/registry.h"
#include "tests/support/kinglet_test.h"

namespace kinglet {

class FaultyStorage {
 public:
  FaultyStorage() {
    Disks().clear();
    RegistryOptions options;
    options.cpu = ProbeCpu();
    options.plugin_folder = TestPluginFolder();
    options.disabled_plugins = {"expert_bank"};
    options.adopted_plugins = {&plugin_};
    auto registry = Registry::Create(options);
    auto scheduler = CreateScheduler("pool", 2);
    if (!registry.ok() || !scheduler.ok()) {
      ADD_FAILURE() << registry.status() << scheduler.status();
      return;
    }
    runtime_ =
        std::make_unique<Runtime>(*std::move(registry), *std::move(scheduler), &GreedyPlanner());
  }
  FaultyStorage(const FaultyStorage&) = delete;
  FaultyStorage& operator=(const FaultyStorage&) = delete;

  Runtime* runtime() { return runtime_.get(); }
  // NULL when no such bank was opened; they live as long as their bank.
  record_bank::FaultReader* disk() { return Disks().empty() ? nullptr : Disks().back(); }
  record_bank::FaultReader* weight_disk() {
    return Disks().size() < 2 ? nullptr : Disks()[Disks().size() - 2];
  }

 private:
  static std::vector<record_bank::FaultReader*>& Disks() {
    static std::vector<record_bank::FaultReader*> disks;
    return disks;
  }
  static kl_code Open(const kl_host* host, const kl_bank_options* options, kl_bank_handle** bank,
                      kl_error* error) {
    record_bank::Surroundings surroundings;
    surroundings.wrap = [](std::unique_ptr<record_bank::Reader> inner) {
      auto reader = std::make_unique<record_bank::FaultReader>(std::move(inner));
      Disks().push_back(reader.get());
      return reader;
    };
    return record_bank::OpenHandle(host, *options, record_bank::BankKind(), surroundings, bank,
                                   error);
  }

  static kl_code QueryBudget(const kl_bank_options* options, uint64_t* least_bytes,
                             uint64_t* bytes_per_slot, kl_error* error) {
    return record_bank::RecordBank::QueryBudget(*options, record_bank::BankKind(), least_bytes,
                                                bytes_per_slot, error);
  }

  const kl_bank bank_ = record_bank::BankFace("expert_bank", Open, QueryBudget);
  const kl_bank* const banks_[1] = {&bank_};
  const kl_plugin_v1 plugin_ = [this] {
    kl_plugin_v1 plugin = {};
    plugin.struct_size = sizeof plugin;
    plugin.abi_major = KL_ABI_MAJOR;
    plugin.abi_minor = KL_ABI_MINOR;
    plugin.name = "faulty_storage";
    plugin.version = "1";
    plugin.banks = banks_;
    plugin.bank_count = 1;
    return plugin;
  }();
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace kinglet

#endif  // TESTS_FAULT_FAULTY_STORAGE_H_
