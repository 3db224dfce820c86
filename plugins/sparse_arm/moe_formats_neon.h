// How op "moe_ffn" reads each quantised weight type; plugins/common/kernels/moe_ffn.h has the
// roles.
#ifndef PLUGINS_SPARSE_ARM_MOE_FORMATS_NEON_H_
#define PLUGINS_SPARSE_ARM_MOE_FORMATS_NEON_H_

#include "plugins/common/kernels/moe_ffn.h"
#include "plugins/sparse_arm/k8_rows_neon.h"
#include "plugins/sparse_arm/neuron_major_neon.h"

namespace {

using MoeQ4_0 = MoeNeuronMajor<FileRows<TypeQ4_0>, K8Rows<K8Q4_0>, NeuronMajor>;
using MoeQ4_K = MoeK8<FileRows<TypeQ4_K>, K8Rows<K8Q4_K>>;
using MoeQ5_K = MoeFile<FileRows<TypeQ5_K>>;
using MoeQ6_K = MoeK8<FileRows<TypeQ6_K>, K8Rows<K8Q6_K>>;
using MoeQ8_0 = MoeK8<FileRows<TypeQ8_0>, K8Rows<K8Q8_0>>;

}  // namespace

#endif  // PLUGINS_SPARSE_ARM_MOE_FORMATS_NEON_H_
