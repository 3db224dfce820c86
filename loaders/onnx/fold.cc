#include "loaders/onnx/fold.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/abi/dtype.h"

namespace kinglet {
namespace {

using Shape = std::vector<int64_t>;

double HalfToDouble(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
  return sign * std::ldexp(exponent == 0 ? fraction : fraction + 1024, std::max(exponent, 1) - 25);
}

double BfloatToDouble(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <typename Stored, typename To, typename Convert>
std::vector<To> ReadAs(const OnnxConstant& constant, Convert convert) {
  std::vector<To> values(constant.bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, constant.bytes.data() + i * sizeof stored, sizeof stored);
    values[i] = convert(stored);
  }
  return values;
}

int64_t Truncated(double v) {
  if (std::isnan(v)) return 0;
  if (v >= 9.2233720368547748e18) return std::numeric_limits<int64_t>::max();
  if (v <= -9.2233720368547748e18) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(v);
}

template <typename To>
std::vector<To> Read(const OnnxConstant& constant) {
  const auto plain = [](auto v) {
    if constexpr (std::is_same<To, int64_t>::value && std::is_floating_point<decltype(v)>::value) {
      return Truncated(v);
    } else {
      return static_cast<To>(v);
    }
  };
  switch (constant.type) {
    case KL_TYPE_F32:
      return ReadAs<float, To>(constant, plain);
    case KL_TYPE_F64:
      return ReadAs<double, To>(constant, plain);
    case KL_TYPE_F16:
      return ReadAs<uint16_t, To>(constant, [&](uint16_t v) { return plain(HalfToDouble(v)); });
    case KL_TYPE_BF16:
      return ReadAs<uint16_t, To>(constant, [&](uint16_t v) { return plain(BfloatToDouble(v)); });
    case KL_TYPE_I64:
      return ReadAs<int64_t, To>(constant, plain);
    case KL_TYPE_I32:
      return ReadAs<int32_t, To>(constant, plain);
    case KL_TYPE_I16:
      return ReadAs<int16_t, To>(constant, plain);
    case KL_TYPE_I8:
      return ReadAs<int8_t, To>(constant, plain);
    case KL_TYPE_BOOL:
      return ReadAs<uint8_t, To>(constant, [&](uint8_t v) { return plain(v != 0 ? 1 : 0); });
    default:
      return ReadAs<uint8_t, To>(constant, plain);
  }
}

template <typename Stored, typename From>
void Write(const std::vector<From>& values, std::vector<uint8_t>* bytes) {
  bytes->resize(values.size() * sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    if constexpr (std::is_floating_point<From>::value && !std::is_floating_point<Stored>::value) {
      stored = static_cast<Stored>(std::clamp<int64_t>(
          Truncated(values[i]), static_cast<int64_t>(std::numeric_limits<Stored>::min()),
          static_cast<int64_t>(std::numeric_limits<Stored>::max())));
    } else {
      stored = static_cast<Stored>(values[i]);
    }
    std::memcpy(bytes->data() + i * sizeof stored, &stored, sizeof stored);
  }
}

template <typename From>
OnnxConstant Make(kl_dtype type, const Shape& shape, const std::vector<From>& values) {
  OnnxConstant constant;
  constant.type = type;
  constant.shape = shape;
  switch (type) {
    case KL_TYPE_F32:
      Write<float>(values, &constant.bytes);
      break;
    case KL_TYPE_F64:
      Write<double>(values, &constant.bytes);
      break;
    case KL_TYPE_I64:
      Write<int64_t>(values, &constant.bytes);
      break;
    case KL_TYPE_I32:
      Write<int32_t>(values, &constant.bytes);
      break;
    case KL_TYPE_I16:
      Write<int16_t>(values, &constant.bytes);
      break;
    case KL_TYPE_I8:
      Write<int8_t>(values, &constant.bytes);
      break;
    case KL_TYPE_BOOL:
      constant.bytes.resize(values.size());
      for (size_t i = 0; i < values.size(); ++i) constant.bytes[i] = values[i] != 0 ? 1 : 0;
      break;
    default:
      Write<uint8_t>(values, &constant.bytes);
  }
  return constant;
}

int64_t Count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) count *= dimension;
  return count;
}

