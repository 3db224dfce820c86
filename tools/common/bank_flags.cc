#include "tools/common/bank_flags.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/common/engine.h"
#include "tools/common/format.h"
#include "tools/common/option_values.h"

namespace kinglet::tools {
namespace {

const char* StateName(int32_t state) {
  switch (state) {
    case KL_MEMORY_NO_BLOCKS:
      return "the level has no blocks";
    case KL_MEMORY_ABSENT:
      return "not in this bank";
    case KL_MEMORY_DENIED:
      return "denied";
    default:
      return "";
  }
}

const char* OriginName(int32_t origin) {
  switch (origin) {
    case KL_MEMORY_KEPT:
      return "kept";
    case KL_MEMORY_WAS_THERE:
      return "in memory";
    case KL_MEMORY_READ:
      return "read";
    default:
      return "not there yet";
  }
}

}  // namespace

void BankFlags::Declare(OptionTable* options) {
  options->Text({"--bank"}, "FILE", &bank,
                "a memory bank (.klbank) of this model: blocks of it are fetched for a question");
  options->Text({"--bank-encoder"}, "FILE", &encoder,
                "the text encoder that finds the way through the bank; without it the one that the "
                "bank names, beside it");
  options->Texts({"--bank-tier"}, "DIR:SIZE", &tiers,
                 "keep copies of blocks in this folder, at most so many bytes, as in /fast:2GiB; "
                 "ram:SIZE: in memory; fastest "
                 "first, may be repeated");
  options->Texts({"--bank-deny"}, "LEVEL:ID", &denied,
                 "never read this node's block, nor those below it; may be repeated");
  options->Bytes({"--bank-memory"}, "SIZE", &bytes,
                 "of --memory, for the bank; 0: all of a small bank, some paths of a large one");
  options->Integers({"--bank-path"}, "IDS", &path, {0, INT64_MAX},
                    "take these blocks, one of each level, wherever the text leads");
  options->Flag({"--bank-generic"}, &generic, "take the generic blocks, wherever the text leads");
}

Failure BankOptions::Set(const BankFlags& flags, kl_model_options* options) {
  if (flags.bank.empty()) {
    if (flags.encoder.empty() && flags.tiers.empty() && flags.denied.empty() &&
        flags.path.empty() && !flags.generic) {
      return Success();
    }
    return {kExitUsage, "--bank FILE is missing: the other --bank flags say how it is used"};
  }
  options->memory_bank = flags.bank.c_str();
  if (!flags.encoder.empty()) options->memory_encoder = flags.encoder.c_str();
  if (flags.encoder.empty() && !flags.Routes()) options->memory_encoder = "";  // nobody asks it
  options->memory_bank_bytes = flags.bytes;
  folders_.reserve(flags.tiers.size());
  tiers_.reserve(flags.tiers.size());
  for (const std::string& text : flags.tiers) {
    const size_t colon = text.rfind(':');
    uint64_t bytes = 0;
    const std::string problem = colon == std::string::npos || colon == 0
                                    ? "expected DIR:SIZE or ram:SIZE"
                                    : ParseByteCount(text.substr(colon + 1), &bytes);
    if (!problem.empty()) return {kExitUsage, absl::StrCat("--bank-tier ", text, ": ", problem)};
    folders_.push_back(text.substr(0, colon));
    tiers_.push_back({sizeof(kl_memory_tier),
                      folders_.back() == "ram" ? nullptr : folders_.back().c_str(), bytes});
    tier_pointers_.push_back(&tiers_.back());
  }
  for (const std::string& text : flags.denied) {
    const size_t colon = text.find(':');
    kl_memory_node node = {};
    if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(0, colon), &node.level) ||
        !absl::SimpleAtoi(text.substr(colon + 1), &node.id)) {
      return {kExitUsage, absl::StrCat("--bank-deny ", text,
                                       ": expected LEVEL:ID, two whole numbers, as in 2:17")};
    }
    denied_.push_back(node);
  }
  options->memory_tiers = tier_pointers_.data();
  options->memory_tier_count = static_cast<uint32_t>(tier_pointers_.size());
  options->memory_deny = denied_.data();
  options->memory_deny_count = static_cast<uint32_t>(denied_.size());
  return Success();
}

