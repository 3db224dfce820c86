// The way the core reads JSON: without exceptions, whatever the bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const nlohmann::json value = nlohmann::json::parse(data, data + size, nullptr, false);
  if (value.is_discarded()) return 0;
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // What was written must be readable again.
  if (nlohmann::json::parse(text, nullptr, false).is_discarded()) std::abort();
  return 0;
}
