// What the layers of a language model look like, read from a file's metadata and tensor names.
#ifndef KINGLET_TOOLS_INSPECT_LAYERS_H_
#define KINGLET_TOOLS_INSPECT_LAYERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kinglet::tools {

struct LayerFacts {
  std::string position;  // "RoPE" or "NoPE"
  int64_t window = 0;    // 0: full attention
  int64_t experts = 0;   // 0: dense
  int64_t experts_used = 0;
  uint64_t bytes = 0;
};

struct TensorSize {
  std::string name;
  uint64_t bytes = 0;
};

// `metadata` maps keys to values as text. Empty when the file states no number of layers.
std::vector<LayerFacts> ReadLayers(const std::string& architecture,
                                   const std::map<std::string, std::string>& metadata,
                                   const std::vector<TensorSize>& tensors);

// One line for each run of equal layers: "0       NoPE, full attention, 32 experts (4 used), 66.1
// MiB"
std::string DescribeLayers(const std::vector<LayerFacts>& layers);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_INSPECT_LAYERS_H_