bool Fits(const Shape& shape, kl_dtype type) {
  int64_t count = 0;
  return OnnxElementCount(shape, type, &count) && count <= kLargestFold;
}

bool IsHalf(kl_dtype type) { return type == KL_TYPE_F16 || type == KL_TYPE_BF16; }

using BinaryReal = double (*)(double, double);
using BinaryWhole = int64_t (*)(int64_t, int64_t);
struct BinaryRow {
  const char* op;
  BinaryReal real;
  BinaryWhole whole;
  bool comparison;
};
uint64_t U(int64_t v) { return static_cast<uint64_t>(v); }
constexpr BinaryRow kBinary[] = {
    {"add", [](double a, double b) { return a + b; },
     [](int64_t a, int64_t b) { return static_cast<int64_t>(U(a) + U(b)); }, false},
    {"sub", [](double a, double b) { return a - b; },
     [](int64_t a, int64_t b) { return static_cast<int64_t>(U(a) - U(b)); }, false},
    {"mul", [](double a, double b) { return a * b; },
     [](int64_t a, int64_t b) { return static_cast<int64_t>(U(a) * U(b)); }, false},
    {"div", [](double a, double b) { return a / b; },
     [](int64_t a, int64_t b) {
       return b == 0 ? 0 : b == -1 ? static_cast<int64_t>(0 - U(a)) : a / b;
     },
     false},
    {"mod", [](double a, double b) { return std::fmod(a, b); },
     [](int64_t a, int64_t b) {
       if (b == 0 || b == -1) return int64_t{0};
       const int64_t rest = a % b;
       return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
     },
     false},
    {"pow", [](double a, double b) { return std::pow(a, b); },
     [](int64_t a, int64_t b) {
       return Truncated(std::pow(static_cast<double>(a), static_cast<double>(b)));
     },
     false},
    {"min", [](double a, double b) { return std::isnan(a) || a < b ? a : b; },
     [](int64_t a, int64_t b) { return std::min(a, b); }, false},
    {"max", [](double a, double b) { return std::isnan(a) || a > b ? a : b; },
     [](int64_t a, int64_t b) { return std::max(a, b); }, false},
    {"equal", [](double a, double b) { return a == b ? 1.0 : 0.0; },
     [](int64_t a, int64_t b) { return int64_t{a == b}; }, true},
    {"less", [](double a, double b) { return a < b ? 1.0 : 0.0; },
     [](int64_t a, int64_t b) { return int64_t{a < b}; }, true},
    {"less_equal", [](double a, double b) { return a <= b ? 1.0 : 0.0; },
     [](int64_t a, int64_t b) { return int64_t{a <= b}; }, true},
    {"logical_and", nullptr, [](int64_t a, int64_t b) { return a & b; }, true},
    {"logical_or", nullptr, [](int64_t a, int64_t b) { return a | b; }, true},
    {"logical_xor", nullptr, [](int64_t a, int64_t b) { return a ^ b; }, true},
};

struct UnaryRow {
  const char* op;
  double (*real)(double);
};
constexpr UnaryRow kUnary[] = {
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"exp", [](double x) { return std::exp(x); }},
    {"log", [](double x) { return std::log(x); }},
    {"abs", [](double x) { return std::fabs(x); }},
    {"floor", [](double x) { return std::floor(x); }},
    {"ceil", [](double x) { return std::ceil(x); }},
    {"round", [](double x) { return std::nearbyint(x); }},
    {"reciprocal", [](double x) { return 1.0 / x; }},
};

}  // namespace

bool IsOnnxFloat(kl_dtype type) {
  return type == KL_TYPE_F32 || type == KL_TYPE_F64 || IsHalf(type);
}

std::vector<double> Reals(const OnnxConstant& constant) { return Read<double>(constant); }
std::vector<int64_t> Wholes(const OnnxConstant& constant) { return Read<int64_t>(constant); }

