// op "attention": grouped-query attention of a run of tokens over a layer's cache, full or ring.
//
//   phase 0:  k_cache[g][position mod rows] = k[t] of head g, v likewise, for every token and head
//   phase 1:  s(j) = scale * dot(q[t] of head h, k_cache[g][j mod rows]),   g = h / (Hq / Hkv)
//             y[t] of head h = sum over visible j of softmax(s)(j) * v_cache[g][j mod rows]
//             visible: position - window < j <= position; window 0: 0 <= j <= position
//
//   q          f32       [T, Hq*L]       in
//   k, v       f32       [T, Hkv*L]      in
//   positions  i32       [T]             in; consecutive: p, p + 1, ...
//   k_cache    f32, f16, q8_0  [Hkv, rows, L]  state; rows >= min(context, window + T - 1), so that
//   v_cache    f32, f16, q8_0  [Hkv, rows, L]  state; a run overwrites nothing that its tokens see.
//              A row of q8_0 is filled up with zeros to whole blocks of 32. The two may differ in
//              type.
//   y          f32       [T, Hq*L]       out; must not alias q
//
// Attributes: head_length L (int), window (int, default 0), scale (float, default L^-0.5).
// Work:    phase 0: T * Hkv units; phase 1: T * Hq units.
// Errors:  prepare() returns KL_INVALID_ARGUMENT and names the operand; run() returns it for
//          positions that the cache has no rows for.
// Numbers: towards f16, k and v are rounded to nearest even; towards q8_0, blocks of 32 of one head
//          as in quantize.h; scores, softmax and sums in double,
//          y rounded once.
// Source:  arXiv 1706.03762; arXiv 2305.13245 (grouped queries); arXiv 2004.05150 (sliding window).
#include "plugins/common/quantize.h"
#include "plugins/reference/cases.h"
#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {
namespace {

enum { kQ, kK, kV, kPositions, kKCache, kVCache, kY };
struct NodeState {
  int64_t head_length;
  int64_t window;
  double scale;
};

constexpr kl_operand kOperands[] = {Input("q"),         Input("k"),       Input("v"),
                                    Input("positions"), State("k_cache"), State("v_cache"),
                                    Result("y")};

constexpr kl_attribute kFull[] = {IntAttribute("head_length", 32)};
constexpr kl_attribute kWindow[] = {IntAttribute("head_length", 32), IntAttribute("window", 16)};
constexpr kl_attribute kScaled[] = {IntAttribute("head_length", 32), FloatAttribute("scale", 0.5)};
constexpr kl_attribute kLongHead[] = {IntAttribute("head_length", 128)};
constexpr kl_attribute kOddHead[] = {IntAttribute("head_length", 43)};
constexpr kl_attribute kHead40[] = {IntAttribute("head_length", 40)};

// Caches hold what earlier tokens left: the whole cache is filled, and the run starts at `first`.
template <int64_t kQueryHeads, int64_t kHeads, int64_t kLength, int64_t kRows,
          kl_dtype kKeys = KL_TYPE_F16, kl_dtype kValues = kKeys>
struct Operands {
  constexpr explicit Operands(int64_t first)
      : list{Normal({S(0), kQueryHeads * kLength}),
             Normal({S(0), kHeads * kLength}),
             Normal({S(0), kHeads * kLength}),
             Sequence({S(0)}, static_cast<double>(first)),
             Normal({kHeads, kRows, kLength}, 1.0, 0.0, kKeys),
             Normal({kHeads, kRows, kLength}, 1.0, 0.0, kValues),
             Output({S(0), kQueryHeads * kLength})} {}
  kl_case_operand list[7];
};

constexpr Operands<4, 2, 32, 64> kStart(0);
constexpr Operands<4, 2, 32, 300> kMiddle(200);
constexpr Operands<4, 2, 32, 23> kRing(37);        // 16 + 8 - 1 rows for up to 8 tokens
constexpr Operands<4, 2, 32, 23> kRingStart(0);    // the window is not full yet
constexpr Operands<4, 2, 32, 23> kRingWraps(20);   // the run crosses the end of the ring
constexpr Operands<4, 2, 32, 64> kWideRing(11);    // more rows than the window needs
constexpr Operands<6, 6, 32, 40> kMultiHead(10);   // every query head has its own kv head
constexpr Operands<8, 1, 32, 40> kMultiQuery(10);  // all query heads share one
constexpr Operands<12, 2, 128, 90> kLong(60);
constexpr Operands<4, 4, 43, 30> kOdd(7);
constexpr Operands<4, 2, 32, 300, KL_TYPE_F32> kMiddleF32(200);
constexpr Operands<4, 2, 32, 23, KL_TYPE_F32> kRingF32(37);
constexpr Operands<4, 2, 32, 300, KL_TYPE_Q8_0> kMiddleQ8(200);
constexpr Operands<4, 2, 32, 23, KL_TYPE_Q8_0> kRingQ8(37);
constexpr Operands<12, 2, 128, 600, KL_TYPE_Q8_0> kLongQ8(520);
constexpr Operands<6, 2, 40, 64, KL_TYPE_Q8_0> kOddQ8(20);  // 24 elements of the last block unused
constexpr Operands<4, 2, 32, 300, KL_TYPE_F32, KL_TYPE_F16> kF32F16(200);
constexpr Operands<4, 2, 32, 300, KL_TYPE_F16, KL_TYPE_F32> kF16F32(200);
constexpr Operands<4, 2, 32, 300, KL_TYPE_F32, KL_TYPE_Q8_0> kF32Q8(200);
constexpr Operands<4, 2, 32, 300, KL_TYPE_Q8_0, KL_TYPE_F32> kQ8F32(200);
constexpr Operands<4, 2, 32, 300, KL_TYPE_F16, KL_TYPE_Q8_0> kF16Q8(200);
constexpr Operands<4, 2, 32, 300, KL_TYPE_Q8_0, KL_TYPE_F16> kQ8F16(200);
constexpr kl_op_case kCases[] = {
    Case("first_token", kFull, kStart.list, {{Fixed(1)}}, 1),
    Case("first_batch", kFull, kStart.list, {{Range(2, 64)}}, 2),
    Case("one_token", kFull, kMiddle.list, {{Fixed(1)}}, 2),
    Case("batch", kFull, kMiddle.list, {{Range(2, 100)}}, 2),
    Case("window_one_token", kWindow, kRing.list, {{Fixed(1)}}, 2),
    Case("window_batch", kWindow, kRing.list, {{Range(2, 8)}}, 2),
    Case("window_not_full", kWindow, kRingStart.list, {{Range(1, 8)}}, 2),
    Case("window_wraps", kWindow, kRingWraps.list, {{Fixed(8)}}, 1),
    Case("window_wide_ring", kWindow, kWideRing.list, {{Range(1, 49)}}, 2),
    Case("scaled", kScaled, kMiddle.list, {{Range(1, 5)}}, 1),
    Case("multi_head", kFull, kMultiHead.list, {{Range(1, 5)}}, 1),
    Case("multi_query", kFull, kMultiQuery.list, {{Range(1, 5)}}, 1),
    Case("long_head", kLongHead, kLong.list, {{Range(1, 20)}}, 1),
    Case("odd_head", kOddHead, kOdd.list, {{Range(1, 9)}}, 1),
    Case("f32_cache_one_token", kFull, kMiddleF32.list, {{Fixed(1)}}, 1),
    Case("f32_cache_batch", kFull, kMiddleF32.list, {{Range(2, 100)}}, 1),
    Case("f32_cache_window", kWindow, kRingF32.list, {{Range(1, 8)}}, 2),
    Case("q8_0_cache_one_token", kFull, kMiddleQ8.list, {{Fixed(1)}}, 2),
    Case("q8_0_cache_batch", kFull, kMiddleQ8.list, {{Range(2, 100)}}, 2),
    Case("q8_0_cache_window", kWindow, kRingQ8.list, {{Range(1, 8)}}, 2),
    Case("q8_0_cache_long_head", kLongHead, kLongQ8.list, {{Range(1, 40)}}, 1),
    Case("q8_0_cache_odd_head", kHead40, kOddQ8.list, {{Range(1, 9)}}, 2),
    Case("f32_keys_f16_values", kFull, kF32F16.list, {{Range(1, 40)}}, 2),
    Case("f16_keys_f32_values", kFull, kF16F32.list, {{Range(1, 40)}}, 2),
    Case("f32_keys_q8_0_values", kFull, kF32Q8.list, {{Range(1, 40)}}, 2),
    Case("q8_0_keys_f32_values", kFull, kQ8F32.list, {{Range(1, 40)}}, 2),
    Case("f16_keys_q8_0_values", kFull, kF16Q8.list, {{Range(1, 40)}}, 2),
    Case("q8_0_keys_f16_values", kFull, kQ8F16.list, {{Range(1, 40)}}, 2),
};
constexpr kl_op kOp = Operator("attention", kOperands, kCases);

// Elements of a row: whole blocks.
int64_t CachedLength(const NodeState& s, const kl_tensor* cache) {
  const int64_t block = kl_dtype_info_of(cache->type).block_elements;
  return (s.head_length + block - 1) / block * block;
}

kl_code Prepare(const kl_host*, const kl_node* node, void* state, kl_requirements* requirements,
                kl_error* error) {
  Check check(kOp, node, error);
  for (const uint32_t index : {kQ, kK, kV, kY}) check.Type(index, KL_TYPE_F32);
  check.Rank(kQ, 2, 2);
  check.Rank(kKCache, 3, 3);
  check.Type(kPositions, KL_TYPE_I32);
  for (const uint32_t index : {kKCache, kVCache}) {
    const kl_dtype type = node->operands[index]->type;
    check.RequireOperand(index, type == KL_TYPE_F32 || type == KL_TYPE_F16 || type == KL_TYPE_Q8_0,
                         "type f32, f16 or q8_0");
  }
  if (!check.ok()) return check.code();
  NodeState* s = static_cast<NodeState*>(state);
  s->head_length = kl_attribute_int(node, "head_length", 0);
  check.Require(s->head_length > 0, "attribute head_length above 0", s->head_length);
  if (!check.ok()) return check.code();
  s->window = kl_attribute_int(node, "window", 0);
  s->scale =
      kl_attribute_float(node, "scale", 1.0 / std::sqrt(static_cast<double>(s->head_length)));
  check.Require(s->window >= 0, "attribute window, not negative", s->window);
  const int64_t tokens = node->operands[kQ]->shape[0];
  const int64_t heads = node->operands[kKCache]->shape[0];
  const int64_t rows = node->operands[kKCache]->shape[1];
  check.Shape(kKCache, {kAnyDimension, kAnyDimension, CachedLength(*s, node->operands[kKCache])});
  check.Shape(kVCache, {heads, rows, CachedLength(*s, node->operands[kVCache])});
  check.RequireOperand(kKCache, heads > 0 && rows > 0, "at least one head and one row");
  check.Shape(kK, {tokens, heads * s->head_length});
  check.SameShape(kV, kK);
  check.SameShape(kY, kQ);
  check.Shape(kPositions, {tokens});
  if (!check.ok()) return check.code();
  check.RequireOperand(kQ, RowElements(node->operands[kQ]) % (heads * s->head_length) == 0,
                       "a whole number of query heads for each head of the cache");
  check.RequireOperand(kKCache, rows >= tokens, "as many rows as tokens");
  requirements->worker_scratch_bytes =
      static_cast<uint64_t>(rows + s->head_length) * sizeof(double) +
      static_cast<uint64_t>(s->head_length + kSmallBlock) * sizeof(float);
  return check.code();
}

void Work(const kl_run* run, kl_work* work) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  const int64_t tokens = run->operands[kQ]->shape[0];
  if (tokens == 0) return OnePhase(work, 0);
  work->phase_count = 2;
  work->unit_count[0] = tokens * run->operands[kKCache]->shape[0];
  work->unit_count[1] = tokens * (RowElements(run->operands[kQ]) / s->head_length);
}

