// op "mul_quantized": XNNPACK's nd operator of 8-bit codes. See binary_quantized.h.
#include "plugins/xnnpack/binary_quantized.h"

namespace kinglet {
namespace xnnpack {
namespace {

constexpr BinaryCalls<int8_t> kSigned = {xnn_create_multiply_nd_qs8, xnn_setup_multiply_nd_qs8,
                                         "xnn_create_multiply_nd_qs8", true, kLowestOfProduct};
constexpr BinaryCalls<uint8_t> kUnsigned = {xnn_create_multiply_nd_qu8, xnn_setup_multiply_nd_qu8,
                                            "xnn_create_multiply_nd_qu8", true, kLowestOfProduct};
constexpr kl_kernel kSignedKernel =
    BinaryCodesKernel<int8_t, kSigned>("mul_quantized", "mul_i8_xnnpack");
constexpr kl_kernel kUnsignedKernel =
    BinaryCodesKernel<uint8_t, kUnsigned>("mul_quantized", "mul_u8_xnnpack");
constexpr const kl_kernel* kKernels[] = {&kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, mul_quantized) = {nullptr, kinglet::xnnpack::kKernels, 2};
