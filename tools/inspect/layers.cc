#include "tools/inspect/layers.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/common/format.h"

namespace kinglet::tools {
namespace {

constexpr int64_t kMostLayers = 100000;

// An array's text as the library renders it, "[32] 1, 0, 0, ..."; shorter than the array where it
// is cut.
std::vector<int64_t> Numbers(const std::string& text) {
  std::vector<int64_t> numbers;
  const size_t start = text.find("] ");
  if (text.empty() || text[0] != '[' || start == std::string::npos) return numbers;
  for (absl::string_view part :
       absl::StrSplit(text.substr(start + 2), absl::ByAnyChar(", "), absl::SkipEmpty())) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(part, &number)) break;
    numbers.push_back(number);
  }
  return numbers;
}

class Reader {
 public:
  Reader(const std::string& architecture, const std::map<std::string, std::string>& metadata)
      : prefix_(architecture + "."), metadata_(metadata) {}

  std::string Text(const std::string& key) const {
    const auto entry = metadata_.find(prefix_ + key);
    return entry == metadata_.end() ? "" : entry->second;
  }
  int64_t Int(const std::string& key) const {
    int64_t value = 0;
    return absl::SimpleAtoi(Text(key), &value) ? value : 0;
  }

 private:
  const std::string prefix_;
  const std::map<std::string, std::string>& metadata_;
};

std::string Describe(const LayerFacts& layer) {
  std::string text = absl::StrCat(
      layer.position, ", ",
      layer.window > 0 ? absl::StrCat("window of ", layer.window) : std::string("full attention"));
  if (layer.experts > 0) {
    absl::StrAppend(&text, ", ", layer.experts, " experts (", layer.experts_used, " used)");
  } else {
    absl::StrAppend(&text, ", dense FFN");
  }
  return absl::StrCat(text, ", ", FormatBytes(layer.bytes));
}

}  // namespace

std::vector<LayerFacts> ReadLayers(const std::string& architecture,
                                   const std::map<std::string, std::string>& metadata,
                                   const std::vector<TensorSize>& tensors) {
  const Reader reader(architecture, metadata);
  const int64_t count = reader.Int("block_count");
  if (count < 1 || count > kMostLayers) return {};
  std::vector<LayerFacts> layers(static_cast<size_t>(count));
  for (const TensorSize& tensor : tensors) {
    const std::vector<std::string> parts = absl::StrSplit(tensor.name, absl::MaxSplits('.', 2));
    int64_t index = 0;
    if (parts.size() != 3 || parts[0] != "blk" || !absl::SimpleAtoi(parts[1], &index)) continue;
    if (index < 0 || index >= count) continue;
    layers[static_cast<size_t>(index)].bytes += tensor.bytes;
    if (parts[2].compare(0, 13, "ffn_gate_exps") == 0 ||
        parts[2].compare(0, 11, "ffn_gate.0.") == 0) {
      layers[static_cast<size_t>(index)].experts = reader.Int("expert_count");
      layers[static_cast<size_t>(index)].experts_used = reader.Int("expert_used_count");
    }
  }
  const int64_t window = reader.Int("attention.sliding_window");
  const std::vector<int64_t> rope = Numbers(reader.Text("rope_layout"));
  const std::vector<int64_t> slides = Numbers(reader.Text("sliding_window_layout"));
  // SmallThinker without arrays: a window means that one layer of four sees everything, unrotated.
  const bool period_four = architecture == "smallthinker" && rope.empty() && window > 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    bool rotates = !period_four || l % 4 != 0;
    bool sliding = window > 0 && rotates;
    if (!rope.empty() && !slides.empty()) {  // cut arrays are periodic in every known model
      rotates = rope[l % rope.size()] != 0;
      sliding = slides[l % slides.size()] != 0;
    }
    layers[l].position = rotates ? "RoPE" : "NoPE";
    layers[l].window = sliding ? window : 0;
  }
  return layers;
}

std::string DescribeLayers(const std::vector<LayerFacts>& layers) {
  std::string text;
  for (size_t first = 0; first < layers.size();) {
    const std::string facts = Describe(layers[first]);
    size_t last = first;
    while (last + 1 < layers.size() && Describe(layers[last + 1]) == facts) ++last;
    std::string range = absl::StrCat(first);
    if (last > first) absl::StrAppend(&range, " - ", last);
    range.resize(std::max<size_t>(range.size(), 9), ' ');
    absl::StrAppend(&text, "  ", range, " ", facts, "\n");
    first = last + 1;
  }
  return text;
}

}  // namespace kinglet::tools