OnnxConstant RealConstant(kl_dtype type, const Shape& shape, const std::vector<double>& values) {
  return Make(type, shape, values);
}
OnnxConstant WholeConstant(kl_dtype type, const Shape& shape, const std::vector<int64_t>& values) {
  return Make(type, shape, values);
}

std::optional<Shape> BroadcastShape(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.size(), b.size());
  Shape shape(rank);
  for (size_t d = 1; d <= rank; ++d) {
    const int64_t from_a = d <= a.size() ? a[a.size() - d] : 1;
    const int64_t from_b = d <= b.size() ? b[b.size() - d] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) return std::nullopt;
    shape[rank - d] = from_a == 1 ? from_b : from_a;
  }
  return shape;
}

int64_t BroadcastIndex(int64_t index, const Shape& to, const Shape& from) {
  int64_t stride = 1, result = 0;
  for (size_t d = 1; d <= from.size(); ++d) {
    const int64_t size = to[to.size() - d], own = from[from.size() - d];
    result += index % size % own * stride;
    index /= size;
    stride *= own;
  }
  return result;
}

std::optional<OnnxConstant> FoldBinary(absl::string_view op, const OnnxConstant& a,
                                       const OnnxConstant& b) {
  const BinaryRow* row = nullptr;
  for (const BinaryRow& candidate : kBinary) {
    if (op == candidate.op) row = &candidate;
  }
  const std::optional<Shape> shape = BroadcastShape(a.shape, b.shape);
  if (row == nullptr || a.type != b.type || !shape.has_value() || !Fits(*shape, a.type) ||
      (IsHalf(a.type) && !row->comparison)) {
    return std::nullopt;
  }
  const kl_dtype type = row->comparison ? kl_dtype{KL_TYPE_BOOL} : a.type;
  const int64_t count = Count(*shape);
  if (IsOnnxFloat(a.type)) {
    if (row->real == nullptr) return std::nullopt;
    const std::vector<double> x = Reals(a), y = Reals(b);
    std::vector<double> values(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      values[static_cast<size_t>(i)] =
          row->real(x[static_cast<size_t>(BroadcastIndex(i, *shape, a.shape))],
                    y[static_cast<size_t>(BroadcastIndex(i, *shape, b.shape))]);
    }
    return Make(type, *shape, values);
  }
  const std::vector<int64_t> x = Wholes(a), y = Wholes(b);
  std::vector<int64_t> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<size_t>(i)] =
        row->whole(x[static_cast<size_t>(BroadcastIndex(i, *shape, a.shape))],
                   y[static_cast<size_t>(BroadcastIndex(i, *shape, b.shape))]);
  }
  return Make(type, *shape, values);
}

std::optional<OnnxConstant> FoldUnary(absl::string_view op, const OnnxConstant& x) {
  if ((x.type != KL_TYPE_F32 && x.type != KL_TYPE_F64) || !Fits(x.shape, x.type)) {
    return std::nullopt;
  }
  for (const UnaryRow& row : kUnary) {
    if (op != row.op) continue;
    std::vector<double> values = Reals(x);
    for (double& v : values) v = row.real(v);
    return Make(x.type, x.shape, values);
  }
  return std::nullopt;
}

std::optional<OnnxConstant> FoldWhere(const OnnxConstant& condition, const OnnxConstant& a,
                                      const OnnxConstant& b) {
  const std::optional<Shape> both = BroadcastShape(a.shape, b.shape);
  if (a.type != b.type || !both.has_value()) return std::nullopt;
  const std::optional<Shape> shape = BroadcastShape(condition.shape, *both);
  if (!shape.has_value() || !Fits(*shape, a.type)) return std::nullopt;
  const size_t size = kl_dtype_info_of(a.type).block_bytes;
  OnnxConstant result;
  result.type = a.type;
  result.shape = *shape;
  const int64_t count = Count(*shape);
  result.bytes.resize(static_cast<size_t>(count) * size);
  for (int64_t i = 0; i < count; ++i) {
    const bool flag =
        condition.bytes[static_cast<size_t>(BroadcastIndex(i, *shape, condition.shape))] != 0;
    const OnnxConstant& from = flag ? a : b;
    std::memcpy(&result.bytes[static_cast<size_t>(i) * size],
                &from.bytes[static_cast<size_t>(BroadcastIndex(i, *shape, from.shape)) * size],
                size);
  }
  return result;
}

