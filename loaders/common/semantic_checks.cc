#include "loaders/common/semantic_checks.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

// Far above any model; products of two stay far below 2^63.
constexpr int64_t kMaximumExtent = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaximumBlocks = 100000;

class Checker {
 public:
  explicit Checker(const ModelSource& source)
      : source_(source), prefix_(source.architecture + ".") {}

  absl::Status Run() {
    KL_RETURN_IF_ERROR(CheckBlocks());
    KL_RETURN_IF_ERROR(CheckExtents());
    KL_RETURN_IF_ERROR(CheckFloats());
    KL_RETURN_IF_ERROR(CheckHeads());
    KL_RETURN_IF_ERROR(CheckExperts());
    KL_RETURN_IF_ERROR(CheckLayouts());
    return CheckEmbedding();
  }

 private:
  std::string Where(const char* key) const { return absl::StrCat("key ", prefix_, key); }
  const MetadataValue* Find(const char* key) const { return source_.metadata.Find(prefix_ + key); }
  std::optional<int64_t> Int(const char* key) const { return source_.metadata.Int(prefix_ + key); }

  absl::Status Fail(absl::string_view where, absl::string_view expected,
                    absl::string_view found) const {
    return Corrupt(source_.path, where, expected, found);
  }

  // The value of an integer key within [low, high]; `otherwise` when it is absent.
  absl::StatusOr<int64_t> IntWithin(const char* key, int64_t low, int64_t high,
                                    int64_t otherwise) const {
    if (Find(key) == nullptr) return otherwise;
    const std::optional<int64_t> value = Int(key);
    const std::string expected = absl::StrCat("an integer from ", low, " to ", high);
    if (!value.has_value()) return Fail(Where(key), expected, "a value of another type");
    if (*value < low || *value > high) return Fail(Where(key), expected, absl::StrCat(*value));
    return *value;
  }

  // One number for all layers, or an array with one a layer.
  absl::StatusOr<std::vector<int64_t>> PerLayer(const char* key, int64_t low, int64_t high) const {
    std::vector<int64_t> values;
    const MetadataValue* value = Find(key);
    if (value == nullptr) return values;
    const auto* array = std::get_if<std::vector<int64_t>>(value);
    if (array == nullptr) {
      KL_ASSIGN_OR_RETURN(const int64_t one, IntWithin(key, low, high, 0));
      values.assign(static_cast<size_t>(block_count_), one);
      return values;
    }
    if (array->size() != static_cast<size_t>(block_count_)) {
      return Fail(Where(key), absl::StrCat(block_count_, " numbers, one for each layer"),
                  absl::StrCat(array->size()));
    }
    for (int64_t number : *array) {
      if (number < low || number > high) {
        return Fail(Where(key), absl::StrCat("integers from ", low, " to ", high),
                    absl::StrCat(number));
      }
    }
    return *array;
  }

