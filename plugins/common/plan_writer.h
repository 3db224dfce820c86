// Lets an architecture write its forward pass as named steps, over the C plan builder.
//
//   PlanWriter w(view, builder, "llama");
//   const kl_value x = w.RmsNorm("blk.0.attn_norm", h, w.Vector("blk.0.attn_norm.weight", dim),
//   eps); const kl_value q = w.Linear("blk.0.attn_q", x, dim, head_count * head_length);
//
// Every method adds one node and returns its output. The builder remembers the first error, so
// nothing is checked in between. One thread; lives for one build().
#ifndef KINGLET_PLUGINS_COMMON_PLAN_WRITER_H_
#define KINGLET_PLUGINS_COMMON_PLAN_WRITER_H_

#include <math.h>
#include <stdint.h>

#include <string>
#include <vector>

#include "core/abi/architecture.h"
#include "core/abi/dtype.h"

namespace kinglet {

// Bounds for numbers of a file: far above any model, and so small that no product of two wraps and
// no loop or table over one of them grows large before a tensor's shape contradicts it.
constexpr int64_t kMostLayers = 10000;
constexpr int64_t kMostHeads = 65536;
constexpr int64_t kMostHeadLength = 65536;
constexpr int64_t kMostExperts = 65536;
constexpr int64_t kMostWidth = INT32_MAX;  // of embeddings and feed-forward layers
constexpr int64_t kMostTokens = INT32_MAX;

class PlanWriter {
 public:
  PlanWriter(const kl_model_view* view, kl_plan_builder* builder, const char* prefix)
      : view_(view), builder_(builder), prefix_(prefix) {}

  // ---- metadata, "<prefix>.<key>" ----

  // A whole number in [low, high]; its absence or another value is the plan's error, and the result
  // is then `low`.
  int64_t RequiredInt(const char* key, int64_t low, int64_t high) {
    int64_t value = low;
    return ReadInt(key, low, high, &value) ? value : Refuse(key, low, high, "nothing");
  }

  // The same, `otherwise` when the file has no such key.
  int64_t Int(const char* key, int64_t low, int64_t high, int64_t otherwise) {
    int64_t value = otherwise;
    ReadInt(key, low, high, &value);
    return value;
  }

  bool Has(const char* key) const {
    const std::string name = Key(key);
    int64_t whole = 0;  // bools are whole numbers, but no floats
    double number = 0;
    return view_->get_int(view_, name.c_str(), &whole) != 0 ||
           view_->get_float(view_, name.c_str(), &number) != 0 ||
           view_->get_string(view_, name.c_str()) != nullptr ||
           view_->get_numbers(view_, name.c_str(), nullptr, 0) > 0;
  }

  double Float(const char* key, double otherwise) const {
    double value = otherwise;
    return view_->get_float(view_, Key(key).c_str(), &value) != 0 ? value : otherwise;
  }

  // A finite number above 0; another value is the plan's error.
  double PositiveFloat(const char* key, double otherwise) {
    const double value = Float(key, otherwise);
    if (value > 0 && isfinite(value)) return value;
    Fail(KL_DATA_CORRUPT, "metadata key " + Key(key) +
                              ": expected a finite number above 0, found " + std::to_string(value));
    return otherwise;
  }

  std::string String(const char* key) const {
    const char* text = view_->get_string(view_, Key(key).c_str());
    return text == nullptr ? std::string() : std::string(text);
  }

  // Empty when absent.
  std::vector<double> Numbers(const char* key) const {
    std::vector<double> values(view_->get_numbers(view_, Key(key).c_str(), nullptr, 0));
    view_->get_numbers(view_, Key(key).c_str(), values.data(), values.size());
    return values;
  }

  bool HasTensor(const std::string& name) const {
    return view_->find_tensor(view_, name.c_str()) != nullptr;
  }
  const kl_tensor* FindTensor(const std::string& name) const {
    return view_->find_tensor(view_, name.c_str());
  }
  void Fail(kl_code code, const std::string& message) {
    builder_->fail(builder_, code, message.c_str());
  }

  // ---- weights ----

  kl_value Vector(const std::string& name, int64_t length) { return Weight(name, {length}); }
  kl_value Weight(const std::string& name, const std::vector<int64_t>& shape) {
    return builder_->weight(builder_, name.c_str(), Rank(shape), shape.data());
  }
  kl_value OptionalWeight(const std::string& name, const std::vector<int64_t>& shape) {
    return builder_->optional_weight(builder_, name.c_str(), Rank(shape), shape.data());
  }
  kl_value StackedWeight(const std::vector<std::string>& names, const std::vector<int64_t>& shape) {
    std::vector<const char*> pointers;
    for (const std::string& name : names) pointers.push_back(name.c_str());
    return builder_->stacked_weight(builder_, pointers.data(),
                                    static_cast<uint32_t>(pointers.size()), Rank(shape),
                                    shape.data());
  }

