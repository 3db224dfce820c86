// Reading golden outputs: f32 matrices in NumPy's file format.
#ifndef TESTS_SUPPORT_NPY_H_
#define TESTS_SUPPORT_NPY_H_

#include <string>
#include <vector>

namespace kinglet {

// Rows of a two-dimensional little-endian f32 array in C order, version 1 header. Anything else fails the test and
// returns nothing.
std::vector<std::vector<float>> ReadNpyRows(const std::string& path);

}  // namespace kinglet

#endif  // TESTS_SUPPORT_NPY_H_
