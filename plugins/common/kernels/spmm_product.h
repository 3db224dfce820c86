// Y = clamp(W X + bias) with pruned W: what the operators share. X [columns][pixels], Y
// [rows][pixels].
//
// Work: tiles x splits units for each X; or as many as there are workers (SpmmTiles::by_rows). What
// a unit adds up, and in which order, never depends on their number.
#ifndef PLUGINS_COMMON_KERNELS_SPMM_PRODUCT_H_
#define PLUGINS_COMMON_KERNELS_SPMM_PRODUCT_H_

#include "plugins/common/kernels/entry.h"
#include "plugins/common/kernels/spmm_plan.h"

namespace {

struct SpmmProduct {
  const SpmmWeights* weights;
  SpmmTiles tiles;
  int64_t pixels;
  int64_t x_pitch;  // floats from one row of X to the next
  float low, high;
  int64_t unit_count;  // of one X
  KL_INLINE uint64_t worker_scratch_bytes() const {
    const int64_t columns = Minimum(weights->chunk, weights->columns);
    const int64_t floats = tiles.by_rows ? weights->columns * RoundUp(pixels, kLanes)
                           : tiles.packs ? columns * tiles.width * kLanes
                                         : 0;
    return (uint64_t)floats * sizeof(float);
  }
};

// Of X whose rows lie `pixels` floats apart, for so many workers.
KL_INLINE SpmmProduct ProductOver(const SpmmWeights* weights, int64_t pixels, bool in_order,
                                  int64_t workers, float low, float high) {
  const SpmmTiles tiles = ChooseTiles(*weights, pixels, in_order);
  const int64_t units = pixels < 1      ? 0
                        : tiles.by_rows ? Maximum(1, Minimum(workers, weights->block_count))
                                        : tiles.tile_count * tiles.split_count;
  return {weights, tiles, pixels, pixels, low, high, units};
}

// Row blocks [first, last) of a tile.
KL_INLINE void RunTile(const SpmmProduct& product, const float* x, const float* bias, float* y,
                       int64_t tile, int64_t first, int64_t last, float* packed) {
  const SpmmWeights& w = *product.weights;
  const SpmmTiles& tiles = product.tiles;
  const int64_t vectors = CeilDivide(product.pixels, kLanes);
  const int64_t begin = vectors * tile / tiles.tile_count;
  const int64_t end = vectors * (tile + 1) / tiles.tile_count;
  const int64_t width = end - begin;
  SpmmPass pass = {};
  pass.weights = &w;
  pass.y = y + begin * kLanes;
  pass.y_pitch = product.pixels;
  pass.bias = bias;
  pass.low = product.low;
  pass.high = product.high;
  pass.last_pixels = Minimum(kLanes, product.pixels - (end - 1) * kLanes);
  const SpmmTileFunction function = TileFunction(width, w.block, tiles.two_sets);
  for (int64_t chunk = 0; chunk < w.chunk_count; ++chunk) {
    const int64_t column = chunk * w.chunk;
    pass.chunk_index = chunk;
    pass.x = x + column * product.x_pitch + begin * kLanes;
    pass.x_pitch = product.x_pitch;
    if (tiles.packs) {
      PackPixels(pass.x, product.x_pitch, Minimum(w.chunk, w.columns - column), width,
                 pass.last_pixels, packed);
      pass.x = packed;
      pass.x_pitch = width * kLanes;
    }
    function(pass, first, last);
  }
}

// Units [begin, end) of one X; `packed` is the worker's scratch.
KL_INLINE void RunUnits(const SpmmProduct& product, const float* x, const float* bias, float* y,
                        int64_t begin, int64_t end, float* packed) {
  const int64_t units = product.unit_count;
  const int64_t blocks = product.weights->block_count;
  const SpmmTiles& tiles = product.tiles;
  if (tiles.by_rows) {
    SpmmProduct copied = product;
    copied.x_pitch = RoundUp(product.pixels, kLanes);
    const int64_t vectors = copied.x_pitch / kLanes;
    PackPixels(x, product.x_pitch, product.weights->columns, vectors,
               product.pixels - (vectors - 1) * kLanes, packed);
    for (int64_t tile = 0; tile < tiles.tile_count; ++tile) {
      RunTile(copied, packed, bias, y, tile, blocks * begin / units, blocks * end / units, nullptr);
    }
    return;
  }
  const int64_t splits = tiles.split_count;
  for (int64_t unit = begin, next; unit < end; unit = next) {
    const int64_t tile = unit / splits, first = unit % splits;
    next = Minimum(end, (tile + 1) * splits);
    const int64_t last = first + (next - unit);
    RunTile(product, x, bias, y, tile, blocks * first / splits, blocks * last / splits, packed);
  }
}

// ---- packing, for a kernel whose operand has this source ----

KL_INLINE void QuerySpmmPack(const SpmmSource& w, kl_pack* pack) {
  const SpmmCount count = CountSpmm(w);
  const SpmmLayout layout = ChooseLayout(w, count);
  pack->bytes = SpmmBytes(w, count, layout.block_index, layout.chunk);
  pack->unit_count = 1;
  pack->layout = LayoutName(layout, w.columns);
}

KL_INLINE void PackSpmm(const SpmmSource& w, void* destination) {
  const SpmmLayout layout = ChooseLayout(w, CountSpmm(w));
  if (layout.block_index == 2) {
    EncodeSpmm<4>(w, layout.chunk, destination);
  } else if (layout.block_index == 1) {
    EncodeSpmm<2>(w, layout.chunk, destination);
  } else {
    EncodeSpmm<1>(w, layout.chunk, destination);
  }
}

KL_INLINE kl_code ExpectSpmm(const kl_node* node, const kl_tensor* w, kl_error* error) {
  if (w->layout == KL_LAYOUT_PACKED && w->data != nullptr) return KL_OK;
  return kl_fail(error, KL_INVALID_ARGUMENT,
                 "%s (%s): the pruned weights are not packed; call pack() first", NameOf(node),
                 node->op);
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SPMM_PRODUCT_H_
