// op "ffn_segments": y = h + what further neurons of a gated feed-forward network add.
//
//   y[t] = h[t] + sum over s, f in order of act(gate_s[f] . x[t]) * (up_s[f] . x[t]) * down_s[f]
//
//   x, h f32 [T, D]   segments any [S, 3 * R, D], gate, up and down rows of each   y f32 [T, D]
//
// Ways to share the work out:
//
//   whole tokens     one phase; a unit is up to 16 tokens from their activations to y. One unit
//   where one token is
//                    decoded: a fetched path is small, and waking threads for it costs more than it
//                    takes
//   split neurons    for one or two tokens and segments of more than kWholeBytes: activations, then
//   h by blocks of 32
//                    neurons, then y by 256 columns
//
// Numbers: a neuron's products as in every product of the type; an element of y is a chain of fused
// multiply-adds over the neurons in order, begun at 0, and one sum with h. The bits depend neither
// on the way nor on the batch.
#ifndef PLUGINS_COMMON_KERNELS_FFN_SEGMENTS_H_
#define PLUGINS_COMMON_KERNELS_FFN_SEGMENTS_H_

#include "plugins/common/kernels/moe_hidden.h"
#include "plugins/common/kernels/moe_transposed.h"
#include "plugins/common/kernels/readers.h"
#include "plugins/common/kernels/rows_ahead.h"
#include "plugins/common/table.h"

namespace {

enum SegmentsOperand { kSegmentsX, kSegmentsH, kSegmentsRows, kSegmentsY };

constexpr int64_t kMostSegments = 8;
constexpr int64_t kTokensPerPass = 16;
// Weights that one thread has read before another one is awake and done with its half.
constexpr uint64_t kWholeBytes = 128 << 10;

struct SegmentsState {
  int64_t length;  // D
  int64_t count;   // S
  int64_t neurons[kMostSegments];
  int64_t hidden;  // floats of one token's h: every segment begins a block of 32
  Activation activation;
  bool split;  // few tokens are shared out by neurons
  uint64_t x_bytes;
};

struct Segment {
  const uint8_t* gate;
  const uint8_t* up;
  const uint8_t* down;
  int64_t neurons;
  int64_t at;  // of its first neuron in h
};

// Those that are there.
struct Segments {
  Segment list[kMostSegments];
  int64_t count;
};

KL_INLINE Segments SegmentsOf(const kl_run* run, const SegmentsState& self) {
  const kl_tensor* rows = run->operands[kSegmentsRows];
  const uint64_t row_bytes = kl_row_bytes(rows->type, (uint64_t)self.length);
  Segments segments;
  segments.count = 0;
  int64_t at = 0;
  for (int64_t s = 0; s < self.count; ++s) {
    const uint8_t* first = ExpertAt(rows, s, (uint64_t)rows->shape[1] * row_bytes);
    const uint64_t matrix_bytes = (uint64_t)self.neurons[s] * row_bytes;
    if (first != nullptr) {
      segments.list[segments.count++] = {first, first + matrix_bytes, first + 2 * matrix_bytes,
                                         self.neurons[s], at};
    }
    at += RoundUp(self.neurons[s], kNeuronsPerUnit);
  }
  return segments;
}

KL_INLINE kl_code CheckSegments(const kl_node* node, SegmentsState* self, kl_error* error) {
  KL_TRY(ExpectOperands(node, 4, error));
  const kl_tensor* x = node->operands[kSegmentsX];
  const kl_tensor* rows = node->operands[kSegmentsRows];
  KL_TRY(ExpectSame(node, "rank of segments", 3, rows->rank, error));
  self->length = LastOf(x);
  self->count = rows->shape[0];
  KL_TRY(ExpectSame(node, "innermost dimension of segments", self->length, rows->shape[2], error));
  KL_TRY(ExpectSame(node, "elements of h", kl_element_count(x),
                    kl_element_count(node->operands[kSegmentsH]), error));
  KL_TRY(ExpectSame(node, "elements of y", kl_element_count(x),
                    kl_element_count(node->operands[kSegmentsY]), error));
  const kl_attribute* neurons = kl_find_attribute(node, "neurons");
  if (neurons == nullptr || neurons->kind != KL_ATTRIBUTE_INTS || self->count < 1 ||
      self->count > kMostSegments || (int64_t)neurons->count != self->count) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (ffn_segments): attribute neurons should hold a number for each of the %lld "
                   "segments, of which there "
                   "may be 1 to 8; check the plan",
                   NameOf(node), (long long)self->count);
  }
  int64_t most = 0;
  self->hidden = 0;
  for (int64_t s = 0; s < self->count; ++s) {
    self->neurons[s] = neurons->ints[s];
    if (self->neurons[s] < 1 || self->neurons[s] > INT32_MAX) {
      return kl_fail(error, KL_INVALID_ARGUMENT,
                     "%s (ffn_segments): segment %lld has %lld neurons; expected 1 or more",
                     NameOf(node), (long long)s, (long long)self->neurons[s]);
    }
    most = Maximum(most, self->neurons[s]);
    self->hidden += RoundUp(self->neurons[s], kNeuronsPerUnit);
  }
  KL_TRY(ExpectSame(node, "rows of a segment", 3 * most, rows->shape[1], error));
  const char* name = kl_attribute_string(node, "activation", "");
  self->activation = ParseActivation(name);
  if (self->activation == kUnknownActivation) {
    return kl_fail(error, KL_INVALID_ARGUMENT,
                   "%s (ffn_segments): activation should be relu, silu or gelu, found '%s'",
                   NameOf(node), name);
  }
  return KL_OK;
}

