#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/make_model/shape.h"

namespace kinglet::tools {
namespace {

//   name            architecture   relu   raw    bias   qknorm experts window
constexpr ModelFamily kFamilies[] = {
    {"smallthinker", "smallthinker", true, true, false, false, true, true},
    {"llama", "llama", false, false, false, false, false, false},
    {"qwen2", "qwen2", false, false, true, false, false, false},
    {"qwen3", "qwen3", false, false, false, true, false, false},
    {"qwen3moe", "qwen3moe", false, false, false, true, true, false},
    {"mixtral", "llama", false, false, false, false, true, false},
};

struct Preset {
  const char* family;
  const char* name;
  int64_t layers, embedding, heads, kv_heads, head_length, ffn, experts, experts_used;
  int64_t vocabulary, context, window;
  double rope_base;
  bool tied;
};

// Sources: the models' published configurations. "tiny" is for tests: made and run in a blink.
constexpr Preset kPresets[] = {
    // family        name    L    D     H  KV  HD   FFN   E  k   vocab  context window  theta  tied
    {"smallthinker", "4b", 32, 1536, 12, 2, 128, 768, 32, 4, 151936, 32768, 0, 1.5e6, true},
    {"smallthinker", "21b", 52, 2560, 28, 4, 128, 768, 64, 6, 151936, 16384, 4096, 1.5e6, false},
    {"smallthinker", "tiny", 4, 128, 4, 2, 32, 96, 8, 2, 512, 1024, 64, 1e4, true},
    {"llama", "1b", 16, 2048, 32, 8, 64, 8192, 0, 0, 128256, 8192, 0, 5e5, true},
    {"llama", "8b", 32, 4096, 32, 8, 128, 14336, 0, 0, 128256, 8192, 0, 5e5, false},
    {"llama", "tiny", 2, 128, 4, 2, 32, 256, 0, 0, 512, 1024, 0, 1e4, false},
    {"qwen2", "0.5b", 24, 896, 14, 2, 64, 4864, 0, 0, 151936, 32768, 0, 1e6, true},
    {"qwen2", "tiny", 2, 128, 4, 2, 32, 256, 0, 0, 512, 1024, 0, 1e6, true},
    {"qwen3", "0.6b", 28, 1024, 16, 8, 128, 3072, 0, 0, 151936, 32768, 0, 1e6, true},
    {"qwen3", "1.7b", 28, 2048, 16, 8, 128, 6144, 0, 0, 151936, 32768, 0, 1e6, true},
    {"qwen3", "tiny", 2, 128, 4, 2, 32, 256, 0, 0, 512, 1024, 0, 1e6, true},
    {"qwen3moe", "30b-a3b", 48, 2048, 32, 4, 128, 768, 128, 8, 151936, 32768, 0, 1e6, false},
    {"qwen3moe", "tiny", 2, 128, 4, 2, 32, 96, 8, 2, 512, 1024, 0, 1e6, false},
    {"mixtral", "8x7b", 32, 4096, 32, 8, 128, 14336, 8, 2, 32000, 32768, 0, 1e6, false},
    {"mixtral", "tiny", 2, 128, 4, 2, 32, 96, 4, 2, 512, 1024, 0, 1e6, false},
};

}  // namespace

const ModelFamily* FindFamily(const std::string& name) {
  for (const ModelFamily& family : kFamilies) {
    if (name == family.name) return &family;
  }
  return nullptr;
}

std::vector<std::string> FamilyNames() {
  std::vector<std::string> names;
  for (const ModelFamily& family : kFamilies) names.push_back(family.name);
  return names;
}

std::string PresetNames(const std::string& family) {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) {
    if (family == preset.family) names.push_back(preset.name);
  }
  return absl::StrJoin(names, ", ");
}

std::string AllPresetNames() {
  std::vector<std::string> names;
  for (const std::string& family : FamilyNames()) {
    names.push_back(absl::StrCat(family, ": ", PresetNames(family)));
  }
  return absl::StrJoin(names, "; ");
}

bool FindPreset(const std::string& family, const std::string& preset, ModelShape* shape) {
  for (const Preset& p : kPresets) {
    if (family != p.family || preset != p.name) continue;
    *shape = ModelShape();
    shape->family = FindFamily(family);
    shape->layers = p.layers;
    shape->embedding = p.embedding;
    shape->heads = p.heads;
    shape->kv_heads = p.kv_heads;
    shape->head_length = p.head_length;
    shape->ffn = p.ffn;
    shape->experts = p.experts;
    shape->experts_used = p.experts_used;
    shape->vocabulary = p.vocabulary;
    shape->context = p.context;
    shape->window = p.window;
    shape->rope_base = p.rope_base;
    shape->norm_epsilon = 1e-6;
    shape->tied = p.tied;
    shape->sigmoid_gating = shape->family->relu;
    return true;
  }
  return false;
}

std::string CheckShape(const ModelShape& s) {
  if (s.heads % s.kv_heads != 0) {
    return absl::StrCat("--kv-heads ", s.kv_heads, " does not divide --heads ", s.heads);
  }
  if (s.head_length % 2 != 0) return absl::StrCat("--head-length ", s.head_length, " must be even");
  if (!s.family->has_experts && s.experts > 0) {
    return absl::StrCat("--arch ", s.family->name, " has no experts: leave --experts out");
  }
  if (s.family->has_experts && (s.experts_used < 1 || s.experts_used > s.experts)) {
    return absl::StrCat("--experts-used ", s.experts_used, " must lie in 1 .. ", s.experts,
                        ", the number of experts");
  }
  if (s.window > 0 && !s.family->has_window) {
    return absl::StrCat("--arch ", s.family->name, " has no sliding window: leave --window out");
  }
  if (s.transposed_down && !s.family->relu) {
    return "--transposed-down is a layout of --arch smallthinker only";
  }
  if (s.transposed_down && s.ffn == s.embedding) {
    return "--transposed-down needs --ffn and --embedding to differ: readers tell the layout by "
           "its shape";
  }
  return "";
}

}  // namespace kinglet::tools