  absl::Status CheckBlocks() {
    std::set<int64_t> seen;
    for (const SourceTensor& tensor : source_.tensors) {
      int64_t block = 0;
      absl::string_view rest = tensor.name;
      if (rest.substr(0, 4) != "blk.") continue;
      rest.remove_prefix(4);
      if (absl::SimpleAtoi(rest.substr(0, rest.find('.')), &block)) seen.insert(block);
    }
    KL_ASSIGN_OR_RETURN(block_count_, IntWithin("block_count", 1, kMaximumBlocks, 0));
    if (seen.empty()) return absl::OkStatus();
    if (block_count_ == 0) {
      return Fail(Where("block_count"),
                  absl::StrCat("the number of blocks, since there are tensors of ", seen.size()),
                  "none");
    }
    for (int64_t block = 0; block < block_count_; block++) {
      if (seen.count(block) == 0) {
        return Fail(absl::StrCat("tensors of block ", block),
                    absl::StrCat("some, since ", prefix_, "block_count is ", block_count_), "none");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckExtents() const {
    for (const char* key :
         {"context_length", "embedding_length", "attention.key_length", "attention.value_length",
          "rope.dimension_count", "vocab_size", "expert_feed_forward_length"}) {
      KL_RETURN_IF_ERROR(IntWithin(key, 1, kMaximumExtent, 1).status());
    }
    for (const char* key : {"expert_count", "expert_used_count", "attention.sliding_window"}) {
      KL_RETURN_IF_ERROR(IntWithin(key, 0, kMaximumExtent, 0).status());
    }
    // 0 in models whose every block has experts instead.
    return PerLayer("feed_forward_length", 0, kMaximumExtent).status();
  }

  absl::Status CheckFloats() const {
    for (const char* key :
         {"attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "rope.freq_base",
          "rope.scaling.factor", "rope.scaling.low_freq_factor", "rope.scaling.high_freq_factor"}) {
      if (Find(key) == nullptr) continue;
      const std::optional<double> value = source_.metadata.Float(prefix_ + key);
      if (!value.has_value()) return Fail(Where(key), "a number", "a value of another type");
      if (!std::isfinite(*value) || *value < 0) {
        return Fail(Where(key), "a finite number, not negative", absl::StrCat(*value));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckHeads() const {
    KL_ASSIGN_OR_RETURN(const std::vector<int64_t> heads,
                        PerLayer("attention.head_count", 1, kMaximumExtent));
    // 0: a layer without attention of its own, in hybrid models.
    const bool one_for_all = Int("attention.head_count_kv").has_value();
    KL_ASSIGN_OR_RETURN(const std::vector<int64_t> kv_heads,
                        PerLayer("attention.head_count_kv", one_for_all ? 1 : 0, kMaximumExtent));
    for (size_t layer = 0; layer < heads.size() && layer < kv_heads.size(); layer++) {
      if (kv_heads[layer] != 0 && heads[layer] % kv_heads[layer] != 0) {
        return Fail(Where("attention.head_count_kv"),
                    absl::StrCat("a divisor of the ", heads[layer], " heads of layer ", layer),
                    absl::StrCat(kv_heads[layer]));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckExperts() const {
    const int64_t count = Int("expert_count").value_or(0);
    const int64_t used = Int("expert_used_count").value_or(0);
    if (count > 0 && Find("expert_used_count") != nullptr && (used < 1 || used > count)) {
      return Fail(Where("expert_used_count"),
                  absl::StrCat("1 to the ", count, " experts that there are"), absl::StrCat(used));
    }
    for (int64_t block = 0; block < block_count_; block++) {
      const std::string prefix = absl::StrCat("blk.", block, ".");
      const SourceTensor* router = source_.Find(prefix + "ffn_gate_inp.weight");
      if (router == nullptr) continue;
      if (count == 0 || router->shape[0] != count) {
        return Fail(absl::StrCat("tensor ", router->name),
                    absl::StrCat(count, " rows, the model's expert_count"),
                    absl::StrCat(router->shape[0]));
      }
      for (const char* part : {"ffn_gate", "ffn_up", "ffn_down"}) {
        KL_RETURN_IF_ERROR(CheckExpertsOfPart(prefix + part, count));
      }
    }
    return absl::OkStatus();
  }

  // All experts in one tensor, or a tensor an expert. A part that has neither is for the
  // architecture to miss.
  absl::Status CheckExpertsOfPart(const std::string& name, int64_t count) const {
    const SourceTensor* together = source_.Find(name + "_exps.weight");
    if (together != nullptr) {
      if (together->shape.size() == 3 && together->shape[0] == count) return absl::OkStatus();
      return Fail(
          absl::StrCat("tensor ", together->name),
          absl::StrCat("three dimensions, ", count, " experts"),
          absl::StrCat(together->shape.size(), " dimensions, ", together->shape[0], " experts"));
    }
    int64_t found = 0;
    std::string missing;
    for (int64_t expert = 0; expert < count; expert++) {
      const std::string one = absl::StrCat(name, ".", expert, ".weight");
      if (source_.Find(one) != nullptr) {
        found++;
      } else if (missing.empty()) {
        missing = one;
      }
    }
    if (found == count || found == 0) return absl::OkStatus();
    return Fail(absl::StrCat("tensor ", missing),
                absl::StrCat("one for each of ", count, " experts"),
                absl::StrCat(found, " experts without it"));
  }

  absl::Status CheckLayouts() const {
    KL_RETURN_IF_ERROR(PerLayer("rope_layout", 0, 1).status());
    return PerLayer("sliding_window_layout", 0, 1).status();
  }

  absl::Status CheckEmbedding() const {
    const SourceTensor* table = source_.Find("token_embd.weight");
    if (table == nullptr) return absl::OkStatus();
    const std::string where = "tensor token_embd.weight";
    if (table->shape.size() != 2) {
      return Fail(where, "two dimensions, vocabulary and embedding",
                  absl::StrCat(table->shape.size()));
    }
    const std::optional<int64_t> width = Int("embedding_length");
    if (width.has_value() && table->shape[1] != *width) {
      return Fail(where, absl::StrCat("rows of ", prefix_, "embedding_length = ", *width),
                  absl::StrCat("rows of ", table->shape[1]));
    }
    const int64_t tokens = source_.vocabulary.has_value()
                               ? static_cast<int64_t>(source_.vocabulary->tokens.size())
                               : 0;
    // Fewer are fine: tables are padded to round sizes.
    if (tokens > table->shape[0]) {
      return Fail(where, absl::StrCat("a row for each of the tokenizer's ", tokens, " tokens"),
                  absl::StrCat(table->shape[0], " rows"));
    }
    return absl::OkStatus();
  }

  const ModelSource& source_;
  const std::string prefix_;
  int64_t block_count_ = 0;
};

}  // namespace

absl::Status CheckSemantics(const ModelSource& source) { return Checker(source).Run(); }

}  // namespace kinglet
