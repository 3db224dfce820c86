// op "matmul_quantized" with a constant matrix b and constant scales: oneDNN's 8-bit matmul.
//
// The contract is that of plugins/reference/matmul_quantized.cc; codes.h says how the results come
// to be its bits. a goes to scratch as u8, the library writes sums, and these are requantised into
// y.
#include <cstring>

#include "plugins/onednn/codes.h"

namespace kinglet {
namespace onednn {
namespace {

using dnnl::memory;

enum { kA, kAScale, kAZero, kB, kBScale, kBZero, kYScale, kYZero, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_ANY, KL_TYPE_F32, KL_TYPE_ANY,
                                            KL_TYPE_ANY, KL_TYPE_F32, KL_TYPE_ANY,
                                            KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_ANY};

kl_code Supports(const kl_node* node, kl_error* error) {
  const kl_tensor* a = node->operands[kA];
  const kl_tensor* b = node->operands[kB];
  const kl_tensor* y = node->operands[kY];
  if (!IsCode(a) || !IsCode(b) || !IsCode(y)) return Decline(node, "i8 or u8 codes", error);
  if (!IsConstantRows(b) || b->rank != 2 || a->rank < 2 || b->shape[0] < 1 || b->shape[1] < 1 ||
      RowCount(a) < 1 || b->shape[0] != RowElements(a) || RowElements(y) != b->shape[1] ||
      RowCount(y) != RowCount(a)) {
    return Decline(node, "a constant matrix b that fits a, none empty", error);
  }
  if (!AreConstantScales(node->operands[kAScale], node->operands[kAZero], 1) ||
      !AreConstantScales(node->operands[kBScale], node->operands[kBZero], b->shape[1]) ||
      !AreConstantScales(node->operands[kYScale], node->operands[kYZero], 1)) {
    return Decline(node, "constant scales and zero points, one for a and for y", error);
  }
  return KL_OK;
}

// Throws dnnl::error. One thread at a time.
class Product {
 public:
  explicit Product(const kl_node* node)
      : thread_count_(node->thread_count),
        rows_(RowCount(node->operands[kA])),
        depth_(node->operands[kB]->shape[0]),
        columns_(node->operands[kB]->shape[1]),
        flip_(ActivationFlip(node->operands[kA])),
        a_zero_(ActivationZero(node->operands[kAZero])),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_) {
    const dnnl::matmul::desc desc(
        memory::desc({rows_, depth_}, memory::data_type::u8, memory::format_tag::ab),
        memory::desc({depth_, columns_}, memory::data_type::s8, memory::format_tag::any),
        memory::desc({rows_, columns_}, memory::data_type::s32, memory::format_tag::ab));
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc primitive(desc, attributes, engine_);
    primitive_ = dnnl::matmul(primitive);
    a_ = memory(primitive.src_desc(), engine_, nullptr);
    y_ = memory(primitive.dst_desc(), engine_, nullptr);
    scratchpad_ = memory(primitive.scratchpad_desc(), engine_, nullptr);
    PackWeights(node->operands[kB], primitive.weights_desc());
    ReadColumns(node);
    a_at_ = layout_.Add(static_cast<uint64_t>(rows_ * depth_));
    sums_at_ = layout_.Add(static_cast<uint64_t>(rows_ * columns_) * sizeof(int32_t));
    scratchpad_at_ = layout_.Add(scratchpad_.get_desc().get_size());
  }

  uint64_t scratch_bytes() const { return layout_.total(); }

  void Run(const kl_run* run) {
    SetThreadCount(thread_count_);
    const kl_tensor* a = run->operands[kA];
    uint8_t* scratch = static_cast<uint8_t*>(run->scratch);
    uint8_t* codes = scratch + a_at_;
    const int32_t* sums = reinterpret_cast<const int32_t*>(scratch + sums_at_);
    // A run may have fewer rows than the primitive: the others are computed and thrown away.
    const int64_t rows = RowCount(a);
    for (int64_t i = 0; i < rows * depth_; ++i) codes[i] = Bytes(a)[i] ^ flip_;
    std::memset(codes + rows * depth_, 0, static_cast<size_t>((rows_ - rows) * depth_));
    a_.set_data_handle(codes);
    y_.set_data_handle(scratch + sums_at_);
    scratchpad_.set_data_handle(scratch + scratchpad_at_);
    primitive_.execute(stream_, {{DNNL_ARG_SRC, a_},
                                 {DNNL_ARG_WEIGHTS, b_},
                                 {DNNL_ARG_DST, y_},
                                 {DNNL_ARG_SCRATCHPAD, scratchpad_}});
    stream_.wait();
    uint8_t* y = static_cast<uint8_t*>(run->operands[kY]->data);
    for (int64_t row = 0; row < rows; ++row) {
      int32_t total = 0;
      for (int64_t k = 0; k < depth_; ++k) total = WrappingAdd(total, codes[row * depth_ + k]);
      for (int64_t n = 0; n < columns_; ++n) {
        const size_t column = static_cast<size_t>(n);
        const int32_t offset =
            WrappingAdd(columns_of_.offsets[column], WrappingMultiply(-b_zeros_[column], total));
        y[row * columns_ + n] = static_cast<uint8_t>(Requantize(
            columns_of_.requantizers[column], WrappingAdd(sums[row * columns_ + n], offset)));
      }
    }
  }

