// Any JSON as a tokenizer.json and, read once more, as a config.json.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "loaders/common/json_file.h"
#include "loaders/hf/hf_config.h"
#include "loaders/hf/hf_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = kinglet::ParseJsonObject("fuzz.json", 0, text);
  if (!json.ok()) return 0;
  const auto config = kinglet::TranslateHfConfig("fuzz.json", *json);
  if (config.ok() && config->architecture.empty()) std::abort();
  kinglet::HfTokenizerContext context;
  context.tokenizer_config = &*json;
  const auto vocabulary = kinglet::TranslateHfTokenizer("fuzz.json", *json, context);
  if (vocabulary.ok() && vocabulary->tokens.size() != vocabulary->kinds.size()) std::abort();
  return 0;
}