// Type: as for moe_ffn.h; File and Reader are used.
template <class Type>
struct FfnSegments {
  using Engine = typename Type::File;

  static kl_code Supports(const kl_node* node, kl_error* error) {
    const int64_t block = kl_dtype_info_of(Type::kType).block_elements;
    if (LastOf(node->operands[kSegmentsRows]) % block == 0) return KL_OK;
    return kl_fail(error, KL_UNSUPPORTED,
                   "%s (ffn_segments): rows of %lld columns are no whole blocks", NameOf(node),
                   (long long)LastOf(node->operands[kSegmentsRows]));
  }

  static kl_code Prepare(const kl_host*, const kl_node* node, void* state,
                         kl_requirements* requirements, kl_error* error) {
    SegmentsState* self = (SegmentsState*)state;
    KL_TRY(CheckSegments(node, self, error));
    KL_TRY(Supports(node, error));
    uint64_t bytes = 0;
    for (int64_t s = 0; s < self->count; ++s) {
      bytes += (uint64_t)(3 * self->neurons[s]) * Engine::RowBytes(self->length);
    }
    self->split = bytes > kWholeBytes;
    self->x_bytes = (uint64_t)RoundUp((int64_t)Engine::ActivationBytes(self->length), 64);
    if (self->split) {
      requirements->scratch_bytes =
          kStreamedTokens * (self->x_bytes + (uint64_t)self->hidden * sizeof(float));
    }
    const int64_t most = Minimum(RowsOf(node->operands[kSegmentsX]), kTokensPerPass);
    requirements->worker_scratch_bytes =
        (uint64_t)most * (self->x_bytes + (uint64_t)self->hidden * sizeof(float)) +
        ColumnFloats(most) * sizeof(float) + Engine::PanelBytes(self->length);
    return KL_OK;
  }

  static bool IsSplit(const kl_run* run, const SegmentsState& self) {
    return self.split && RowsOf(run->operands[kSegmentsX]) <= kStreamedTokens;
  }

  static void Work(const kl_run* run, kl_work* work) {
    const SegmentsState& self = *(const SegmentsState*)run->state;
    const int64_t tokens = RowsOf(run->operands[kSegmentsX]);
    if (!IsSplit(run, self)) return OnePhase(work, CeilDivide(tokens, kTokensPerPass));
    work->phase_count = tokens > 0 ? 3 : 0;
    work->unit_count[0] = tokens;
    work->unit_count[1] = self.hidden / kNeuronsPerUnit;
    work->unit_count[2] = CeilDivide(self.length, kMoeColumnsPerUnit);
  }

  static kl_code Run(const kl_run* run) {
    const SegmentsState& self = *(const SegmentsState*)run->state;
    const Segments segments = SegmentsOf(run, self);
    if (IsSplit(run, self)) {
      RunSplit(run, self, segments);
    } else {
      for (int64_t unit = run->begin; unit < run->end; ++unit)
        RunTokens(run, self, segments, unit * kTokensPerPass);
    }
    return KL_OK;
  }

 private:
  // A tile of widened rows and the sums of each token.
  static uint64_t ColumnFloats(int64_t tokens) {
    return (uint64_t)((kTileNeurons + tokens) * kStreamColumns);
  }

  static const float* RowAt(const kl_run* run, uint32_t operand, const SegmentsState& self,
                            int64_t token) {
    return (const float*)run->operands[operand]->data + token * self.length;
  }

