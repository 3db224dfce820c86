// kl_model: large weights that are read for every pass.
#include "core/capi/handles.h"

kl_code kl_model_weight_stats(const kl_model* model, kl_weight_stats* stats) {
  if (model == nullptr || stats == nullptr) return KL_INVALID_ARGUMENT;
  kl_weight_stats facts = {};
  facts.description = "";
  kinglet::WeightStream* stream = model->model->weight_stream();
  if (stream != nullptr) {
    const kinglet::WeightStreamFacts& known = stream->facts();
    const kl_bank_stats bank = stream->bank()->Stats();
    model->weight_text = stream->bank()->Describe();
    facts.streamed = true;
    facts.description = model->weight_text.c_str();
    facts.total_bytes = known.total_bytes;
    facts.kept_bytes = known.kept_bytes;
    facts.bytes_per_pass = known.bytes_per_pass();
    facts.bytes_per_second = known.bytes_per_second;
    facts.budget_bytes = known.budget_bytes;
    facts.read_bytes = bank.read_bytes;
    facts.stall_ns = bank.stall_ns;
  }
  kinglet::CopyStruct(facts, stats);
  return KL_OK;
}
