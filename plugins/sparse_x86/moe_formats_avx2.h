// How op "moe_ffn" reads each quantised weight type; plugins/common/kernels/moe_ffn.h has the
// roles.
#ifndef PLUGINS_SPARSE_X86_MOE_FORMATS_AVX2_H_
#define PLUGINS_SPARSE_X86_MOE_FORMATS_AVX2_H_

#include "plugins/common/kernels/moe_ffn.h"
#include "plugins/sparse_x86/k8_avx2.h"
#include "plugins/sparse_x86/neuron_major_avx2.h"

namespace {

using MoeQ4_0 = MoeNeuronMajor<FileRows<TypeQ4_0>, K8Rows<K8Q4_0>, NeuronMajor>;
using MoeQ4_K = MoeK8<FileRows<TypeQ4_K>, K8Rows<K8Q4_K>>;
using MoeQ5_K = MoeFile<FileRows<TypeQ5_K>>;
using MoeQ6_K = MoeK8<FileRows<TypeQ6_K>, K8Rows<K8Q6_K>>;
using MoeQ8_0 = MoeFile<FileRows<TypeQ8_0>>;

}  // namespace

#endif  // PLUGINS_SPARSE_X86_MOE_FORMATS_AVX2_H_
