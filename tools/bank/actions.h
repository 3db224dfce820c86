// The actions of `kinglet bank`. Each gets the arguments after its name; argv[0] is "bank ACTION".
#ifndef KINGLET_TOOLS_BANK_ACTIONS_H_
#define KINGLET_TOOLS_BANK_ACTIONS_H_

#include <memory>
#include <string>
#include <vector>

#include "core/capi/kinglet.h"
#include "tools/common/report.h"

namespace kinglet::tools {

int CreateBank(int argc, char** argv);
int InspectBank(int argc, char** argv);
int VerifyBank(int argc, char** argv);
int DenyBlocks(int argc, char** argv);
int MergeBanks(int argc, char** argv);

struct MemoryBankDeleter {
  void operator()(kl_memory_bank* bank) const { kl_memory_bank_free(bank); }
};
struct MemoryBankWriterDeleter {
  void operator()(kl_memory_bank_writer* writer) const { kl_memory_bank_writer_free(writer); }
};
using MemoryBankHandle = std::unique_ptr<kl_memory_bank, MemoryBankDeleter>;
using MemoryBankWriterHandle = std::unique_ptr<kl_memory_bank_writer, MemoryBankWriterDeleter>;

Failure OpenBank(const std::string& path, MemoryBankHandle* bank);
kl_memory_bank_shape ShapeOf(const kl_memory_bank* bank);
kl_memory_bank_info InfoOf(const kl_memory_bank* bank);

// "2:17" -> {2, 17}.
Failure ParseNodes(const std::vector<std::string>& texts, std::vector<kl_memory_node>* nodes);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_BANK_ACTIONS_H_
