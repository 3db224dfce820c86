#include "tools/make_model/weights.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "tools/make_model/router.h"

namespace kinglet::tools {
namespace {

constexpr double kEmbeddingMeanRatio = 0.8;  // mean of an embedding's elements, in deviations
constexpr double kAttentionGain = 0.15;      // what attention adds to the hidden values, rms
constexpr double kFfnGain = 0.3;             // rms of down * (unit inputs)
constexpr double kLogitDeviation = 3.0;
constexpr double kBiasDeviation = 0.1;

// E[max(0, g)^2] for g ~ N(-shift, 1).
double ReluSquareMean(double shift) {
  const double density = std::exp(-0.5 * shift * shift) / std::sqrt(2 * 3.141592653589793);
  const double above = 0.5 * std::erfc(shift / std::sqrt(2.0));
  return (1 + shift * shift) * above - shift * density;
}

constexpr double kSiluSquareMean = 0.356;  // E[silu(g)^2] for g ~ N(0, 1)

class Planner {
 public:
  Planner(const ModelShape& shape, const WeightOptions& options) : s_(shape), o_(options) {}

  std::vector<TensorPlan> Run() {
    const LevelTable table(*FindBlockType(o_.embedding_type), kEmbeddingMeanRatio);
    const double rms =
        std::sqrt(table.mean() * table.mean() + table.deviation() * table.deviation());
    mean_ = table.mean() / rms;
    TensorPlan* embedding = Matrix("token_embd.weight", {s_.vocabulary, s_.embedding}, 1);
    embedding->type = o_.embedding_type;
    embedding->mean_ratio = kEmbeddingMeanRatio;
    embedding->unit_square_mean = true;
    router_bias_ = s_.experts > 0 ? BusyLogitBias(s_.experts, s_.experts_used, o_.skew) : 0;
    for (int64_t l = 0; l < s_.layers; ++l) Layer(absl::StrCat("blk.", l, "."));
    const double width = std::sqrt(static_cast<double>(s_.embedding));
    Signs("output_norm.weight", s_.embedding, s_.tied ? kLogitDeviation / width : 1.0);
    if (!s_.tied) {
      Matrix("output.weight", {s_.vocabulary, s_.embedding}, kLogitDeviation / width)->type =
          o_.embedding_type;
    }
    return std::move(tensors_);
  }

 private:
  TensorPlan* Matrix(const std::string& name, std::vector<int64_t> shape, double deviation) {
    TensorPlan tensor;
    tensor.name = name;
    tensor.type = o_.type;
    tensor.shape = std::move(shape);
    tensor.deviation = deviation;
    tensors_.push_back(std::move(tensor));
    return &tensors_.back();
  }

  void Values(const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
    TensorPlan tensor;
    tensor.name = name;
    tensor.shape = std::move(shape);
    tensor.values = std::move(values);
    tensors_.push_back(std::move(tensor));
  }

  void Ones(const std::string& name, int64_t count) {
    Values(name, {count}, std::vector<float>(static_cast<size_t>(count), 1.0f));
  }

  void Signs(const std::string& name, int64_t count, double size) {
    Random random(o_.seed, name, 0);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& v : values) v = static_cast<float>(random.Next() >> 63 != 0 ? size : -size);
    Values(name, {count}, std::move(values));
  }

  void Bias(const std::string& name, int64_t count) {
    Random random(o_.seed, name, 0);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& v : values) v = static_cast<float>(kBiasDeviation * random.Gaussian());
    Values(name, {count}, std::move(values));
  }

  // A router whose input is the hidden values divided by `input_scale`.
  void Router(const std::string& layer, double input_scale) {
    const std::string name = layer + "ffn_gate_inp.weight";
    const double noise = std::sqrt(square_mean_ - mean_ * mean_);
    Values(name, {s_.experts, s_.embedding},
           MakeRouter(s_.experts, s_.experts_used, s_.embedding, router_bias_, o_.skew,
                      mean_ / input_scale, noise / input_scale, o_.seed, name));
  }

