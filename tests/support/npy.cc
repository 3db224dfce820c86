#include "tests/support/npy.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace kinglet {

std::vector<std::vector<float>> ReadNpyRows(const std::string& path) {
  constexpr size_t kFixedHeaderBytes = 10;
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.size() < kFixedHeaderBytes || bytes.compare(0, 7, "\x93NUMPY\x01") != 0) {
    ADD_FAILURE() << path << ": not a version 1 .npy file";
    return {};
  }
  const size_t header_bytes = static_cast<uint8_t>(bytes[8]) | static_cast<size_t>(static_cast<uint8_t>(bytes[9])) << 8;
  const std::string header = bytes.substr(kFixedHeaderBytes, header_bytes);
  size_t rows = 0;
  size_t columns = 0;
  const size_t shape = header.find("'shape': (");
  if (header.find("'<f4'") == std::string::npos || header.find("'fortran_order': False") == std::string::npos ||
      shape == std::string::npos || sscanf(header.c_str() + shape, "'shape': (%zu, %zu)", &rows, &columns) != 2 ||
      bytes.size() != kFixedHeaderBytes + header_bytes + rows * columns * sizeof(float)) {
    ADD_FAILURE() << path << ": not a matrix of f32: " << header;
    return {};
  }
  std::vector<std::vector<float>> matrix(rows, std::vector<float>(columns));
  const char* data = bytes.data() + kFixedHeaderBytes + header_bytes;
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(matrix[r].data(), data + r * columns * sizeof(float), columns * sizeof(float));
  }
  return matrix;
}

}  // namespace kinglet
