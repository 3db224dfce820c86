// The decoder that the Llama family shares, and what its members differ in.
//
//   h  = embed(tokens)
//   h += W_o attention(rope(norm?(W_q x + b)), ...)     x = rmsnorm(h)
//   h += ffn(rmsnorm(h))                                dense SwiGLU, or a mixture of SwiGLU experts
//   h += what a memory bank's neurons make of the same x, where there is a bank
//   logits = W_out rmsnorm(h)
//
// With <family>.pooling_type = 1 (mean) the model is a text encoder: rmsnorm(h) comes out, there is no head.
//
// Sources: Llama arXiv 2302.13971, 2307.09288 (GQA), 2407.21783 (rope scaling); Qwen2 arXiv 2407.10671 (q, k, v biases);
// Qwen3 arXiv 2505.09388 (QK norm); Mixtral arXiv 2401.04088. Metadata keys and tensor names as in GGUF.
#ifndef PLUGINS_LLAMA_DECODER_H_
#define PLUGINS_LLAMA_DECODER_H_

#include "core/abi/architecture.h"

namespace kinglet {

struct DecoderFamily {
  const char* name;       // the metadata prefix
  bool interleaved_rope;  // unless the file says otherwise (kinglet.rope_interleaved)
  bool qk_norm;           // RMSNorm over each head of q and k
  bool has_window;        // attention.sliding_window applies to all layers
};

// Biases, expert counts and a tied head are found in the file.
kl_code BuildDecoder(const DecoderFamily& family, const kl_host* host, const kl_model_view* view,
                     kl_plan_builder* builder, kl_model_facts* facts, kl_error* error);

}  // namespace kinglet

#endif  // PLUGINS_LLAMA_DECODER_H_