  static void RunTokens(const kl_run* run, const SegmentsState& self, const Segments& segments,
                        int64_t first) {
    const int64_t tokens = Minimum(kTokensPerPass, RowsOf(run->operands[kSegmentsX]) - first);
    uint8_t* x = (uint8_t*)run->worker_scratch;
    float* h = (float*)(x + (uint64_t)tokens * self.x_bytes);
    float* columns = h + tokens * self.hidden;
    void* panel = columns + ColumnFloats(tokens);
    if (segments.count > 0) {
      for (int64_t t = 0; t < tokens; ++t) {
        Engine::Prepare(RowAt(run, kSegmentsX, self, first + t), self.length,
                        x + (uint64_t)t * self.x_bytes);
      }
    }
    uint64_t rows_read = 0;
    for (int64_t s = 0; s < segments.count; ++s) {
      const Segment& segment = segments.list[s];
      for (int64_t f = 0; f < segment.neurons; f += kNeuronsPerUnit) {
        rows_read += Hidden(self, segment, f, x, tokens, h, panel);
      }
    }
    kl_count_weight_bytes(run, rows_read * Engine::RowBytes(self.length));
    for (int64_t c = 0; c < self.length; c += kStreamColumns) {
      AddColumns(run, self, segments, first, tokens, h, c, Minimum(kStreamColumns, self.length - c),
                 columns);
    }
  }

  static void RunSplit(const kl_run* run, const SegmentsState& self, const Segments& segments) {
    const int64_t tokens = RowsOf(run->operands[kSegmentsX]);
    uint8_t* x = (uint8_t*)run->scratch;
    float* h = (float*)(x + (uint64_t)tokens * self.x_bytes);
    if (run->phase == 0) {
      for (int64_t t = run->begin; t < run->end; ++t) {
        Engine::Prepare(RowAt(run, kSegmentsX, self, t), self.length,
                        x + (uint64_t)t * self.x_bytes);
      }
    } else if (run->phase == 1) {
      uint64_t rows_read = 0;
      for (int64_t s = 0; s < segments.count; ++s) {
        const Segment& segment = segments.list[s];
        const int64_t begin = Maximum(run->begin * kNeuronsPerUnit - segment.at, 0);
        const int64_t end = Minimum(run->end * kNeuronsPerUnit - segment.at, segment.neurons);
        for (int64_t f = begin; f < end; f += kNeuronsPerUnit) {
          rows_read += Hidden(self, segment, f, x, tokens, h, run->worker_scratch);
        }
      }
      kl_count_weight_bytes(run, rows_read * Engine::RowBytes(self.length));
    } else {
      const int64_t end = Minimum(run->end * kMoeColumnsPerUnit, self.length);
      for (int64_t c = run->begin * kMoeColumnsPerUnit; c < end; c += kStreamColumns) {
        AddColumns(run, self, segments, 0, tokens, h, c, Minimum(kStreamColumns, end - c),
                   (float*)run->worker_scratch);
      }
    }
  }

  // h of up to 32 neurons from f on, for all tokens; returns how many rows of gate and up it read.
  static uint64_t Hidden(const SegmentsState& self, const Segment& segment, int64_t f,
                         const uint8_t* x, int64_t tokens, float* h, void* panel) {
    const int64_t count = Minimum(kNeuronsPerUnit, segment.neurons - f);
    const uint64_t row_bytes = Engine::RowBytes(self.length);
    const uint8_t* gate = segment.gate + (uint64_t)f * row_bytes;
    const uint8_t* up = segment.up + (uint64_t)f * row_bytes;
    float* target = h + segment.at + f;
    if (tokens < Engine::kVectorsForPanel) {
      int64_t ups_read = 0;
      for (int64_t t = 0; t < tokens; ++t) {
        ups_read += HiddenOfOne(self, gate, up, count, x + (uint64_t)t * self.x_bytes,
                                target + t * self.hidden);
      }
      return (uint64_t)(count + Minimum(ups_read, count));
    }
    alignas(32) float gates[kTokensPerPass][kNeuronsPerUnit];
    alignas(32) float ups[kTokensPerPass][kNeuronsPerUnit];
    const void* vectors[kTokensPerPass];
    for (int64_t t = 0; t < tokens; ++t) vectors[t] = x + (uint64_t)t * self.x_bytes;
    for (int64_t half = 0; half < count; half += kEngineRows) {
      const int64_t rows = Minimum(kEngineRows, count - half);
      const auto multiply = [&](const uint8_t* matrix, float(*products)[kNeuronsPerUnit]) {
        MultiplyAndFetch<Engine>(GroupedRows(matrix, row_bytes), half, rows, segment.neurons - f,
                                 self.length, vectors, tokens, panel,
                                 [&](int64_t t, const float* y) { CopyRows(y, products[t] + half); });
      };
      multiply(gate, gates);
      multiply(up, ups);
    }
    for (int64_t t = 0; t < tokens; ++t) {
      CombineBlock(self.activation, gates[t], ups[t], count, target + t * self.hidden);
    }
    return (uint64_t)(2 * count);
  }

