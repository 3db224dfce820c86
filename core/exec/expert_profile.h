// Which experts of a model are used most, kept in a file: those at its top stay in memory from the start.
//
//   kinglet-expert-profile 1
//   model smallthinker-4b            for people
//   fingerprint 1f2e3d4c5b6a7988     Model::Fingerprint(): of no other model
//   layers 32                        that have experts
//   experts 32                       most of a layer
//   tokens 1024                      looked at
//   use 3 17 912                     layer, expert, tokens that chose it; the most used first, unused ones left out
//   ...
//
// Pure, but for the files. Thread safe.
#ifndef KINGLET_CORE_EXEC_EXPERT_PROFILE_H_
#define KINGLET_CORE_EXEC_EXPERT_PROFILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/exec/expert_layout.h"

namespace kinglet {

struct ExpertProfile {
  struct Use {
    uint32_t layer = 0;
    uint32_t expert = 0;
    uint64_t token_count = 0;  // that chose it
  };

  std::string model;
  uint64_t fingerprint = 0;
  uint32_t layer_count = 0;
  uint32_t expert_count = 0;  // most of a layer
  uint64_t token_count = 0;
  std::vector<Use> uses;
};

// The file appears whole or not at all. Errors: a use outside the counts above; the file cannot be written.
absl::Status WriteExpertProfile(const ExpertProfile& profile, const std::string& path);

// Errors: no such file; not a profile, or a damaged one (the line is named).
absl::StatusOr<ExpertProfile> ReadExpertProfile(const std::string& path);

// The records of a bank that were used at all, the most used first. Errors: the profile is another model's
// (`fingerprint` is this one's); both messages name `path` and `model_path`.
absl::StatusOr<std::vector<uint64_t>> HottestRecords(const ExpertProfile& profile, const ExpertLayout& layout,
                                                     uint64_t fingerprint, const std::string& path,
                                                     const std::string& model_path);

// How many of the hottest records are pinned in a cache of `slot_count`: half of it, and never so many that the others
// are fewer than two layers' experts, which is what a batch computes with and reads ahead.
uint64_t MostPinned(uint64_t slot_count, uint64_t most_experts_of_layer);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_PROFILE_H_
