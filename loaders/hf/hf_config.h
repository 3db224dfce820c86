// config.json and generation_config.json as GGUF metadata.
#ifndef KINGLET_LOADERS_HF_HF_CONFIG_H_
#define KINGLET_LOADERS_HF_HF_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model_source.h"
#include "loaders/common/json_file.h"

namespace kinglet {

struct HfConfig {
  std::string architecture;  // GGUF's name
  Metadata metadata;
  bool tied_head = false;  // lm_head, if there is one, is to be left out
  int64_t bos_id = -1;
  std::vector<int64_t> eos_ids;
};

// `path` is for messages. Unimplemented: a model type, an activation, a RoPE scaling that is not
// known.
absl::StatusOr<HfConfig> TranslateHfConfig(absl::string_view path, const nlohmann::json& config);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_HF_HF_CONFIG_H_
