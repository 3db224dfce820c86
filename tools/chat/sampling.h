// The parameters of an answer: declared once, for the command line and for /set parameter.
#ifndef KINGLET_TOOLS_CHAT_SAMPLING_H_
#define KINGLET_TOOLS_CHAT_SAMPLING_H_

#include <cstdint>
#include <string>

#include "core/capi/kinglet.h"
#include "tools/common/options.h"

namespace kinglet::tools {

struct Sampling {
  double temperature = 0.8;
  int64_t top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  double repeat_penalty = 1.0;
  int64_t repeat_last_n = 64;
  double frequency_penalty = 0.0;
  double presence_penalty = 0.0;
  int64_t seed = -1;
  int64_t max_tokens = -1;
  bool full_logits = false;

  void Declare(OptionTable* options);
  void CopyTo(kl_session_options* options) const;
  // One line a parameter.
  std::string Describe() const;
};

// Sets the parameter `name` ("temp", "temperature", "top_k", ...). Returns what is wrong, or "".
std::string SetParameter(const std::string& name, const std::string& value, Sampling* sampling);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_CHAT_SAMPLING_H_
