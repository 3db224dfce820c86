#include "tools/chat/sampling.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace kinglet::tools {

void Sampling::Declare(OptionTable* options) {
  options->Group("Sampling");
  options->Integer(
      {"-n", "--predict"}, "N", &max_tokens, {-1, INT32_MAX},
      "tokens to answer with at most; -1: until the model ends or the context is full");
  options->Integer({"-s", "--seed"}, "N", &seed, {-1, INT64_MAX},
                   "of the random draws; -1: a new one each time");
  options->Real({"--temp"}, "T", &temperature, {0, 100},
                "how daring the choice of words is; 0: always the likeliest");
  options->Integer({"--top-k"}, "N", &top_k, {0, INT32_MAX},
                   "choose among the N likeliest tokens; 0: all");
  options->Real({"--top-p"}, "P", &top_p, {0, 1},
                "choose among the likeliest tokens that make up P together");
  options->Real({"--min-p"}, "P", &min_p, {0, 1},
                "leave out tokens less likely than P times the likeliest");
  options->Real({"--repeat-penalty"}, "X", &repeat_penalty, {0.01, 100},
                "against tokens used already; 1: none");
  options->Integer({"--repeat-last-n"}, "N", &repeat_last_n, {-1, INT32_MAX},
                   "how far back the penalties look; 0: not at all; -1: the whole context");
  options->Real({"--frequency-penalty"}, "X", &frequency_penalty, {-100, 100},
                "for each use of a token");
  options->Real({"--presence-penalty"}, "X", &presence_penalty, {-100, 100},
                "for a token used at all");
  options->Flag({"--full-logits"}, &full_logits,
                "compute all logits, also those that no sampler setting can pick");
}

void Sampling::CopyTo(kl_session_options* options) const {
  options->temperature = static_cast<float>(temperature);
  options->top_k = static_cast<int32_t>(top_k);
  options->top_p = static_cast<float>(top_p);
  options->min_p = static_cast<float>(min_p);
  options->repeat_penalty = static_cast<float>(repeat_penalty);
  options->frequency_penalty = static_cast<float>(frequency_penalty);
  options->presence_penalty = static_cast<float>(presence_penalty);
  options->repeat_last_n = static_cast<int32_t>(repeat_last_n);
  options->seed = seed;
  options->full_logits = full_logits;
}

std::string Sampling::Describe() const {
  return absl::StrCat("  temp ", temperature, "\n  top-k ", top_k, "\n  top-p ", top_p,
                      "\n  min-p ", min_p, "\n  repeat-penalty ", repeat_penalty,
                      "\n  repeat-last-n ", repeat_last_n, "\n  frequency-penalty ",
                      frequency_penalty, "\n  presence-penalty ", presence_penalty, "\n  seed ",
                      seed, "\n  predict ", max_tokens, "\n");
}

std::string SetParameter(const std::string& name, const std::string& value, Sampling* sampling) {
  // Names that people bring along from other programs.
  constexpr struct {
    const char* other;
    const char* own;
  } kAliases[] = {{"temperature", "temp"},
                  {"num-predict", "predict"},
                  {"n", "predict"},
                  {"n-predict", "predict"}};
  std::string key = name;
  std::replace(key.begin(), key.end(), '_', '-');
  for (const auto& alias : kAliases) {
    if (key == alias.other) key = alias.own;
  }
  Sampling changed = *sampling;
  OptionTable table("chat", "");
  changed.Declare(&table);
  bool help_wanted = false;
  const auto no_environment = [](const char*) -> const char* { return nullptr; };
  const std::string problem =
      table.ParseArguments({absl::StrCat("--", key, "=", value)}, no_environment, &help_wanted);
  if (!problem.empty()) return problem;
  if (help_wanted) return "help is no parameter";
  *sampling = changed;
  return "";
}

}  // namespace kinglet::tools
