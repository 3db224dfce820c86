// Shape of a model to make, and the presets that name well-known ones.
#ifndef KINGLET_TOOLS_MAKE_MODEL_SHAPE_H_
#define KINGLET_TOOLS_MAKE_MODEL_SHAPE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kinglet::tools {

// What distinguishes the families; see kFamilies in presets.cc.
struct ModelFamily {
  const char* name;          // --arch
  const char* architecture;  // general.architecture of the file
  bool relu;                 // ReGLU; else SwiGLU
  bool routes_raw_input;     // the router reads the layer's input before attention and norm
  bool qkv_bias;
  bool qk_norm;
  bool has_experts;
  bool has_window;
};

struct ModelShape {
  const ModelFamily* family = nullptr;
  int64_t layers = 0;
  int64_t embedding = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_length = 0;
  int64_t ffn = 0;  // of one expert where there are experts
  int64_t experts = 0;
  int64_t experts_used = 0;
  int64_t vocabulary = 0;
  int64_t context = 0;
  int64_t window = 0;  // 0: full attention in every layer
  double rope_base = 0;
  double norm_epsilon = 0;
  bool tied = false;
  bool sigmoid_gating = false;
  bool transposed_down = false;
};

// NULL when there is none of that name.
const ModelFamily* FindFamily(const std::string& name);
std::vector<std::string> FamilyNames();

// False when the family has no such preset.
bool FindPreset(const std::string& family, const std::string& preset, ModelShape* shape);
// "4b, 21b, tiny" for one family.
std::string PresetNames(const std::string& family);
// Of all families, in the table's order, each once.
std::string AllPresetNames();

// What is wrong with the shape, or "".
std::string CheckShape(const ModelShape& shape);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_MODEL_SHAPE_H_