  kl_value Constant(const std::string& name, const std::vector<float>& data) {
    const int64_t length = static_cast<int64_t>(data.size());
    return builder_->constant(builder_, name.c_str(), KL_TYPE_F32, 1, &length, data.data());
  }

  // ---- inputs and outputs ----

  kl_value TokenIds() { return builder_->token_ids(builder_); }
  kl_value Positions() { return builder_->positions(builder_); }
  kl_value OutputRows() { return builder_->output_rows(builder_); }
  void Logits(kl_value value) { builder_->logits(builder_, value); }
  kl_code Status(kl_error* error) { return builder_->status(builder_, error); }
  // Ends loops over numbers of a file: what follows the first error is not part of any plan.
  bool failed() { return builder_->status(builder_, nullptr) != KL_OK; }

  // ---- steps; operators as in plugins/reference ----

  // f32 [tokens, dim]
  kl_value Embed(const char* name, kl_value ids, kl_value table, int64_t dim) {
    return Node("embed", name, {}, {ids, table}, {KL_DIM_TOKENS, dim});
  }

  // Like x, whose rows have `width` elements.
  kl_value RmsNorm(const std::string& name, kl_value x, kl_value weight, int64_t width,
                   double epsilon, int64_t rows = KL_DIM_TOKENS) {
    return Node("rms_norm", name, {Attribute("eps", epsilon)}, {x, weight}, {rows, width});
  }

  // x [rows, in] times <name>.weight [out, in], plus <name>.bias where the file has one.
  kl_value Linear(const std::string& name, kl_value x, int64_t in, int64_t out,
                  int64_t rows = KL_DIM_TOKENS) {
    return MatMul(name, x, Weight(name + ".weight", {out, in}),
                  OptionalWeight(name + ".bias", {out}), out, rows);
  }

  kl_value MatMul(const std::string& name, kl_value x, kl_value weight, kl_value bias, int64_t out,
                  int64_t rows = KL_DIM_TOKENS) {
    return Node("matmul", name, {}, {x, weight, bias}, {rows, out});
  }

  // The last product: x [outputs, dim] with the vocabulary's rows. Marked, so that a kernel may
  // keep the rows in a form that lets it find the largest logits without reading all of them.
  kl_value Head(const std::string& name, kl_value x, kl_value weight, int64_t vocabulary) {
    return Node("matmul", name, {Attribute("vocabulary_head", int64_t{1})},
                {x, weight, KL_NO_VALUE}, {KL_DIM_OUTPUTS, vocabulary});
  }

  struct RopeOptions {
    int64_t head_length = 0;
    int64_t rotary_length = 0;
    double base = 10000.0;
    double scale = 1.0;      // of positions
    double magnitude = 1.0;  // of the rotated vectors
    bool interleaved = false;
    kl_value factors = KL_NO_VALUE;  // f32 [rotary_length / 2]
  };
  kl_value Rope(const std::string& name, kl_value x, kl_value positions, int64_t width,
                const RopeOptions& options) {
    return Node("rope", name,
                {Attribute("head_length", options.head_length),
                 Attribute("rotary_length", options.rotary_length), Attribute("base", options.base),
                 Attribute("interleaved", int64_t{options.interleaved}),
                 Attribute("scale", options.scale), Attribute("magnitude", options.magnitude)},
                {x, positions, options.factors}, {KL_DIM_TOKENS, width});
  }

  // f32 [tokens, heads * head_length]; makes the layer's cache. window 0: all positions.
  kl_value Attention(const std::string& name, kl_value q, kl_value k, kl_value v,
                     kl_value positions, int64_t head_count, int64_t kv_head_count,
                     int64_t head_length, int64_t window, double scale) {
    kl_cache_desc cache = {};
    cache.struct_size = sizeof cache;
    cache.head_count = kv_head_count;
    cache.head_length = head_length;
    cache.window = window;
    cache.content = KL_CACHE_KEYS;
    const kl_value keys = builder_->cache(builder_, &cache);
    cache.content = KL_CACHE_VALUES;
    const kl_value values = builder_->cache(builder_, &cache);
    return Node("attention", name,
                {Attribute("head_length", head_length), Attribute("window", window),
                 Attribute("scale", scale)},
                {q, k, v, positions, keys, values}, {KL_DIM_TOKENS, head_count * head_length});
  }

  kl_value Add(const std::string& name, kl_value a, kl_value b, int64_t width) {
    return Node("add", name, {}, {a, b}, {KL_DIM_TOKENS, width});
  }

  kl_value Glu(const std::string& name, kl_value gate, kl_value up, int64_t width,
               const char* activation) {
    return Node("glu", name, {Attribute("activation", activation)}, {gate, up},
                {KL_DIM_TOKENS, width});
  }

