#include "plugins/xnnpack/layout.h"

#include "core/abi/attribute.h"

// ThreadSanitizer does not see how pthreadpool, which comes compiled, hands work to its threads and
// takes it back; these two say it.
#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#else
static void __tsan_acquire(void*) {}
static void __tsan_release(void*) {}
#endif

namespace kinglet {
namespace xnnpack {
namespace {

// Pixels that one task moves: a few cache lines of each channel.
constexpr size_t kTilePixels = 64;

template <typename T>
struct Move {
  int64_t channels;
  int64_t pixels;
  const T* from;
  T* to;
  uint8_t flip;  // of bytes
};

inline float Flipped(float v, uint8_t) { return v; }
inline uint8_t Flipped(uint8_t v, uint8_t flip) { return static_cast<uint8_t>(v ^ flip); }

template <typename T>
void TileToChannelsLast(void* context, size_t image, size_t first, size_t count) {
  __tsan_acquire(context);
  const Move<T>& move = *static_cast<const Move<T>*>(context);
  const size_t channels = static_cast<size_t>(move.channels);
  const size_t pixels = static_cast<size_t>(move.pixels);
  const T* from = move.from + image * channels * pixels + first;
  T* to = move.to + (image * pixels + first) * channels;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t p = 0; p < count; ++p)
      to[p * channels + c] = Flipped(from[c * pixels + p], move.flip);
  }
  __tsan_release(context);
}

template <typename T>
void TileToChannelsFirst(void* context, size_t image, size_t first, size_t count) {
  __tsan_acquire(context);
  const Move<T>& move = *static_cast<const Move<T>*>(context);
  const size_t channels = static_cast<size_t>(move.channels);
  const size_t pixels = static_cast<size_t>(move.pixels);
  const T* from = move.from + (image * pixels + first) * channels;
  T* to = move.to + image * channels * pixels + first;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t p = 0; p < count; ++p)
      to[c * pixels + p] = Flipped(from[p * channels + c], move.flip);
  }
  __tsan_release(context);
}

template <typename T>
void Run(pthreadpool_t pool, pthreadpool_task_2d_tile_1d_t tile, int64_t batch, Move<T> move) {
  __tsan_release(&move);
  pthreadpool_parallelize_2d_tile_1d(pool, tile, &move, static_cast<size_t>(batch),
                                     static_cast<size_t>(move.pixels), kTilePixels, /*flags=*/0);
  __tsan_acquire(&move);
}

Move<uint8_t> MoveOfCodes(int64_t channels, int64_t pixels, const void* from, void* to,
                          uint8_t flip) {
  return {channels, pixels, static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to), flip};
}

}  // namespace

void ChannelsLast(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
                  const float* from, float* to) {
  Run<float>(pool, TileToChannelsLast<float>, batch, {channels, pixels, from, to, kKeepSign});
}

void ChannelsFirst(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
                   const float* from, float* to) {
  Run<float>(pool, TileToChannelsFirst<float>, batch, {channels, pixels, from, to, kKeepSign});
}

void CodesLast(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
               const void* from, void* to, uint8_t flip) {
  Run(pool, TileToChannelsLast<uint8_t>, batch, MoveOfCodes(channels, pixels, from, to, flip));
}

void CodesFirst(pthreadpool_t pool, int64_t batch, int64_t channels, int64_t pixels,
                const void* from, void* to, uint8_t flip) {
  Run(pool, TileToChannelsFirst<uint8_t>, batch, MoveOfCodes(channels, pixels, from, to, flip));
}

bool ReadWindow(const kl_node* node, bool dilated, Window* window) {
  window->dilations[0] = window->dilations[1] = 1;
  return kl_attribute_ints(node, "strides", 2, 1, INT32_MAX, window->strides) &&
         kl_attribute_ints(node, "pads", 4, 0, INT32_MAX, window->pads) &&
         (!dilated || kl_attribute_ints(node, "dilations", 2, 1, INT32_MAX, window->dilations));
}

int64_t OutputSize(const Window& window, int d, int64_t input_size) {
  const int64_t reach = (window.kernel[d] - 1) * window.dilations[d] + 1;
  const int64_t padded = input_size + window.pads[d] + window.pads[d + 2];
  return padded < reach ? 0 : (padded - reach) / window.strides[d] + 1;
}

bool OutputFits(const Window& window, const kl_tensor* x, const kl_tensor* y) {
  for (int d = 0; d < 2; ++d) {
    const int64_t size = OutputSize(window, d, x->shape[2 + d]);
    if (size <= 0 || size != y->shape[2 + d]) return false;
  }
  return true;
}

bool PadsExceedKernel(const Window& window) {
  for (int d = 0; d < 2; ++d) {
    const int64_t reach = (window.kernel[d] - 1) * window.dilations[d] + 1;
    if (window.pads[d] >= reach || window.pads[d + 2] >= reach) return true;
  }
  return false;
}

}  // namespace xnnpack
}  // namespace kinglet
