// Elementwise operators of two operands with numpy broadcasting: what add, sub and mul share.
//
// Thread safety: pure functions.
#ifndef KINGLET_PLUGINS_REFERENCE_BINARY_H_
#define KINGLET_PLUGINS_REFERENCE_BINARY_H_

#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {

enum { kBinaryA, kBinaryB, kBinaryY };
constexpr kl_operand kBinaryOperands[] = {Input("a"), Input("b"), Result("y", kBinaryA)};

constexpr kl_case_operand kBinarySame[] = {Normal({S(0), S(1)}), Normal({S(0), S(1)}),
                                           Output({S(0), S(1)})};
constexpr kl_case_operand kBinaryRow[] = {Normal({S(0), S(1)}), Normal({S(1)}),
                                          Output({S(0), S(1)})};
constexpr kl_case_operand kBinaryScalar[] = {Normal({S(0), S(1)}), Normal({}),
                                             Output({S(0), S(1)})};
constexpr kl_case_operand kBinaryFirst[] = {Normal({S(2)}), Normal({3, S(1), S(2)}),
                                            Output({3, S(1), S(2)})};
constexpr kl_case_operand kBinaryChannel[] = {Normal({2, S(1), 5, 4}), Normal({S(1), 1, 1}),
                                              Output({2, S(1), 5, 4})};
constexpr kl_case_operand kBinaryBoth[] = {Normal({S(1), 1, 7}), Normal({1, S(2), 1}),
                                           Output({S(1), S(2), 7})};
constexpr kl_op_case kBinaryCases[] = {
    Case("one_row", kBinarySame, {{Fixed(1), Range(1, 2048)}}, 2),
    Case("batch", kBinarySame, {{Range(2, 20), Range(1, 600)}}, 2),
    Case("odd_length", kBinarySame, {{Range(1, 4), Fixed(172)}}, 1),
    Case("row_of_b", kBinaryRow, {{Range(1, 9), Range(1, 300)}}, 1),
    Case("scalar", kBinaryScalar, {{Range(1, 9), Range(1, 100)}}, 1),
    Case("first_broadcasts", kBinaryFirst, {{Fixed(1), Range(1, 9), Range(1, 50)}}, 1),
    Case("channel", kBinaryChannel, {{Fixed(1), Range(1, 9)}}, 1),
    Case("both_broadcast", kBinaryBoth, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
};

// y has the broadcast shape of a and b: dimensions meet from the right, and agree or are 1.
kl_code PrepareBinary(const kl_op& op, const kl_node* node, kl_error* error);

// Offsets of the first elements of row `row` of y in a and b, and their steps (0 or 1) along the
// row.
struct BinaryRow {
  const float* a;
  const float* b;
  float* y;
  int64_t a_step;
  int64_t b_step;
  int64_t length;
};
BinaryRow BinaryRowOf(const kl_run* run, int64_t row);

inline void BinaryWork(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kBinaryY];
  OnePhase(work, kl_element_count(y) == 0 ? 0 : RowCount(y));
}

template <typename Function>
kl_code RunBinary(const kl_run* run, Function function) {
  for (int64_t r = run->begin; r < run->end; ++r) {
    const BinaryRow row = BinaryRowOf(run, r);
    for (int64_t i = 0; i < row.length; ++i)
      row.y[i] = function(row.a[i * row.a_step], row.b[i * row.b_step]);
  }
  return KL_OK;
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_BINARY_H_