Failure SetMemory(const BankFlags& flags, const kl_model* model, const std::string& text,
                  kl_session* session) {
  if (!kl_model_has_memory(model)) return Success();
  kl_memory_path path = {};
  path.struct_size = sizeof path;
  kl_error error = NoError();
  kl_code code = KL_OK;
  const bool routed = !flags.generic && flags.path.empty() && !text.empty();
  if (routed) code = kl_memory_route(model, text.data(), text.size(), &path, &error);
  if (!flags.path.empty()) {
    if (flags.path.size() > KL_MEMORY_MAX_DEPTH) {
      return {kExitUsage, absl::StrCat("--bank-path: ", flags.path.size(),
                                       " levels; a bank has at most ", KL_MEMORY_MAX_DEPTH)};
    }
    for (const int64_t id : flags.path) path.ids[path.depth++] = static_cast<uint64_t>(id);
  }
  if (code == KL_OK) {
    code = kl_session_set_memory(session, routed || !flags.path.empty() ? &path : nullptr, &error);
  }
  return code == KL_OK ? Success() : FailureOf(code, error);
}

kl_memory_fetch DescribeMemory(const kl_session* session) {
  kl_memory_fetch fetch = {};
  fetch.struct_size = sizeof fetch;
  kl_session_memory(session, &fetch);
  return fetch;
}

std::string MemoryReport(const kl_memory_fetch& fetch) {
  if (!fetch.has_bank) return "the model has no memory bank; --bank FILE joins one to it";
  std::string text = absl::StrCat("bank    ", fetch.description, "\npath    ");
  if (fetch.has_path) {
    absl::StrAppend(&text, absl::StrJoin(fetch.path.ids, fetch.path.ids + fetch.path.depth, " > "),
                    "\n");
  } else {
    absl::StrAppend(&text, "none, generic blocks\n");
  }
  for (uint32_t i = 0; i < fetch.depth; ++i) {
    absl::StrAppendFormat(&text, "level %d ", i + 1);
    if (fetch.has_path) {
      absl::StrAppendFormat(&text, "node %d at %.4f (the next best at %.4f): ", fetch.path.ids[i],
                            fetch.path.distances[i], fetch.path.runner_up_distances[i]);
    }
    const std::string why = fetch.has_path && fetch.blocks[i] != KL_MEMORY_BLOCK
                                ? absl::StrCat(StateName(fetch.states[i]), ", ")
                                : "";
    if (fetch.blocks[i] == KL_MEMORY_NOTHING) {
      absl::StrAppend(&text, why, "nothing\n");
      continue;
    }
    absl::StrAppend(&text, why, fetch.blocks[i] == KL_MEMORY_GENERIC ? "generic block" : "block",
                    " of ", FormatBytes(fetch.block_bytes[i]), ", ", OriginName(fetch.origins[i]),
                    "\n");
  }
  const auto ms = [](int64_t ns) {
    return absl::StrFormat("%.2f ms", static_cast<double>(ns) / 1e6);
  };
  absl::StrAppend(&text, "fetched ", FormatBytes(fetch.bytes), ", ");
  if (fetch.read_bytes > 0) {
    absl::StrAppend(&text, FormatBytes(fetch.read_bytes), " of it read, in ", ms(fetch.read_ns),
                    " a block");
  } else {
    absl::StrAppend(&text, "nothing of it read");
  }
  if (!fetch.complete) return absl::StrCat(text, "; not all of it is there yet");
  return absl::StrCat(text, "; seen after ", ms(fetch.ns), ", of which computing waited ",
                      ms(fetch.stall_ns));
}

}  // namespace kinglet::tools
