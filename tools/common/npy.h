// NumPy's .npy files, format 1.0: reading whole arrays, writing row by row.
// Source: numpy.lib.format.
#ifndef KINGLET_TOOLS_COMMON_NPY_H_
#define KINGLET_TOOLS_COMMON_NPY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/abi/types.h"
#include "tools/common/report.h"

namespace kinglet::tools {

struct NpyArray {
  kl_dtype type = KL_TYPE_F32;
  std::vector<int64_t> shape;  // outermost first
  std::string data;            // little endian, last dimension contiguous
};

// "<f4" for f32; "" for a type that NumPy does not have.
std::string NpyTypeName(kl_dtype type);

// Everything up to the data.
std::string NpyHeader(kl_dtype type, const std::vector<int64_t>& shape);

// Little-endian arrays in C order of the types that NpyTypeName knows; everything else is refused.
Failure ParseNpy(const std::string& content, NpyArray* array);
// The same of a file; messages name it.
Failure ReadNpy(const std::string& path, NpyArray* array);

Failure WriteNpy(const std::string& path, kl_dtype type, const std::vector<int64_t>& shape,
                 const void* data, uint64_t bytes);

// "[1, 3, 32, 32]"
std::string ShapeText(const std::vector<int64_t>& shape);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_NPY_H_
