// Routers whose experts are used unevenly, as the SmallThinker paper reports: most experts for few
// tokens, some for about half of them.
#ifndef KINGLET_TOOLS_MAKE_MODEL_ROUTER_H_
#define KINGLET_TOOLS_MAKE_MODEL_ROUTER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace kinglet::tools {

// `skew` is the share of all uses that goes to the busy experts. There are as many of those as
// makes each be used by about 42 % of the tokens.
int64_t BusyExpertCount(int64_t experts, int64_t used, double skew);

// How far the logit of a busy expert lies above the others', in standard deviations of a logit over
// tokens, so that the busy ones get `skew` of the uses. 0 when even use gives them as much.
double BusyLogitBias(int64_t experts, int64_t used, double skew);

// One layer's router: f32 [experts, embedding]. Its input has mean `input_mean` and, around it, the
// standard deviation `input_deviation`; logits vary over tokens with deviation 1.
std::vector<float> MakeRouter(int64_t experts, int64_t used, int64_t embedding, double bias,
                              double skew, double input_mean, double input_deviation, uint64_t seed,
                              const std::string& name);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_MODEL_ROUTER_H_