  struct Routing {
    kl_value ids = KL_NO_VALUE;      // i32 [tokens, used]
    kl_value weights = KL_NO_VALUE;  // f32 [tokens, used]
  };
  Routing MoeRoute(const std::string& name, kl_value logits, int64_t used, const char* gating,
                   bool normalise, double scale) {
    const int64_t shape[] = {KL_DIM_TOKENS, used};
    Routing routing;
    routing.ids = builder_->value(builder_, KL_TYPE_I32, 2, shape);
    routing.weights = builder_->value(builder_, KL_TYPE_F32, 2, shape);
    AddNode("moe_route", name,
            {Attribute("gating", gating), Attribute("normalise", int64_t{normalise}),
             Attribute("scale", scale)},
            {logits, routing.ids, routing.weights});
    return routing;
  }

  kl_value MoeFfn(const std::string& name, kl_value x, const Routing& routing, kl_value gate,
                  kl_value up, kl_value down, int64_t dim, const char* activation,
                  bool down_transposed) {
    return Node("moe_ffn", name,
                {Attribute("activation", activation),
                 Attribute("down_transposed", int64_t{down_transposed})},
                {x, routing.ids, routing.weights, gate, up, down}, {KL_DIM_TOKENS, dim});
  }

  // h plus what the neurons of the model's memory bank make of x, the input of the layer's
  // feed-forward network; h itself where there is no bank. Belongs behind the network's residual.
  kl_value Memory(const std::string& name, int64_t layer, kl_value x, kl_value h,
                  const char* activation) {
    if (!KL_HAS_FIELD(builder_, kl_plan_builder, memory) || builder_->memory == nullptr) return h;
    return builder_->memory(builder_, name.c_str(), layer, activation, x, h);
  }

  // The rows whose logits are wanted: f32 [outputs, dim].
  kl_value SelectRows(const std::string& name, kl_value x, kl_value rows, int64_t dim) {
    return Node("select_rows", name, {}, {x, rows}, {KL_DIM_OUTPUTS, dim});
  }

 private:
  std::string Key(const char* key) const { return prefix_ + "." + key; }

  // False when the key is absent. An array with a number for each layer counts as one number when
  // all are equal.
  bool ReadInt(const char* key, int64_t low, int64_t high, int64_t* value) {
    if (!Has(key)) return false;
    int64_t found = 0;
    const std::vector<double> layers = Numbers(key);
    for (double number : layers) {
      if (number != layers[0]) {
        *value = Refuse(key, low, high, "an array of numbers that differ from layer to layer");
        return true;
      }
    }
    if (!layers.empty() && layers[0] >= -0x1p53 && layers[0] <= 0x1p53) {
      found = static_cast<int64_t>(layers[0]);
    } else if (view_->get_int(view_, Key(key).c_str(), &found) == 0) {
      *value = Refuse(key, low, high, "a value of another kind");
      return true;
    }
    *value = found >= low && found <= high ? found
                                           : Refuse(key, low, high, std::to_string(found).c_str());
    return true;
  }

  // Records the error; returns a number that is in range.
  int64_t Refuse(const char* key, int64_t low, int64_t high, const char* found) {
    Fail(KL_DATA_CORRUPT, "metadata key " + Key(key) + ": expected a whole number from " +
                              std::to_string(low) + " to " + std::to_string(high) + ", found " +
                              found);
    return low;
  }

  static int32_t Rank(const std::vector<int64_t>& shape) {
    return static_cast<int32_t>(shape.size());
  }

  static kl_attribute Attribute(const char* name, int64_t value) {
    kl_attribute attribute = {};
    attribute.name = name;
    attribute.kind = KL_ATTRIBUTE_INT;
    attribute.i = value;
    return attribute;
  }
  static kl_attribute Attribute(const char* name, double value) {
    kl_attribute attribute = {};
    attribute.name = name;
    attribute.kind = KL_ATTRIBUTE_FLOAT;
    attribute.f = value;
    return attribute;
  }
  static kl_attribute Attribute(const char* name, const char* value) {
    kl_attribute attribute = {};
    attribute.name = name;
    attribute.kind = KL_ATTRIBUTE_STRING;
    attribute.s = value;
    return attribute;
  }

  void AddNode(const char* op, const std::string& name, const std::vector<kl_attribute>& attributes,
               const std::vector<kl_value>& operands) {
    builder_->node(builder_, op, name.c_str(), attributes.data(),
                   static_cast<uint32_t>(attributes.size()), operands.data(),
                   static_cast<uint32_t>(operands.size()));
  }

  // A node with one f32 output of this shape.
  kl_value Node(const char* op, const std::string& name,
                const std::vector<kl_attribute>& attributes, std::vector<kl_value> operands,
                const std::vector<int64_t>& shape) {
    const kl_value output = builder_->value(builder_, KL_TYPE_F32, Rank(shape), shape.data());
    operands.push_back(output);
    AddNode(op, name, attributes, operands);
    return output;
  }

  const kl_model_view* view_;
  kl_plan_builder* builder_;
  const std::string prefix_;
};

}  // namespace kinglet

#endif  // KINGLET_PLUGINS_COMMON_PLAN_WRITER_H_
