// op "conv2d_quantized" with constant weights and scales: oneDNN's 8-bit convolution, and its inner
// product where images are single pixels (a fully connected layer).
//
// The contract is that of plugins/reference/conv2d_quantized.cc; codes.h says how the results come
// to be its bits. Image by image: x goes to scratch as NHWC, padded with its zero point, the
// library writes sums as NHWC, and these are requantised into y.
#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <limits>

#include "plugins/onednn/codes.h"
#include "plugins/onednn/window.h"

namespace kinglet {
namespace onednn {
namespace {

using dnnl::memory;

enum { kX, kXScale, kXZero, kW, kWScale, kWZero, kYScale, kYZero, kBias, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_ANY, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_ANY,
                                            KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32, KL_TYPE_ANY,
                                            KL_TYPE_ANY, KL_TYPE_ANY};

kl_code Read(const kl_node* node, Window* g, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* bias = node->operands[kBias];
  const kl_tensor* y = node->operands[kY];
  if (!IsCode(x) || !IsCode(w) || !IsCode(y)) return Decline(node, "i8 or u8 codes", error);
  const kl_code code = ReadWindow(node, x, w, y, g, error);
  if (code != KL_OK) return code;
  const int64_t outputs = w->shape[0];
  if (g->padded[0] * g->padded[1] > std::numeric_limits<int32_t>::max() / x->shape[1])
    return Decline(node, "padded images of less than 2^31 codes", error);
  if (!IsConstantRows(w) ||
      !AreConstantScales(node->operands[kXScale], node->operands[kXZero], 1) ||
      !AreConstantScales(node->operands[kWScale], node->operands[kWZero], outputs) ||
      !AreConstantScales(node->operands[kYScale], node->operands[kYZero], 1)) {
    return Decline(node, "constant weights, scales and zero points", error);
  }
  for (int64_t i = 0; i < kl_element_count(node->operands[kWZero]); ++i) {
    if (WeightZero(node->operands[kWZero], i) != 0)
      return Decline(node, "weights around 0 (i8) or 128 (u8)", error);
  }
  if (!IsAbsent(bias) &&
      (bias->type != KL_TYPE_I32 || !IsConstantRows(bias) || kl_element_count(bias) != outputs)) {
    return Decline(node, "a constant i32 bias [M]", error);
  }
  return KL_OK;
}

kl_code Supports(const kl_node* node, kl_error* error) {
  Window geometry;
  return Read(node, &geometry, error);
}

// The products of one run of the primitive: of one image, or of all where these are single pixels.
// Throws dnnl::error. One thread at a time.
class Convolution {
 public:
  Convolution(const kl_node* node, const Window& geometry)
      : geometry_(geometry),
        thread_count_(node->thread_count),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_) {
    const kl_tensor* x = node->operands[kX];
    const kl_tensor* w = node->operands[kW];
    single_pixels_ = geometry.padded[0] == 1 && geometry.padded[1] == 1 && geometry.group == 1;
    if (single_pixels_) {
      MakeInnerProduct(x, w);
    } else {
      MakeConvolution(x, w, node->operands[kY]);
    }
    const int64_t pixels = geometry.padded[0] * geometry.padded[1];
    const int64_t images = single_pixels_ ? x->shape[0] : 1;
    input_at_ = layout_.Add(static_cast<uint64_t>(images * pixels * x->shape[1]));
    const kl_tensor* y = node->operands[kY];
    sums_at_ = layout_.Add(static_cast<uint64_t>(images * y->shape[1] * y->shape[2] * y->shape[3]) *
                           sizeof(int32_t));
    scratchpad_at_ = layout_.Add(scratchpad_.get_desc().get_size());
    ReadChannels(node);
  }

  uint64_t scratch_bytes() const { return layout_.total(); }