  // One token; up rows of neurons that are off are not read. Returns how many were.
  static int64_t HiddenOfOne(const SegmentsState& self, const uint8_t* gate, const uint8_t* up,
                             int64_t count, const void* x, float* target) {
    const uint64_t row_bytes = Engine::RowBytes(self.length);
    alignas(32) float gates[kNeuronsPerUnit];
    alignas(32) float ups[kNeuronsPerUnit];
    int64_t read = 0;
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* row = gate + (uint64_t)i * row_bytes;
      gates[i] = Engine::Dot(row, self.length, x, row + kPrefetchAhead);
      ups[i] = 0.0f;
    }
    for (int64_t i = 0; i < count; ++i) {
      if (self.activation == kRelu && gates[i] <= 0.0f) continue;
      const uint8_t* row = up + (uint64_t)i * row_bytes;
      ups[i] = Engine::Dot(row, self.length, x, row + kRowsAhead * (int64_t)row_bytes);
      ++read;
    }
    CombineBlock(self.activation, gates, ups, count, target);
    return read;
  }

  // y of the columns [first, first + columns) of some tokens.
  static void AddColumns(const kl_run* run, const SegmentsState& self, const Segments& segments,
                         int64_t token, int64_t tokens, const float* h, int64_t first,
                         int64_t columns, float* memory) {
    const uint64_t row_bytes = Engine::RowBytes(self.length);
    const uint64_t offset = kl_row_bytes(Type::kType, (uint64_t)first);
    const int64_t padded = RoundUp(columns, 64);
    float* tile = memory;
    float* sums = memory + kTileNeurons * kStreamColumns;
    memset(sums, 0, (size_t)(tokens * padded) * sizeof(float));
    uint64_t rows_read = 0;
    for (int64_t s = 0; s < segments.count; ++s) {
      const Segment& segment = segments.list[s];
      for (int64_t f = 0; f < segment.neurons; f += kTileNeurons) {
        const int64_t neurons = Minimum(kTileNeurons, segment.neurons - f);
        const float* hidden = h + segment.at + f;
        int active = 0;
        for (int64_t t = 0; t < tokens; ++t)
          active |= ActiveMask(hidden + t * self.hidden, neurons);
        for (int left = active; left != 0; left &= left - 1) {
          const int64_t j = __builtin_ctz((unsigned)left);
          Type::Reader::Read(segment.down + (uint64_t)(f + j) * row_bytes + offset, columns, 1.0f,
                             tile + j * kStreamColumns);
          ++rows_read;
        }
        for (int64_t t = 0; t < tokens && active != 0; ++t) {
          AddTile(tile, kStreamColumns, padded, hidden + t * self.hidden, neurons,
                  sums + t * padded);
        }
      }
    }
    kl_count_weight_bytes(run, rows_read * kl_row_bytes(Type::kType, (uint64_t)columns));
    for (int64_t t = 0; t < tokens; ++t) {
      const float* from = RowAt(run, kSegmentsH, self, token + t) + first;
      float* y = (float*)run->operands[kSegmentsY]->data + (token + t) * self.length + first;
      for (int64_t c = 0; c < columns; c += 8) {
        StoreFirst(y + c, columns - c,
                   LoadFirst(from + c, columns - c) + Load8(sums + t * padded + c));
      }
    }
  }
};

template <class Type>
KL_INLINE constexpr kl_kernel SegmentsKernel(const char* name, const kl_dtype* types,
                                             float tolerance) {
  using Implementation = FfnSegments<Type>;
  kl_kernel kernel = SimpleKernel("ffn_segments", name, types, 4, sizeof(SegmentsState), tolerance,
                                  Implementation::Prepare, Implementation::Work,
                                  Implementation::Run, Implementation::Supports);
  kernel.flags = KL_KERNEL_COUNTS_WEIGHT_BYTES;
  return kernel;
}

}  // namespace

// A kernel file, all but its includes.
#define KL_FFN_SEGMENTS(plugin, stem, type, kernel_tolerance) \
  KL_FFN_SEGMENTS_TABLE(plugin, stem, type, kernel_tolerance)
#define KL_FFN_SEGMENTS_TABLE(plugin, stem, type, kernel_tolerance)                \
  namespace {                                                                      \
  const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32, type::kType, KL_TYPE_F32};  \
  const kl_kernel kKernel = SegmentsKernel<type>(#stem, kTypes, kernel_tolerance); \
  const kl_kernel* const kKernels[] = {&kKernel};                                  \
  }                                                                                \
  KL_TABLE(plugin, stem) = {nullptr, kKernels, 1}

#endif  // PLUGINS_COMMON_KERNELS_FFN_SEGMENTS_H_
