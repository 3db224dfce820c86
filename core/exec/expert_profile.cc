#include "core/exec/expert_profile.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/atomic_file.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr char kMagic[] = "kinglet-expert-profile";
constexpr uint64_t kVersion = 1;
constexpr uint64_t kMostBytes = 64 << 20;  // two million experts
constexpr uint32_t kMostLayers = 65536;
constexpr uint32_t kMostExperts = 65535;

// The most used first; experts that are used alike in the order of the model.
void SortUses(std::vector<ExpertProfile::Use>* uses) {
  std::sort(uses->begin(), uses->end(), [](const ExpertProfile::Use& a, const ExpertProfile::Use& b) {
    if (a.token_count != b.token_count) return a.token_count > b.token_count;
    return a.layer != b.layer ? a.layer < b.layer : a.expert < b.expert;
  });
}

// Reads the lines of a profile one after the other, so that what is wrong has a place.
class Lines {
 public:
  Lines(const std::string& path, absl::string_view text) : path_(path), rest_(text) {}

  // False at the end.
  bool Next() {
    ++number_;
    if (rest_.empty()) return false;
    const size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_ = end == absl::string_view::npos ? absl::string_view() : rest_.substr(end + 1);
    return true;
  }
  absl::string_view line() const { return line_; }

  absl::Status Bad(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(path_, ", line ", number_, ": ", what,
                                            "; write the profile again with `kinglet replay --write-profile`"));
  }

  // The next line is "key value".
  absl::StatusOr<absl::string_view> Value(absl::string_view key) {
    absl::string_view value;
    if (Next()) value = line_;
    if (!absl::ConsumePrefix(&value, key) || !absl::ConsumePrefix(&value, " ")) {
      return Bad(absl::StrCat("expected \"", key, " ...\""));
    }
    return value;
  }
  template <typename T>
  absl::Status Number(absl::string_view key, uint64_t most, T* number) {
    KL_ASSIGN_OR_RETURN(const absl::string_view value, Value(key));
    uint64_t parsed = 0;
    if (!absl::SimpleAtoi(value, &parsed) || parsed == 0 || parsed > most) {
      return Bad(absl::StrCat(key, " must be a number of 1 to ", most));
    }
    *number = static_cast<T>(parsed);
    return absl::OkStatus();
  }

 private:
  const std::string& path_;
  absl::string_view rest_, line_;
  int number_ = 0;
};

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat(path, ": cannot read the expert profile: ", error.message()));
  std::string text;
  std::ifstream file(path, std::ios::binary);
  text.resize(std::min<uint64_t>(bytes, sizeof kMagic - 1));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file || text != kMagic || bytes > kMostBytes) {
    return absl::DataLossError(absl::StrCat(path, ": expected an expert profile (a text file that begins with \"", kMagic,
                                            "\", of at most ", kMostBytes, " bytes), found another kind of file"));
  }
  text.resize(bytes);
  file.read(text.data() + sizeof kMagic - 1, static_cast<std::streamsize>(bytes - (sizeof kMagic - 1)));
  if (!file) return absl::UnavailableError(absl::StrCat(path, ": reading the expert profile failed"));
  return text;
}

}  // namespace

absl::Status WriteExpertProfile(const ExpertProfile& profile, const std::string& path) {
  std::vector<ExpertProfile::Use> uses = profile.uses;
  SortUses(&uses);
  std::string text = absl::StrCat(
      kMagic, " ", kVersion, "\nmodel ", absl::StrReplaceAll(profile.model, {{"\n", " "}}), "\nfingerprint ",
      absl::Hex(profile.fingerprint, absl::kZeroPad16), "\nlayers ", profile.layer_count, "\nexperts ",
      profile.expert_count, "\ntokens ", profile.token_count, "\n");
  for (const ExpertProfile::Use& use : uses) {
    if (use.layer >= profile.layer_count || use.expert >= profile.expert_count || use.token_count > profile.token_count) {
      return absl::InvalidArgumentError(absl::StrCat("expert profile: ", use.token_count, " uses of expert ", use.expert,
                                                     " of layer ", use.layer, ", but there are ", profile.layer_count,
                                                     " layers, ", profile.expert_count, " experts and ",
                                                     profile.token_count, " tokens"));
    }
    if (use.token_count > 0) absl::StrAppend(&text, "use ", use.layer, " ", use.expert, " ", use.token_count, "\n");
  }
  return WriteFileAtomically(path, text);
}