// Row of head `head` for `position`.
void* CacheRow(const kl_tensor* cache, int64_t head, int64_t position) {
  const int64_t rows = cache->shape[1], length = cache->shape[2];
  const int64_t row_bytes =
      static_cast<int64_t>(kl_row_bytes(cache->type, static_cast<uint64_t>(length)));
  return static_cast<uint8_t*>(cache->data) + (head * rows + position % rows) * row_bytes;
}

void StoreRow(const float* from, int64_t length, kl_dtype type, void* to) {
  if (type == KL_TYPE_F32) {
    memcpy(to, from, static_cast<size_t>(length) * sizeof(float));
    return;
  }
  if (type == KL_TYPE_F16) {
    for (int64_t i = 0; i < length; ++i) static_cast<uint16_t*>(to)[i] = F32ToF16(from[i]);
    return;
  }
  BlockQ8_0* block = static_cast<BlockQ8_0*>(to);
  for (int64_t i = 0; i < length; i += kSmallBlock, ++block) {
    float values[kSmallBlock] = {};
    for (int64_t j = 0; j < kSmallBlock && i + j < length; ++j) values[j] = from[i + j];
    QuantizeRowQ8_0(values, kSmallBlock, block);
  }
}

// Whether every key that the run's first token sees survives the storing of its last.
bool CacheHoldsRun(const kl_run* run, int64_t window) {
  const int32_t* positions = I32Row(run->operands[kPositions], 0);
  const int64_t tokens = run->operands[kPositions]->shape[0];
  const int64_t rows = run->operands[kKCache]->shape[1];
  const int64_t first = positions[0], last = positions[tokens - 1];
  if (first < 0 || last - first != tokens - 1) return false;
  const int64_t oldest = window == 0 || first < window ? 0 : first - window + 1;
  return last - oldest < rows;
}

