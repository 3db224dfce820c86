// kinglet bank verify, deny, merge.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/bank/actions.h"
#include "tools/common/files.h"
#include "tools/common/format.h"
#include "tools/common/interrupt.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"

namespace kinglet::tools {
namespace {

std::string NameOf(const kl_memory_bank_check& check) {
  return check.generic ? absl::StrCat("generic block of level ", check.level)
                       : absl::StrCat("block ", check.level, ":", check.id);
}

struct Verification {
  Progress progress;
  uint64_t checked_count = 0;
  uint64_t checked_bytes = 0;
};

bool ShowCheck(void* user, const kl_memory_bank_check* check) {
  auto* verification = static_cast<Verification*>(user);
  ++verification->checked_count;
  verification->checked_bytes = check->done_bytes;
  if (!check->ok) {
    verification->progress.Clear();
    std::printf("damaged: %s at byte %llu\n", NameOf(*check).c_str(),
                static_cast<unsigned long long>(check->offset));
  }
  verification->progress.Show("checking", check->done_bytes, check->total_bytes);
  return Interrupt::CurrentCount() == 0;
}

bool ShowMerging(void* user, const char*, uint64_t done, uint64_t total) {
  static_cast<Progress*>(user)->Show("merging blocks", done, total);
  return Interrupt::CurrentCount() == 0;
}

}  // namespace

Failure ParseNodes(const std::vector<std::string>& texts, std::vector<kl_memory_node>* nodes) {
  for (const std::string& text : texts) {
    const size_t colon = text.find(':');
    kl_memory_node node = {};
    if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(0, colon), &node.level) ||
        !absl::SimpleAtoi(text.substr(colon + 1), &node.id)) {
      return {kExitUsage, absl::StrCat("expected LEVEL:ID, such as 2:17, found '", text, "'")};
    }
    nodes->push_back(node);
  }
  return Success();
}

int VerifyBank(int argc, char** argv) {
  constexpr char kName[] = "bank verify";
  std::vector<std::string> paths;
  OptionTable options(
      kName,
      "Reads every block of a bank and compares it with its checksum. Denied blocks "
      "are not read.");
  options.Example("kinglet bank verify facts.klbank");
  options.Positional("BANK", &paths, 1, 1, "the bank");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  MemoryBankHandle bank;
  const Failure opened = OpenBank(paths[0], &bank);
  if (!opened.ok()) return Report(kName, opened);
  Interrupt interrupt;
  Verification verification;
  uint64_t bad_count = 0;
  kl_error error = NoError();
  const kl_code code =
      kl_memory_bank_verify(bank.get(), ShowCheck, &verification, &bad_count, &error);
  verification.progress.Clear();
  if (code != KL_OK) return FinishOutput(kName, Report(kName, FailureOf(code, error)));
  std::printf("%s: header, centroids, table and %llu blocks (%s) are sound\n", paths[0].c_str(),
              static_cast<unsigned long long>(verification.checked_count),
              FormatBytes(verification.checked_bytes).c_str());
  return FinishOutput(kName);
}