  void Run(const kl_run* run) {
    SetThreadCount(thread_count_);
    const kl_tensor* x = run->operands[kX];
    const kl_tensor* y = run->operands[kY];
    uint8_t* scratch = static_cast<uint8_t*>(run->scratch);
    uint8_t* input = scratch + input_at_;
    int32_t* sums = reinterpret_cast<int32_t*>(scratch + sums_at_);
    x_.set_data_handle(input);
    y_.set_data_handle(sums);
    scratchpad_.set_data_handle(scratch + scratchpad_at_);
    const int64_t x_image = x->shape[1] * x->shape[2] * x->shape[3];
    const int64_t y_image = y->shape[1] * y->shape[2] * y->shape[3];
    const int64_t steps = single_pixels_ ? 1 : x->shape[0];
    for (int64_t n = 0; n < steps; ++n) {
      if (single_pixels_) {
        for (int64_t i = 0; i < x->shape[0] * x_image; ++i) input[i] = Bytes(x)[i] ^ flip_;
      } else {
        FillImage(x, Bytes(x) + n * x_image, input);
      }
      primitive_.execute(stream_, {{DNNL_ARG_SRC, x_},
                                   {DNNL_ARG_WEIGHTS, w_},
                                   {DNNL_ARG_DST, y_},
                                   {DNNL_ARG_SCRATCHPAD, scratchpad_}});
      stream_.wait();
      if (single_pixels_) {
        for (int64_t i = 0; i < y->shape[0]; ++i)
          Store(sums + i * y_image, y, 1, static_cast<uint8_t*>(y->data) + i * y_image);
      } else {
        Store(sums, y, y->shape[2] * y->shape[3], static_cast<uint8_t*>(y->data) + n * y_image);
      }
    }
  }

 private:
  static memory::desc Any(const memory::dims& dims, memory::data_type type) {
    return memory::desc(dims, type, memory::format_tag::any);
  }

  static dnnl::primitive_attr UserScratchpad() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
  }

  void MakeConvolution(const kl_tensor* x, const kl_tensor* w, const kl_tensor* y) {
    const Window& g = geometry_;
    const memory::desc x_desc({1, x->shape[1], g.padded[0], g.padded[1]}, memory::data_type::u8,
                              memory::format_tag::nhwc);
    const memory::desc y_desc({1, y->shape[1], y->shape[2], y->shape[3]}, memory::data_type::s32,
                              memory::format_tag::nhwc);
    memory::dims w_dims = {w->shape[0], w->shape[1], w->shape[2], w->shape[3]};
    if (g.group > 1) {
      w_dims[0] /= g.group;
      w_dims.insert(w_dims.begin(), g.group);
    }
    const dnnl::convolution_forward::desc desc(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x_desc,
        Any(w_dims, memory::data_type::s8), y_desc, {g.strides[0], g.strides[1]},
        {g.dilations[0] - 1, g.dilations[1] - 1}, {0, 0}, {0, 0});
    const dnnl::convolution_forward::primitive_desc primitive(desc, UserScratchpad(), engine_);
    primitive_ = dnnl::convolution_forward(primitive);
    MakeMemories(primitive);
    PackWeights(w, w_dims, g.group > 1 ? memory::format_tag::goihw : memory::format_tag::oihw,
                primitive.weights_desc());
  }

  void MakeInnerProduct(const kl_tensor* x, const kl_tensor* w) {
    const memory::dims w_dims = {w->shape[0], w->shape[1]};
    const dnnl::inner_product_forward::desc desc(
        dnnl::prop_kind::forward_inference,
        memory::desc({x->shape[0], x->shape[1]}, memory::data_type::u8, memory::format_tag::nc),
        Any(w_dims, memory::data_type::s8),
        memory::desc({x->shape[0], w->shape[0]}, memory::data_type::s32, memory::format_tag::nc));
    const dnnl::inner_product_forward::primitive_desc primitive(desc, UserScratchpad(), engine_);
    primitive_ = dnnl::inner_product_forward(primitive);
    MakeMemories(primitive);
    PackWeights(w, w_dims, memory::format_tag::oi, primitive.weights_desc());
  }

  template <typename Desc>
  void MakeMemories(const Desc& primitive) {
    x_ = memory(primitive.src_desc(), engine_, nullptr);
    y_ = memory(primitive.dst_desc(), engine_, nullptr);
    scratchpad_ = memory(primitive.scratchpad_desc(), engine_, nullptr);
  }

  // The weights in the layout that the primitive wants, in a copy of the library's own.
  void PackWeights(const kl_tensor* w, const memory::dims& dims, memory::format_tag tag,
                   const memory::desc& wanted) {
    const int64_t count = kl_element_count(w);
    std::vector<uint8_t> flipped(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i)
      flipped[static_cast<size_t>(i)] = static_cast<uint8_t>(Bytes(w)[i] ^ WeightFlip(w));
    memory rows(memory::desc(dims, memory::data_type::s8, tag), engine_, flipped.data());
    w_ = memory(wanted, engine_);
    dnnl::reorder(rows, w_).execute(stream_, rows, w_);
    stream_.wait();
  }

