// op "conv2d": oneDNN's convolution on NCHW operands as they are, image by image.
//
// The contract is that of plugins/reference/conv2d.cc. The clamp is a post-operation; the library's
// scratchpad is the node's planned scratch.
#include <cmath>
#include <limits>

#include "plugins/onednn/onednn.h"

namespace kinglet {
namespace onednn {
namespace {

using dnnl::memory;

enum { kX, kW, kBias, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

struct Geometry {
  int64_t strides[2];
  int64_t pads[4];
  int64_t dilations[2];
  int64_t group;
  float minimum;
  float maximum;
};

bool ReadInts(const kl_node* node, const char* name, uint32_t count, int64_t low, int64_t* values) {
  const kl_attribute* attribute = kl_find_attribute(node, name);
  if (attribute == nullptr || attribute->kind != KL_ATTRIBUTE_INTS || attribute->count != count) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    values[i] = attribute->ints[i];
    if (values[i] < low || values[i] > std::numeric_limits<int32_t>::max()) return false;
  }
  return true;
}

bool OutputFits(const Geometry& g, const kl_tensor* x, const kl_tensor* w, const kl_tensor* y) {
  for (int d = 0; d < 2; ++d) {
    const int64_t reach = (w->shape[2 + d] - 1) * g.dilations[d] + 1;
    const int64_t padded = x->shape[2 + d] + g.pads[d] + g.pads[2 + d];
    if (padded < reach || (padded - reach) / g.strides[d] + 1 != y->shape[2 + d]) return false;
  }
  return true;
}

kl_code Read(const kl_node* node, Geometry* g, kl_error* error) {
  const kl_tensor* x = node->operands[kX];
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* bias = node->operands[kBias];
  const kl_tensor* y = node->operands[kY];
  if (x->rank != 4 || w->rank != 4 || y->rank != 4) return Decline(node, "rank 4", error);
  g->group = kl_attribute_int(node, "group", 1);
  if (g->group < 1 || !ReadInts(node, "strides", 2, 1, g->strides) ||
      !ReadInts(node, "pads", 4, 0, g->pads) || !ReadInts(node, "dilations", 2, 1, g->dilations)) {
    return Decline(node, "positive strides, dilations and group; pads of 0 or more", error);
  }
  const int64_t outputs = w->shape[0];
  for (int d = 0; d < 4; ++d) {
    if (w->shape[d] < 1 || x->shape[d] < 1) return Decline(node, "operands of some size", error);
  }
  if (x->shape[1] != w->shape[1] * g->group || outputs % g->group != 0 || y->shape[1] != outputs ||
      y->shape[0] != x->shape[0] || !OutputFits(*g, x, w, y)) {
    return Decline(node, "channels and output sizes that fit x and w", error);
  }
  if (!IsAbsent(bias) &&
      (bias->type != KL_TYPE_F32 || bias->rank != 1 || bias->shape[0] != outputs)) {
    return Decline(node, "an f32 bias [M]", error);
  }
  g->minimum = static_cast<float>(kl_attribute_float(node, "minimum", -INFINITY));
  g->maximum = static_cast<float>(kl_attribute_float(node, "maximum", INFINITY));
  return g->minimum <= g->maximum ? KL_OK : Decline(node, "a minimum up to the maximum", error);
}

kl_code Supports(const kl_node* node, kl_error* error) {
  Geometry geometry;
  return Read(node, &geometry, error);
}

// One image's convolution. Throws dnnl::error. One thread at a time.
class Convolution {
 public:
  Convolution(const kl_node* node, const Geometry& geometry)
      : thread_count_(node->thread_count),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        has_bias_(!IsAbsent(node->operands[kBias])),
        primitive_desc_(MakeDesc(node, geometry)),
        primitive_(primitive_desc_),
        x_(primitive_desc_.src_desc(), engine_, nullptr),
        w_(primitive_desc_.weights_desc(), engine_, nullptr),
        y_(primitive_desc_.dst_desc(), engine_, nullptr),
        scratchpad_(primitive_desc_.scratchpad_desc(), engine_, nullptr) {
    if (has_bias_) bias_ = memory(primitive_desc_.bias_desc(), engine_, nullptr);
  }

