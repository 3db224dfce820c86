// Which tensors a model has and how their random weights are distributed.
//
// Every hidden value of a token is  mean + noise:  the embeddings have a mean well away from 0, and
// because all other matrices have mean 0 the layers add noise only. That constant part lets a
// matrix of small negative mean push ReLU gates below 0 (--active), and router rows favour experts
// (--skew). The variance that each layer adds is estimated, so that both hold at any depth:
//
//   share of active neurons = Phi(-shift),  shift = m * dim * input_mean,  m = minus the gate's
//   mean
//
// The last norm's weights have random signs: with tied embeddings the next token would otherwise
// always be the present one.
#ifndef KINGLET_TOOLS_MAKE_MODEL_WEIGHTS_H_
#define KINGLET_TOOLS_MAKE_MODEL_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/make_model/block_type.h"
#include "tools/make_model/shape.h"

namespace kinglet::tools {

struct WeightOptions {
  kl_dtype type = KL_TYPE_Q4_0;
  kl_dtype embedding_type = KL_TYPE_Q4_0;  // token_embd and output
  double active = 0.35;                    // share of ReLU gates above 0
  double skew = 0.85;
  uint64_t seed = 1;
};

struct TensorPlan {
  std::string name;
  kl_dtype type = KL_TYPE_F32;
  std::vector<int64_t> shape;     // outermost first
  std::vector<float> values;      // given: written as they are (f32)
  double deviation = 0;           // else: of the random weights
  double mean_ratio = 0;          // their mean, in deviations
  bool unit_square_mean = false;  // scale so that the mean square, not the variance, is deviation^2
  // Experts' down projection: codes are drawn neuron by neuron whichever way round they are stored,
  // so that both layouts hold the same numbers.
  bool by_expert = false;
  bool store_transposed = false;
};

// What is wrong (a row that is no multiple of a block), or "".
std::string CheckTypes(const ModelShape& shape, const WeightOptions& options);

std::vector<TensorPlan> PlanTensors(const ModelShape& shape, const WeightOptions& options);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_MODEL_WEIGHTS_H_
