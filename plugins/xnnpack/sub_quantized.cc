// op "sub_quantized": XNNPACK's nd operator of 8-bit codes. See binary_quantized.h.
#include "plugins/xnnpack/binary_quantized.h"

namespace kinglet {
namespace xnnpack {
namespace {

constexpr BinaryCalls<int8_t> kSigned = {xnn_create_subtract_nd_qs8, xnn_setup_subtract_nd_qs8,
                                         "xnn_create_subtract_nd_qs8", false, kLowestOfSum};
constexpr BinaryCalls<uint8_t> kUnsigned = {xnn_create_subtract_nd_qu8, xnn_setup_subtract_nd_qu8,
                                            "xnn_create_subtract_nd_qu8", false, kLowestOfSum};
constexpr kl_kernel kSignedKernel =
    BinaryCodesKernel<int8_t, kSigned>("sub_quantized", "sub_i8_xnnpack");
constexpr kl_kernel kUnsignedKernel =
    BinaryCodesKernel<uint8_t, kUnsigned>("sub_quantized", "sub_u8_xnnpack");
constexpr const kl_kernel* kKernels[] = {&kSignedKernel, &kUnsignedKernel};

}  // namespace
}  // namespace xnnpack
}  // namespace kinglet

KL_TABLE(xnnpack, sub_quantized) = {nullptr, kinglet::xnnpack::kKernels, 2};