absl::StatusOr<ExpertProfile> ReadExpertProfile(const std::string& path) {
  KL_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  Lines lines(path, text);
  ExpertProfile profile;
  uint64_t version = 0;
  KL_RETURN_IF_ERROR(lines.Number(kMagic, UINT64_MAX, &version));
  if (version != kVersion) {
    return absl::UnimplementedError(
        absl::StrCat(path, ": an expert profile of version ", version, ", this build reads ", kVersion));
  }
  KL_ASSIGN_OR_RETURN(const absl::string_view model, lines.Value("model"));
  profile.model = std::string(model);
  KL_ASSIGN_OR_RETURN(const absl::string_view fingerprint, lines.Value("fingerprint"));
  if (!absl::SimpleHexAtoi(fingerprint, &profile.fingerprint)) return lines.Bad("the fingerprint is no hexadecimal number");
  KL_RETURN_IF_ERROR(lines.Number("layers", kMostLayers, &profile.layer_count));
  KL_RETURN_IF_ERROR(lines.Number("experts", kMostExperts, &profile.expert_count));
  KL_RETURN_IF_ERROR(lines.Number("tokens", UINT64_MAX, &profile.token_count));
  while (lines.Next()) {
    const std::vector<absl::string_view> words = absl::StrSplit(lines.line(), ' ');
    ExpertProfile::Use use;
    if (words.size() != 4 || words[0] != "use" || !absl::SimpleAtoi(words[1], &use.layer) ||
        !absl::SimpleAtoi(words[2], &use.expert) || !absl::SimpleAtoi(words[3], &use.token_count)) {
      return lines.Bad("expected \"use LAYER EXPERT TOKENS\"");
    }
    if (use.layer >= profile.layer_count || use.expert >= profile.expert_count || use.token_count > profile.token_count) {
      return lines.Bad(absl::StrCat("a use beyond the ", profile.layer_count, " layers, ", profile.expert_count,
                                    " experts and ", profile.token_count, " tokens of this profile"));
    }
    profile.uses.push_back(use);
  }
  return profile;
}

absl::StatusOr<std::vector<uint64_t>> HottestRecords(const ExpertProfile& profile, const ExpertLayout& layout,
                                                     uint64_t fingerprint, const std::string& path,
                                                     const std::string& model_path) {
  if (profile.fingerprint != fingerprint) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": the expert profile is of another model (", profile.model, ", fingerprint ",
        absl::Hex(profile.fingerprint, absl::kZeroPad16), ") than ", model_path, " (",
        absl::Hex(fingerprint, absl::kZeroPad16),
        "); record this one with --record-routing and write its profile with `kinglet replay --write-profile`"));
  }
  if (profile.layer_count != layout.layers().size() || profile.expert_count != layout.most_experts()) {
    return absl::DataLossError(absl::StrCat(path, ": the expert profile says ", profile.layer_count, " layers of ",
                                            profile.expert_count, " experts, ", model_path, " has ",
                                            layout.layers().size(), " of ", layout.most_experts()));
  }
  std::vector<ExpertProfile::Use> uses = profile.uses;
  SortUses(&uses);
  std::vector<uint64_t> records;
  std::vector<bool> taken(layout.record_count());
  for (const ExpertProfile::Use& use : uses) {
    if (use.token_count == 0 || use.expert >= layout.layers()[use.layer]->expert_count()) continue;
    const uint64_t record = layout.first_record(use.layer) + use.expert;
    if (!taken[record]) records.push_back(record);
    taken[record] = true;
  }
  return records;
}

uint64_t MostPinned(uint64_t slot_count, uint64_t most_experts_of_layer) {
  const uint64_t kept = std::max(slot_count - slot_count / 2, 2 * most_experts_of_layer);
  return slot_count - std::min(slot_count, kept);
}

}  // namespace kinglet
