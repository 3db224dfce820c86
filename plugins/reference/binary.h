// Elementwise operators of two operands with numpy broadcasting: what add, sub, equal and their
// like share.
//
// An operator is a struct with its definition and one function for floats and one for whole numbers
// (bool counts as 0 and 1):
//
//   struct Add {
//     static constexpr const kl_op* kDefinition = &kOp;
//     static double Floats(double a, double b) { return a + b; }
//     static int64_t Whole(int64_t a, int64_t b) { return Wrapped(a, b, ..); }
//   };
//
// Numbers: elements.h. Thread safety: pure functions.
#ifndef KINGLET_PLUGINS_REFERENCE_BINARY_H_
#define KINGLET_PLUGINS_REFERENCE_BINARY_H_

#include "plugins/reference/cases.h"
#include "plugins/reference/elements.h"

namespace kinglet {
namespace reference {

enum { kBinaryA, kBinaryB, kBinaryY };
constexpr kl_operand kBinaryOperands[] = {Input("a"), Input("b"), Result("y", kBinaryA)};
// A comparison's result has another type than its operands: it takes no memory over.
constexpr kl_operand kComparisonOperands[] = {Input("a"), Input("b"), Result("y")};

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
constexpr kl_case_operand kBinaryWhole[] = {Integers({S(1), 1, 7}, -9, 9),
                                            Integers({1, S(2), 1}, 1, 9),
                                            Output({S(1), S(2), 7}, KL_TYPE_I32)};
constexpr kl_op_case kBinaryCases[] = {
    Case("one_row", kBinarySame, {{Fixed(1), Range(1, 2048)}}, 2),
    Case("batch", kBinarySame, {{Range(2, 20), Range(1, 600)}}, 2),
    Case("odd_length", kBinarySame, {{Range(1, 4), Fixed(172)}}, 1),
    Case("row_of_b", kBinaryRow, {{Range(1, 9), Range(1, 300)}}, 1),
    Case("scalar", kBinaryScalar, {{Range(1, 9), Range(1, 100)}}, 1),
    Case("first_broadcasts", kBinaryFirst, {{Fixed(1), Range(1, 9), Range(1, 50)}}, 1),
    Case("channel", kBinaryChannel, {{Fixed(1), Range(1, 9)}}, 1),
    Case("both_broadcast", kBinaryBoth, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("whole_numbers", kBinaryWhole, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
};
// Where b must not be 0 and a not negative.
constexpr kl_case_operand kPositiveBoth[] = {
    Uniform({S(1), 1, 7}, 0.1, 4.0), Uniform({1, S(2), 1}, 0.5, 3.0), Output({S(1), S(2), 7})};
constexpr kl_op_case kPositiveBinaryCases[] = {
    Case("both_broadcast", kPositiveBoth, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 2),
    Case("whole_numbers", kBinaryWhole, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
};
constexpr kl_case_operand kCompareFloats[] = {Normal({S(1), 1, 7}), Normal({1, S(2), 1}),
                                              Output({S(1), S(2), 7}, KL_TYPE_BOOL)};
constexpr kl_case_operand kCompareWhole[] = {Integers({S(1), 7}, 0, 3), Integers({7}, 0, 3),
                                             Output({S(1), 7}, KL_TYPE_BOOL)};
constexpr kl_op_case kComparisonCases[] = {
    Case("floats", kCompareFloats, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
    Case("whole_numbers", kCompareWhole, {{Fixed(1), Range(1, 30)}}, 1),
};
constexpr kl_case_operand kLogicalOperands[] = {
    Fill(KL_TYPE_BOOL, {S(1), 1, 7}, KL_FILL_INTEGERS, 0, 2),
    Fill(KL_TYPE_BOOL, {1, S(2), 1}, KL_FILL_INTEGERS, 0, 2),
    Output({S(1), S(2), 7}, KL_TYPE_BOOL)};
constexpr kl_op_case kLogicalCases[] = {
    Case("broadcast", kLogicalOperands, {{Fixed(1), Range(1, 9), Range(1, 9)}}, 1),
};

enum class BinaryTypes {
  kSame,        // a, b, y of one type, floats or whole numbers
  kComparison,  // a, b of one type, y bool
  kLogical      // all bool
};

// y has the broadcast shape of a and b: dimensions meet from the right, and agree or are 1.
kl_code PrepareBinary(const kl_op& op, BinaryTypes types, const kl_node* node, kl_error* error);

// Shape of the broadcast of operands a and b of the node, which must be a shape that they have.
void CheckBroadcast(const kl_node* node, uint32_t a, uint32_t b, int64_t* shape, int32_t* rank,
                    Check* check);

// First element that row `row` of y needs from `tensor`, and the step (0 or 1) along the row.
int64_t BroadcastOffset(const kl_tensor* tensor, const kl_tensor* y, int64_t row, int64_t* step);

inline void BinaryWork(const kl_run* run, kl_work* work) {
  const kl_tensor* y = run->operands[kBinaryY];
  OnePhase(work, kl_element_count(y) == 0 ? 0 : RowCount(y));
}

template <typename Operation, typename From, typename To>
void RunBinaryRows(const kl_run* run) {
  const kl_tensor* y = run->operands[kBinaryY];
  const int64_t length = RowElements(y);
  for (int64_t r = run->begin; r < run->end; ++r) {
    int64_t a_step = 0, b_step = 0;
    const From* a = static_cast<const From*>(run->operands[kBinaryA]->data) +
                    BroadcastOffset(run->operands[kBinaryA], y, r, &a_step);
    const From* b = static_cast<const From*>(run->operands[kBinaryB]->data) +
                    BroadcastOffset(run->operands[kBinaryB], y, r, &b_step);
    To* out = static_cast<To*>(y->data) + r * length;
    for (int64_t i = 0; i < length; ++i) {
      if constexpr (kIsFloat<From> && kIsFloat<To>) {
        out[i] =
            FromDouble<To>(Operation::Floats(ToDouble(a[i * a_step]), ToDouble(b[i * b_step])));
      } else if constexpr (kIsFloat<From>) {
        out[i] = FromInt<To>(
            Operation::Floats(ToDouble(a[i * a_step]), ToDouble(b[i * b_step])) ? 1 : 0);
      } else {
        out[i] = FromInt<To>(Operation::Whole(ToInt(a[i * a_step]), ToInt(b[i * b_step])));
      }
    }
  }
}

template <typename Operation>
kl_code PrepareBinaryOp(const kl_host*, const kl_node* node, void*, kl_requirements*,
                        kl_error* error) {
  return PrepareBinary(*Operation::kDefinition, Operation::kTypes, node, error);
}

template <typename Operation>
kl_code RunBinary(const kl_run* run) {
  WithType(run->operands[kBinaryA]->type, [run](auto zero) {
    using From = decltype(zero);
    if constexpr (Operation::kTypes == BinaryTypes::kSame) {
      RunBinaryRows<Operation, From, From>(run);
    } else {
      RunBinaryRows<Operation, From, Bool>(run);
    }
  });
  return KL_OK;
}

template <typename Operation>
constexpr kl_kernel BinaryKernel(const char* name) {
  return ReferenceKernel(*Operation::kDefinition, name, 0, PrepareBinaryOp<Operation>, BinaryWork,
                         RunBinary<Operation>);
}

// Sums and products of whole numbers wrap.
inline int64_t WrappingAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t WrappingSubtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
inline int64_t WrappingMultiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_BINARY_H_
