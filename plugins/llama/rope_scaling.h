// How a file stretches rotary positions beyond the context that it was trained on.
#ifndef PLUGINS_LLAMA_ROPE_SCALING_H_
#define PLUGINS_LLAMA_ROPE_SCALING_H_

#include "plugins/common/plan_writer.h"

namespace kinglet {

// Fills scale, magnitude and factors from <prefix>.rope.scaling.* and the tensor rope_freqs.weight. Types: none, linear
// (position interpolation), llama3 (frequency factors, from the tensor or computed from the metadata) and yarn
// (arXiv 2309.00071: NTK-by-parts factors and the attention temperature). Any other is the plan's error.
void ReadRopeScaling(PlanWriter* w, PlanWriter::RopeOptions* rope);

}  // namespace kinglet

#endif  // PLUGINS_LLAMA_ROPE_SCALING_H_