int DenyBlocks(int argc, char** argv) {
  constexpr char kName[] = "bank deny";
  std::vector<std::string> paths, denied, allowed;
  OptionTable options(
      kName,
      "Keeps blocks from ever being read: for a denied block, and every block below "
      "it in the tree, the generic block stands in, or nothing.");
  options.Example("kinglet bank deny facts.klbank --block 1:3 --block 2:200");
  options.Example("kinglet bank deny facts.klbank --allow 1:3");
  options.Positional("BANK", &paths, 1, 1, "the bank; it is edited in place");
  options.Texts({"--block"}, "LEVEL:ID", &denied, "deny this one");
  options.Texts({"--allow"}, "LEVEL:ID", &allowed,
                "take this one off the list again; it stays denied while one above it is");
  options.Note(
      "The block itself stays in the file. `kinglet bank merge BANK -o NEW` makes a copy "
      "without what is denied.");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  std::vector<kl_memory_node> to_deny, to_allow;
  Failure failure = ParseNodes(denied, &to_deny);
  if (failure.ok()) failure = ParseNodes(allowed, &to_allow);
  if (failure.ok() && to_deny.empty() && to_allow.empty()) {
    failure = {kExitUsage, "which blocks? --block LEVEL:ID or --allow LEVEL:ID"};
  }
  if (!failure.ok()) return Report(kName, failure);
  for (const bool deny : {true, false}) {
    const std::vector<kl_memory_node>& nodes = deny ? to_deny : to_allow;
    if (nodes.empty()) continue;
    kl_error error = NoError();
    const kl_code code =
        kl_memory_bank_set_denied(paths[0].c_str(), nodes.data(), nodes.size(), deny, &error);
    if (code != KL_OK) return Report(kName, FailureOf(code, error));
  }
  MemoryBankHandle bank;
  failure = OpenBank(paths[0], &bank);
  if (!failure.ok()) return Report(kName, failure);
  const kl_memory_bank_shape shape = ShapeOf(bank.get());
  const kl_memory_bank_info info = InfoOf(bank.get());
  std::printf("%s: denied now:", paths[0].c_str());
  for (uint32_t level = 0; level < shape.depth; ++level) {
    std::printf("%s level %u %llu of %llu", level == 0 ? "" : ",", level + 1,
                static_cast<unsigned long long>(info.denied_count[level]),
                static_cast<unsigned long long>(info.node_count[level]));
  }
  std::printf("\n");
  for (const kl_memory_node& node : to_allow) {
    if (kl_memory_bank_state(bank.get(), node.level, node.id, nullptr) != KL_MEMORY_DENIED)
      continue;
    std::fprintf(stderr, "kinglet %s: %u:%llu stays denied: a block above it is on the list\n",
                 kName, node.level, static_cast<unsigned long long>(node.id));
  }
  return FinishOutput(kName);
}

int MergeBanks(int argc, char** argv) {
  constexpr char kName[] = "bank merge";
  std::vector<std::string> paths;
  std::string output, prefer = "none";
  OptionTable options(kName,
                      "Makes one bank of the blocks of several parts, checking each. What one part "
                      "denies is denied in the result, and is not in it.");
  options.Example("kinglet bank merge part-1.klbank part-2.klbank -o facts.klbank");
  options.Positional("BANK", &paths, 1, 1000,
                     "parts of one bank: same shape, models and centroids");
  options.Text({"-o", "--output"}, "FILE", &output, "the bank to write");
  options.Choice({"--prefer"}, {"none", "first", "last"}, &prefer,
                 "where two parts have different blocks for a node: none refuses");
  int status = 0;
  if (!options.Parse(argc, argv, &status)) return status;
  if (output.empty()) return Report(kName, kExitUsage, "where to? -o FILE");
  std::vector<const char*> list;
  for (const std::string& path : paths) list.push_back(path.c_str());
  const int32_t choice = prefer == "first"  ? KL_MEMORY_FIRST
                         : prefer == "last" ? KL_MEMORY_LAST
                                            : KL_MEMORY_REFUSE;
  Interrupt interrupt;
  Progress progress;
  kl_error error = NoError();
  const kl_code code = kl_memory_bank_merge(list.data(), list.size(), output.c_str(), choice,
                                            ShowMerging, &progress, &error);
  progress.Clear();
  if (code != KL_OK) return Report(kName, FailureOf(code, error));
  MemoryBankHandle bank;
  const Failure opened = OpenBank(output, &bank);
  if (!opened.ok()) return Report(kName, opened);
  const kl_memory_bank_shape shape = ShapeOf(bank.get());
  const kl_memory_bank_info info = InfoOf(bank.get());
  std::printf("%s: %s, blocks:", output.c_str(), FormatBytes(info.file_bytes).c_str());
  for (uint32_t level = 0; level < shape.depth; ++level) {
    std::printf("%s level %u %llu of %llu", level == 0 ? "" : ",", level + 1,
                static_cast<unsigned long long>(info.present_count[level]),
                static_cast<unsigned long long>(info.block_count[level]));
  }
  std::printf("\n");
  return FinishOutput(kName);
}

}  // namespace kinglet::tools