void Store(const kl_run* run, int64_t length) {
  const int64_t heads = run->operands[kKCache]->shape[0];
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t t = unit / heads, head = unit % heads;
    const int64_t position = I32Row(run->operands[kPositions], 0)[t];
    const kl_tensor* k_cache = run->operands[kKCache];
    const kl_tensor* v_cache = run->operands[kVCache];
    StoreRow(F32Row(run->operands[kK], t) + head * length, length, k_cache->type,
             CacheRow(k_cache, head, position));
    StoreRow(F32Row(run->operands[kV], t) + head * length, length, v_cache->type,
             CacheRow(v_cache, head, position));
  }
}

void Attend(const kl_run* run, const NodeState& s) {
  const int64_t length = s.head_length;
  const int64_t query_heads = RowElements(run->operands[kQ]) / length;
  const kl_tensor* k_cache = run->operands[kKCache];
  const kl_tensor* v_cache = run->operands[kVCache];
  const int64_t group = query_heads / k_cache->shape[0];
  double* scores = static_cast<double*>(run->worker_scratch);
  double* sums = scores + run->operands[kKCache]->shape[1];
  float* row = reinterpret_cast<float*>(sums + length);
  for (int64_t unit = run->begin; unit < run->end; ++unit) {
    const int64_t t = unit / query_heads, head = unit % query_heads;
    const int64_t position = I32Row(run->operands[kPositions], 0)[t];
    const int64_t oldest = s.window == 0 || position < s.window ? 0 : position - s.window + 1;
    const float* q = F32Row(run->operands[kQ], t) + head * length;
    double largest = -INFINITY;
    for (int64_t j = oldest; j <= position; ++j) {
      DequantizeRow(k_cache->type, CacheRow(k_cache, head / group, j), k_cache->shape[2], row);
      scores[j - oldest] = Dot(q, row, length) * s.scale;
      largest = scores[j - oldest] > largest ? scores[j - oldest] : largest;
    }
    double total = 0.0;
    for (int64_t i = 0; i < length; ++i) sums[i] = 0.0;
    for (int64_t j = oldest; j <= position; ++j) {
      const double weight = std::exp(scores[j - oldest] - largest);
      total += weight;
      DequantizeRow(v_cache->type, CacheRow(v_cache, head / group, j), v_cache->shape[2], row);
      for (int64_t i = 0; i < length; ++i) sums[i] += weight * row[i];
    }
    float* y = MutableF32Row(run->operands[kY], t) + head * length;
    for (int64_t i = 0; i < length; ++i) y[i] = static_cast<float>(sums[i] / total);
  }
}

kl_code Run(const kl_run* run) {
  const NodeState* s = static_cast<const NodeState*>(run->state);
  if (!CacheHoldsRun(run, s->window)) return KL_INVALID_ARGUMENT;
  if (run->phase == 0) {
    Store(run, s->head_length);
  } else {
    Attend(run, *s);
  }
  return KL_OK;
}

constexpr kl_kernel kKernel =
    ReferenceKernel(kOp, "attention_f32_reference", sizeof(NodeState), Prepare, Work, Run);
constexpr const kl_kernel* kKernels[] = {&kKernel};

}  // namespace
}  // namespace reference
}  // namespace kinglet

KL_TABLE(reference, attention) = {&kinglet::reference::kOp, kinglet::reference::kKernels, 1,
                                  nullptr};