std::optional<OnnxConstant> FoldCast(const OnnxConstant& x, kl_dtype type) {
  if (IsHalf(type) || !Fits(x.shape, type)) return std::nullopt;
  if (type == KL_TYPE_BOOL || IsOnnxFloat(x.type)) return Make(type, x.shape, Reals(x));
  return Make(type, x.shape, Wholes(x));
}

std::optional<OnnxConstant> FoldExpand(const OnnxConstant& x, const Shape& shape) {
  if (!Fits(shape, x.type)) return std::nullopt;
  const size_t size = kl_dtype_info_of(x.type).block_bytes;
  OnnxConstant result;
  result.type = x.type;
  result.shape = shape;
  const int64_t count = Count(shape);
  result.bytes.resize(static_cast<size_t>(count) * size);
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(&result.bytes[static_cast<size_t>(i) * size],
                &x.bytes[static_cast<size_t>(BroadcastIndex(i, shape, x.shape)) * size], size);
  }
  return result;
}

std::optional<OnnxConstant> FoldSlice(const OnnxConstant& x, const Shape& begins,
                                      const Shape& steps, const Shape& shape) {
  if (!Fits(shape, x.type)) return std::nullopt;
  const size_t size = kl_dtype_info_of(x.type).block_bytes;
  OnnxConstant result;
  result.type = x.type;
  result.shape = shape;
  const int64_t count = Count(shape);
  result.bytes.resize(static_cast<size_t>(count) * size);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, stride = 1, from = 0;
    for (size_t d = shape.size(); d-- > 0;) {
      from += (begins[d] + rest % shape[d] * steps[d]) * stride;
      rest /= shape[d];
      stride *= x.shape[d];
    }
    std::memcpy(&result.bytes[static_cast<size_t>(i) * size],
                &x.bytes[static_cast<size_t>(from) * size], size);
  }
  return result;
}

std::optional<OnnxConstant> FoldReduce(absl::string_view kind, const OnnxConstant& x,
                                       const std::vector<bool>& reduced) {
  const char* op = kind == "sum" || kind == "mean" ? "add"
                   : kind == "prod"                ? "mul"
                   : kind == "max"                 ? "max"
                   : kind == "min"                 ? "min"
                                                   : nullptr;
  if (op == nullptr || !Fits(x.shape, x.type) || IsHalf(x.type) || Count(x.shape) == 0) {
    return std::nullopt;
  }
  Shape shape = x.shape;
  for (size_t d = 0; d < shape.size(); ++d) shape[d] = reduced[d] ? 1 : shape[d];
  const BinaryRow* row = kBinary;
  while (absl::string_view(row->op) != op) ++row;
  const int64_t count = Count(x.shape), results = Count(shape);
  std::vector<bool> seen(static_cast<size_t>(results), false);
  std::vector<double> reals(static_cast<size_t>(results));
  std::vector<int64_t> wholes(static_cast<size_t>(results));
  const std::vector<double> from_reals = Reals(x);
  const std::vector<int64_t> from_wholes = Wholes(x);
  for (int64_t i = 0; i < count; ++i) {
    const size_t at = static_cast<size_t>(i);
    const size_t to = static_cast<size_t>(BroadcastIndex(i, x.shape, shape));
    reals[to] = seen[to] ? row->real(reals[to], from_reals[at]) : from_reals[at];
    wholes[to] = seen[to] ? row->whole(wholes[to], from_wholes[at]) : from_wholes[at];
    seen[to] = true;
  }
  if (kind == "mean") {
    for (double& v : reals) v /= static_cast<double>(count / results);
    for (int64_t& v : wholes) v /= count / results;
  }
  return IsOnnxFloat(x.type) ? Make(x.type, shape, reals) : Make(x.type, shape, wholes);
}

}  // namespace kinglet