  // y = sum of x' w - zero' * (sum of w) + bias, for flipped codes x' and their zero point zero'.
  void ReadChannels(const kl_node* node) {
    const kl_tensor* w = node->operands[kW];
    const kl_tensor* y = node->operands[kY];
    const kl_tensor* bias = node->operands[kBias];
    const CodeRange all = CodesOf(y->type);
    const CodeRange range = {ClampCode(kl_attribute_int(node, "minimum", all.low), all),
                             ClampCode(kl_attribute_int(node, "maximum", all.high), all)};
    const bool fixed_point = kl_attribute_int(node, "fixed_point", 0) != 0;
    const int32_t y_zero = y->type == KL_TYPE_I8
                               ? static_cast<int8_t>(Bytes(node->operands[kYZero])[0])
                               : Bytes(node->operands[kYZero])[0];
    flip_ = ActivationFlip(node->operands[kX]);
    zero_ = ActivationZero(node->operands[kXZero]);
    const int64_t elements = kl_element_count(w) / w->shape[0];
    for (int64_t m = 0; m < w->shape[0]; ++m) {
      int32_t sum = 0;
      for (int64_t i = 0; i < elements; ++i)
        sum = WrappingAdd(sum, static_cast<int8_t>(Bytes(w)[m * elements + i] ^ WeightFlip(w)));
      const int32_t own = IsAbsent(bias) ? 0 : static_cast<const int32_t*>(bias->data)[m];
      channels_.offsets.push_back(WrappingAdd(own, WrappingMultiply(-zero_, sum)));
      const double factor = Scale(node->operands[kXScale], 0) * Scale(node->operands[kWScale], m) /
                            Scale(node->operands[kYScale], 0);
      channels_.requantizers.push_back(MakeRequantizer(factor, fixed_point, y_zero, range));
    }
  }

  void FillImage(const kl_tensor* x, const uint8_t* from, uint8_t* to) const {
    const int64_t channels = x->shape[1], height = x->shape[2], width = x->shape[3];
    const Window& g = geometry_;
    if (g.padded[0] != height || g.padded[1] != width) {
      std::memset(to, zero_, static_cast<size_t>(g.padded[0] * g.padded[1] * channels));
    }
    for (int64_t h = 0; h < height; ++h) {
      uint8_t* row = to + ((h + g.pads[0]) * g.padded[1] + g.pads[1]) * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t* source = from + (c * height + h) * width;
        for (int64_t w = 0; w < width; ++w) row[w * channels + c] = source[w] ^ flip_;
      }
    }
  }

  // `pixels` pixels of all channels, from sums [pixels, M] to codes [M, pixels].
  void Store(const int32_t* sums, const kl_tensor* y, int64_t pixels, uint8_t* to) const {
    constexpr int64_t kTile = 64;
    const int64_t outputs = y->shape[1];
    for (int64_t first = 0; first < pixels; first += kTile) {
      const int64_t end = std::min(first + kTile, pixels);
      for (int64_t m = 0; m < outputs; ++m) {
        const Requantizer& requantizer = channels_.requantizers[static_cast<size_t>(m)];
        const int32_t offset = channels_.offsets[static_cast<size_t>(m)];
        for (int64_t p = first; p < end; ++p) {
          to[m * pixels + p] = static_cast<uint8_t>(
              Requantize(requantizer, WrappingAdd(sums[p * outputs + m], offset)));
        }
      }
    }
  }

  const Window geometry_;
  const uint32_t thread_count_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  bool single_pixels_ = false;
  uint8_t flip_ = 0;
  int32_t zero_ = 0;
  CodeChannels channels_;
  ScratchLayout layout_;
  uint64_t input_at_ = 0, sums_at_ = 0, scratchpad_at_ = 0;
  dnnl::primitive primitive_;
  memory x_, w_, y_, scratchpad_;
};

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Window geometry;
  const kl_code code = Read(node, &geometry, error);
  if (code != KL_OK) return code;
  return PrepareObject<Convolution>(node, state, requirements, error,
                                    [&] { return new Convolution(node, geometry); });
}

constexpr kl_kernel kWide =
    CodesKernel<Convolution>("conv2d_quantized", "conv2d_codes_onednn", kTypes, KL_CPU_AVX512_VNNI,
                             kPriority, Supports, Prepare, RunObject<Convolution>);
constexpr kl_kernel kNarrow = CodesKernel<Convolution>(
    "conv2d_quantized", "conv2d_codes_avx_vnni_onednn", kTypes, KL_CPU_AVX_VNNI, kPriority - 1,
    Supports, Prepare, RunObject<Convolution>);
constexpr const kl_kernel* kKernels[] = {&kWide, &kNarrow};

}  // namespace
}  // namespace onednn
}  // namespace kinglet

KL_TABLE(onednn, conv2d_quantized) = {nullptr, kinglet::onednn::kKernels, 2};
