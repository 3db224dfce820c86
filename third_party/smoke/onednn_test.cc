#include <cstdint>
#include <dnnl.hpp>
#include <vector>

#include "gtest/gtest.h"

namespace {

using dnnl::memory;

memory::desc Matrix(memory::dim rows, memory::dim columns, memory::data_type type) {
  return memory::desc({rows, columns}, type, memory::format_tag::ab);
}

// c[rows, columns] = a[rows, depth] b[depth, columns], all row by row.
template <typename A, typename B, typename C>
void Matmul(memory::dim rows, memory::dim depth, memory::dim columns, memory::data_type a_type,
            std::vector<A>& a, memory::data_type b_type, std::vector<B>& b,
            memory::data_type c_type, std::vector<C>& c) {
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc a_desc = Matrix(rows, depth, a_type);
  const memory::desc b_desc = Matrix(depth, columns, b_type);
  const memory::desc c_desc = Matrix(rows, columns, c_type);
  memory a_memory(a_desc, engine, a.data());
  memory b_memory(b_desc, engine, b.data());
  memory c_memory(c_desc, engine, c.data());
  const dnnl::matmul::primitive_desc primitive(dnnl::matmul::desc(a_desc, b_desc, c_desc), engine);
  dnnl::matmul(primitive).execute(
      stream, {{DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, b_memory}, {DNNL_ARG_DST, c_memory}});
  stream.wait();
}

TEST(OnednnTest, FloatMatmulMatchesATripleLoop) {
  constexpr int kRows = 4, kDepth = 32, kColumns = 8;
  std::vector<float> a(kRows * kDepth), b(kDepth * kColumns), c(kRows * kColumns);
  for (size_t i = 0; i < a.size(); i++) a[i] = static_cast<float>(i % 7) - 3.0f;
  for (size_t i = 0; i < b.size(); i++) b[i] = static_cast<float>(i % 5) - 2.0f;
  Matmul(kRows, kDepth, kColumns, memory::data_type::f32, a, memory::data_type::f32, b,
         memory::data_type::f32, c);
  for (int row = 0; row < kRows; row++) {
    for (int column = 0; column < kColumns; column++) {
      float expected = 0.0f;
      for (int k = 0; k < kDepth; k++) expected += a[row * kDepth + k] * b[k * kColumns + column];
      EXPECT_FLOAT_EQ(c[row * kColumns + column], expected) << row << ", " << column;
    }
  }
}

TEST(OnednnTest, EightBitMatmulAddsUpIn32Bits) {
  constexpr int kRows = 2, kDepth = 64, kColumns = 16;
  // Without VNNI, oneDNN adds two neighbouring products in 16 bits with saturation (vpmaddubsw)
  // before it widens: its documentation on int8 says so ("Nuances of int8 computations"). Every
  // pair here, 2 * 120 * -100, fits 16 bits; the sum of the 64 products does not.
  constexpr int kActivation = 120, kWeight = -100;
  static_assert(2 * kActivation * kWeight >= INT16_MIN &&
                kDepth * kActivation * kWeight < INT16_MIN);
  std::vector<uint8_t> a(kRows * kDepth, kActivation);
  std::vector<int8_t> b(kDepth * kColumns, kWeight);
  std::vector<int32_t> c(kRows * kColumns);
  Matmul(kRows, kDepth, kColumns, memory::data_type::u8, a, memory::data_type::s8, b,
         memory::data_type::s32, c);
  for (int32_t value : c) EXPECT_EQ(value, kDepth * kActivation * kWeight);
}

}  // namespace
