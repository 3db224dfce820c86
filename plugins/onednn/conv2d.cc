// op "conv2d": oneDNN's convolution in the layouts that the library chooses, image by image.
//
// The contract is that of plugins/reference/conv2d.cc: NCHW operands. Most of the library's
// convolutions want channels in blocks of 8 or 16, so x is reordered into scratch and the result
// out of it, where the layouts differ; constant weights are reordered once, in prepare(), others in
// each run. The clamp is a post-operation; the library's scratchpad is planned scratch.
#include <cmath>
#include <limits>

#include "plugins/onednn/window.h"

namespace kinglet {
namespace onednn {
namespace {

using dnnl::memory;

enum { kX, kW, kBias, kY, kOperandCount };
constexpr kl_dtype kTypes[kOperandCount] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_ANY, KL_TYPE_F32};

struct Geometry : Window {
  float minimum;
  float maximum;
};

kl_code Read(const kl_node* node, Geometry* g, kl_error* error) {
  const kl_tensor* w = node->operands[kW];
  const kl_tensor* bias = node->operands[kBias];
  const kl_code code = ReadWindow(node, node->operands[kX], w, node->operands[kY], g, error);
  if (code != KL_OK) return code;
  if (!IsAbsent(bias) &&
      (bias->type != KL_TYPE_F32 || bias->rank != 1 || bias->shape[0] != w->shape[0])) {
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

// One operand: as the plan has it and, where the library wants it otherwise, a reordered copy.
class Operand {
 public:
  Operand(const memory::desc& plain, const memory::desc& wanted, const dnnl::engine& engine)
      : plain_(plain, engine, nullptr), wanted_(wanted, engine, nullptr) {
    if (plain == wanted) return;
    reordered_ = true;
    to_wanted_ = dnnl::reorder(plain_, wanted_);
    to_plain_ = dnnl::reorder(wanted_, plain_);
  }

  // Of the copy; 0: there is none.
  uint64_t bytes() const { return reordered_ ? wanted_.get_desc().get_size() : 0; }
  void Set(void* plain, void* copy) {
    plain_.set_data_handle(plain);
    wanted_.set_data_handle(reordered_ ? copy : plain);
  }
  void Import(dnnl::stream& stream) {
    if (reordered_) to_wanted_.execute(stream, plain_, wanted_);
  }
  void Export(dnnl::stream& stream) {
    if (reordered_) to_plain_.execute(stream, wanted_, plain_);
  }
  const memory& wanted() const { return wanted_; }

 private:
  memory plain_, wanted_;
  bool reordered_ = false;
  dnnl::reorder to_wanted_, to_plain_;
};

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
        x_(Image(node->operands[kX], memory::format_tag::nchw), primitive_desc_.src_desc(),
           engine_),
        w_(Weights(node, geometry, memory::format_tag::goihw), primitive_desc_.weights_desc(),
           engine_),
        y_(Image(node->operands[kY], memory::format_tag::nchw), primitive_desc_.dst_desc(),
           engine_),
        scratchpad_(primitive_desc_.scratchpad_desc(), engine_, nullptr) {
    if (has_bias_) bias_ = memory(primitive_desc_.bias_desc(), engine_, nullptr);
    void* weights = node->operands[kW]->data;
    if (weights != nullptr && w_.bytes() > 0) {
      constant_w_ = memory(primitive_desc_.weights_desc(), engine_);
      SetThreadCount(1);
      w_.Set(weights, constant_w_.get_data_handle());
      w_.Import(stream_);
      stream_.wait();
      has_constant_w_ = true;
    }
    scratchpad_at_ = layout_.Add(primitive_desc_.scratchpad_desc().get_size());
    x_at_ = layout_.Add(x_.bytes());
    y_at_ = layout_.Add(y_.bytes());
    w_at_ = layout_.Add(has_constant_w_ ? 0 : w_.bytes());
  }

  uint64_t scratch_bytes() const { return layout_.total(); }

  void Run(const kl_run* run) {
    SetThreadCount(thread_count_);
    const kl_tensor* x = run->operands[kX];
    const kl_tensor* y = run->operands[kY];
    char* const scratch = static_cast<char*>(run->scratch);
    const int64_t x_image = x->shape[1] * x->shape[2] * x->shape[3];
    const int64_t y_image = y->shape[1] * y->shape[2] * y->shape[3];
    if (has_constant_w_) {
      w_.Set(run->operands[kW]->data, constant_w_.get_data_handle());
    } else {
      w_.Set(run->operands[kW]->data, scratch + w_at_);
      w_.Import(stream_);
    }
    scratchpad_.set_data_handle(scratch + scratchpad_at_);
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, x_.wanted()},
                                                 {DNNL_ARG_WEIGHTS, w_.wanted()},
                                                 {DNNL_ARG_DST, y_.wanted()},
                                                 {DNNL_ARG_SCRATCHPAD, scratchpad_}};
    if (has_bias_) {
      bias_.set_data_handle(run->operands[kBias]->data);
      arguments.insert({DNNL_ARG_BIAS, bias_});
    }
    for (int64_t n = 0; n < x->shape[0]; ++n) {
      x_.Set(static_cast<float*>(x->data) + n * x_image, scratch + x_at_);
      y_.Set(static_cast<float*>(y->data) + n * y_image, scratch + y_at_);
      x_.Import(stream_);
      primitive_.execute(stream_, arguments);
      y_.Export(stream_);
      stream_.wait();
    }
  }

 private:
  static memory::desc Image(const kl_tensor* tensor, memory::format_tag layout) {
    return memory::desc({1, tensor->shape[1], tensor->shape[2], tensor->shape[3]},
                        memory::data_type::f32, layout);
  }
  static memory::desc Weights(const kl_node* node, const Geometry& g, memory::format_tag layout) {
    const kl_tensor* w = node->operands[kW];
    return memory::desc({g.group, w->shape[0] / g.group, w->shape[1], w->shape[2], w->shape[3]},
                        memory::data_type::f32, layout);
  }

  dnnl::convolution_forward::primitive_desc MakeDesc(const kl_node* node, const Geometry& g) {
    const auto any = memory::format_tag::any;
    const memory::desc bias_desc = has_bias_
                                       ? memory::desc({node->operands[kW]->shape[0]},
                                                      memory::data_type::f32, memory::format_tag::a)
                                       : memory::desc();
    const dnnl::convolution_forward::desc desc(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        Image(node->operands[kX], any), Weights(node, g, any), bias_desc,
        Image(node->operands[kY], any), {g.strides[0], g.strides[1]},
        {g.dilations[0] - 1, g.dilations[1] - 1}, {g.pads[0], g.pads[1]}, {g.pads[2], g.pads[3]});
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
  Operand x_, w_, y_;
  memory scratchpad_, bias_, constant_w_;
  bool has_constant_w_ = false;
  ScratchLayout layout_;
  uint64_t scratchpad_at_ = 0, x_at_ = 0, y_at_ = 0, w_at_ = 0;
};

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Geometry geometry;
  const kl_code code = Read(node, &geometry, error);
  if (code != KL_OK) return code;
  return PrepareObject<Convolution>(node, state, requirements, error,
                                    [&] { return new Convolution(node, geometry); });
}

constexpr kl_kernel kKernel = OnednnKernel<Convolution>("conv2d", "conv2d_f32_onednn", kTypes,
                                                        Supports, Prepare, RunObject<Convolution>);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace onednn
}  // namespace kinglet

KL_TABLE(onednn, conv2d) = {nullptr, kinglet::onednn::kKernels, 1};