 private:
  void PackWeights(const kl_tensor* b, const memory::desc& wanted) {
    std::vector<uint8_t> flipped(static_cast<size_t>(depth_ * columns_));
    for (size_t i = 0; i < flipped.size(); ++i)
      flipped[i] = static_cast<uint8_t>(Bytes(b)[i] ^ WeightFlip(b));
    memory rows(memory::desc({depth_, columns_}, memory::data_type::s8, memory::format_tag::ab),
                engine_, flipped.data());
    b_ = memory(wanted, engine_);
    dnnl::reorder(rows, b_).execute(stream_, rows, b_);
    stream_.wait();
  }

  // sum of (a' - a0) (b' - b0) = sum of a' b' - a0 (sum of b') + K a0 b0 - b0 (sum of a'), for
  // flipped codes and zero points; the last term is a row's.
  void ReadColumns(const kl_node* node) {
    const kl_tensor* b = node->operands[kB];
    const kl_tensor* y_zero = node->operands[kYZero];
    const CodeRange range = CodesOf(node->operands[kY]->type);
    const bool fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
    const int32_t zero =
        y_zero->type == KL_TYPE_I8 ? static_cast<int8_t>(Bytes(y_zero)[0]) : Bytes(y_zero)[0];
    for (int64_t n = 0; n < columns_; ++n) {
      int32_t sum = 0;
      for (int64_t k = 0; k < depth_; ++k)
        sum = WrappingAdd(sum, static_cast<int8_t>(Bytes(b)[k * columns_ + n] ^ WeightFlip(b)));
      const int32_t b_zero = WeightZero(node->operands[kBZero], n);
      const int32_t corner =
          WrappingMultiply(static_cast<int32_t>(depth_), WrappingMultiply(a_zero_, b_zero));
      b_zeros_.push_back(b_zero);
      columns_of_.offsets.push_back(WrappingAdd(corner, WrappingMultiply(-a_zero_, sum)));
      const double factor = Scale(node->operands[kAScale], 0) * Scale(node->operands[kBScale], n) /
                            Scale(node->operands[kYScale], 0);
      columns_of_.requantizers.push_back(MakeRequantizer(factor, fixed_point, zero, range));
    }
  }

  const uint32_t thread_count_;
  const int64_t rows_, depth_, columns_;
  const uint8_t flip_;
  const int32_t a_zero_;
  CodeChannels columns_of_;
  std::vector<int32_t> b_zeros_;
  ScratchLayout layout_;
  uint64_t a_at_ = 0, sums_at_ = 0, scratchpad_at_ = 0;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  memory a_, b_, y_, scratchpad_;
};

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  const kl_code code = Supports(node, error);
  if (code != KL_OK) return code;
  return PrepareObject<Product>(node, state, requirements, error,
                                [&] { return new Product(node); });
}

constexpr kl_kernel kWide =
    CodesKernel<Product>("matmul_quantized", "matmul_codes_onednn", kTypes, KL_CPU_AVX512_VNNI,
                         kPriority, Supports, Prepare, RunObject<Product>);
constexpr kl_kernel kNarrow =
    CodesKernel<Product>("matmul_quantized", "matmul_codes_avx_vnni_onednn", kTypes,
                         KL_CPU_AVX_VNNI, kPriority - 1, Supports, Prepare, RunObject<Product>);
constexpr const kl_kernel* kKernels[] = {&kWide, &kNarrow};

}  // namespace
}  // namespace onednn
}  // namespace kinglet

KL_TABLE(onednn, matmul_quantized) = {nullptr, kinglet::onednn::kKernels, 2};
