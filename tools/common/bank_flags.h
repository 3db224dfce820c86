// The flags about a model's memory bank, and what they make of a model and a session.
#ifndef KINGLET_TOOLS_COMMON_BANK_FLAGS_H_
#define KINGLET_TOOLS_COMMON_BANK_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/options.h"
#include "tools/common/report.h"

namespace kinglet::tools {

struct BankFlags {
  std::string bank;
  std::string encoder;
  std::vector<std::string> tiers;
  std::vector<std::string> denied;
  uint64_t bytes = 0;
  std::vector<int64_t> path;
  bool generic = false;

  // --bank, --bank-encoder, --bank-tier, --bank-deny, --bank-memory, --bank-path, --bank-generic.
  void Declare(OptionTable* options);
  // Whether texts are routed: there is a bank, and no flag says which blocks to take.
  bool Routes() const { return !bank.empty() && path.empty() && !generic; }
};

// The flags as the library wants them. Must outlive the kl_model_load that gets the options.
class BankOptions {
 public:
  // Failure: a flag that cannot be read.
  Failure Set(const BankFlags& flags, kl_model_options* options);

 private:
  std::vector<std::string> folders_;
  std::vector<kl_memory_tier> tiers_;
  std::vector<const kl_memory_tier*> tier_pointers_;
  std::vector<kl_memory_node> denied_;
};

// Sets the session's path: what --bank-path or --bank-generic say, else where `text` leads; without
// text none. Does nothing without a bank.
Failure SetMemory(const BankFlags& flags, const kl_model* model, const std::string& text,
                  kl_session* session);

kl_memory_fetch DescribeMemory(const kl_session* session);
// Path, distances, blocks, bytes and time of the last fetch, in lines.
std::string MemoryReport(const kl_memory_fetch& fetch);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_BANK_FLAGS_H_