  void Layer(const std::string& layer) {
    const double width = std::sqrt(static_cast<double>(s_.embedding));
    const int64_t q = s_.heads * s_.head_length;
    const int64_t kv = s_.kv_heads * s_.head_length;
    if (s_.family->routes_raw_input) Router(layer, 1.0);
    Ones(layer + "attn_norm.weight", s_.embedding);
    Projection(layer + "attn_q", q, s_.embedding, 1 / width);
    Projection(layer + "attn_k", kv, s_.embedding, 1 / width);
    Projection(layer + "attn_v", kv, s_.embedding, 1 / width);
    if (s_.family->qk_norm) {
      Ones(layer + "attn_q_norm.weight", s_.head_length);
      Ones(layer + "attn_k_norm.weight", s_.head_length);
    }
    Matrix(layer + "attn_output.weight", {s_.embedding, q},
           kAttentionGain / std::sqrt(static_cast<double>(q)));
    // Averaging over tokens keeps the common part of the values and about half of the rest.
    const double common = mean_ * mean_ / square_mean_;
    square_mean_ += kAttentionGain * kAttentionGain * (common + 0.5 * (1 - common));
    Ones(layer + "ffn_norm.weight", s_.embedding);
    if (s_.experts > 0 && !s_.family->routes_raw_input) Router(layer, std::sqrt(square_mean_));
    Ffn(layer);
  }

  void Projection(const std::string& name, int64_t rows, int64_t columns, double deviation) {
    Matrix(name + ".weight", {rows, columns}, deviation);
    if (s_.family->qkv_bias) Bias(name + ".bias", rows);
  }

  void Ffn(const std::string& layer) {
    const double width = std::sqrt(static_cast<double>(s_.embedding));
    const double down = kFfnGain / std::sqrt(static_cast<double>(s_.ffn));
    const double shift = s_.family->relu ? -NormalQuantile(o_.active) : 0;
    // The gate's mean, in its deviations 1 / sqrt(dim), that moves its output by -shift.
    const double gate_ratio = -shift / (width * mean_ / std::sqrt(square_mean_));
    const bool experts = s_.experts > 0;
    const std::string suffix = experts ? "_exps.weight" : ".weight";
    const auto shape = [&](int64_t rows, int64_t columns) {
      return experts ? std::vector<int64_t>{s_.experts, rows, columns}
                     : std::vector<int64_t>{rows, columns};
    };
    Matrix(layer + "ffn_gate" + suffix, shape(s_.ffn, s_.embedding), 1 / width)->mean_ratio =
        gate_ratio;
    Matrix(layer + "ffn_up" + suffix, shape(s_.ffn, s_.embedding), 1 / width);
    TensorPlan* last = Matrix(
        layer + "ffn_down" + suffix,
        s_.transposed_down ? shape(s_.ffn, s_.embedding) : shape(s_.embedding, s_.ffn), down);
    last->by_expert = experts;
    last->store_transposed = s_.transposed_down;
    const double inner = s_.family->relu ? ReluSquareMean(shift) : kSiluSquareMean;
    // Weights that add up to 1 over the chosen experts: the sum of their squares is a bit over 1 /
    // k.
    const double mix = experts ? 1.2 / static_cast<double>(s_.experts_used) : 1.0;
    square_mean_ += kFfnGain * kFfnGain * inner * mix;
  }

  const ModelShape& s_;
  const WeightOptions& o_;
  std::vector<TensorPlan> tensors_;
  double mean_ = 0;         // of the hidden values, the same in every layer
  double square_mean_ = 1;  // of the hidden values, growing
  double router_bias_ = 0;
};

}  // namespace

std::string CheckTypes(const ModelShape& shape, const WeightOptions& options) {
  const kl_dtype_info type = kl_dtype_info_of(options.type);
  const kl_dtype_info outer = kl_dtype_info_of(options.embedding_type);
  const auto check = [](const kl_dtype_info& info, int64_t length, const char* what) {
    return length % info.block_elements == 0
               ? std::string()
               : absl::StrCat(what, " (", length, ") must be a multiple of ", info.block_elements,
                              ", the block of ", info.name);
  };
  std::string problem = check(outer, shape.embedding, "--embedding");
  if (problem.empty()) problem = check(type, shape.embedding, "--embedding");
  if (problem.empty() && !shape.transposed_down) problem = check(type, shape.ffn, "--ffn");
  if (problem.empty()) {
    problem = check(type, shape.heads * shape.head_length, "--heads times --head-length");
  }
  return problem;
}

std::vector<TensorPlan> PlanTensors(const ModelShape& shape, const WeightOptions& options) {
  return Planner(shape, options).Run();
}

}  // namespace kinglet::tools