  uint64_t scratchpad_bytes() const { return primitive_desc_.scratchpad_desc().get_size(); }

  void Run(const kl_run* run) {
    SetThreadCount(thread_count_);
    const kl_tensor* x = run->operands[kX];
    const kl_tensor* y = run->operands[kY];
    const int64_t x_image = x->shape[1] * x->shape[2] * x->shape[3];
    const int64_t y_image = y->shape[1] * y->shape[2] * y->shape[3];
    w_.set_data_handle(run->operands[kW]->data);
    scratchpad_.set_data_handle(run->scratch);
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, x_},
                                                 {DNNL_ARG_WEIGHTS, w_},
                                                 {DNNL_ARG_DST, y_},
                                                 {DNNL_ARG_SCRATCHPAD, scratchpad_}};
    if (has_bias_) {
      bias_.set_data_handle(run->operands[kBias]->data);
      arguments.insert({DNNL_ARG_BIAS, bias_});
    }
    for (int64_t n = 0; n < x->shape[0]; ++n) {
      x_.set_data_handle(static_cast<float*>(x->data) + n * x_image);
      y_.set_data_handle(static_cast<float*>(y->data) + n * y_image);
      primitive_.execute(stream_, arguments);
      stream_.wait();
    }
  }

 private:
  dnnl::convolution_forward::primitive_desc MakeDesc(const kl_node* node, const Geometry& g) {
    const kl_tensor* x = node->operands[kX];
    const kl_tensor* w = node->operands[kW];
    const kl_tensor* y = node->operands[kY];
    const auto f32 = memory::data_type::f32;
    const memory::desc x_desc({1, x->shape[1], x->shape[2], x->shape[3]}, f32,
                              memory::format_tag::nchw);
    const memory::desc y_desc({1, y->shape[1], y->shape[2], y->shape[3]}, f32,
                              memory::format_tag::nchw);
    const memory::desc w_desc(
        {g.group, w->shape[0] / g.group, w->shape[1], w->shape[2], w->shape[3]}, f32,
        memory::format_tag::goihw);
    const memory::desc bias_desc =
        has_bias_ ? memory::desc({w->shape[0]}, f32, memory::format_tag::a) : memory::desc();
    const dnnl::convolution_forward::desc desc(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x_desc, w_desc,
        bias_desc, y_desc, {g.strides[0], g.strides[1]}, {g.dilations[0] - 1, g.dilations[1] - 1},
        {g.pads[0], g.pads[1]}, {g.pads[2], g.pads[3]});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (std::isfinite(g.minimum) || std::isfinite(g.maximum)) {
      constexpr float kLargest = std::numeric_limits<float>::max();
      dnnl::post_ops clamp;
      clamp.append_eltwise(1.0f, dnnl::algorithm::eltwise_clip, std::fmax(g.minimum, -kLargest),
                           std::fmin(g.maximum, kLargest));
      attributes.set_post_ops(clamp);
    }
    return dnnl::convolution_forward::primitive_desc(desc, attributes, engine_);
  }

  const uint32_t thread_count_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  const bool has_bias_;
  dnnl::convolution_forward::primitive_desc primitive_desc_;
  dnnl::convolution_forward primitive_;
  memory x_, w_, y_, scratchpad_, bias_;
};

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Geometry geometry;
  const kl_code code = Read(node, &geometry, error);
  if (code != KL_OK) return code;
  return Guarded(node, error, [&]() -> kl_code {
    Convolution* convolution = new Convolution(node, geometry);
    static_cast<ObjectState<Convolution>*>(state)->object = convolution;
    requirements->scratch_bytes = convolution->scratchpad_bytes();
    return KL_OK;
  });
}

kl_code Run(const kl_run* run) {
  return GuardedRun([&]() -> kl_code {
    static_cast<ObjectState<Convolution>*>(run->state)->object->Run(run);
    return KL_OK;
  });
}

constexpr kl_kernel kKernel =
    OnednnKernel<Convolution>("conv2d", "conv2d_f32_onednn", kTypes, Supports, Prepare, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace onednn
}  // namespace kinglet

KL_TABLE(onednn, conv2d) = {nullptr, kinglet::onednn::kKernels, 1};
