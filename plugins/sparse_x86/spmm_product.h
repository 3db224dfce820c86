// Y = clamp(W X + bias) with pruned W: what the operators share. X [columns][pixels], Y
// [rows][pixels].
//
// Work: tiles x splits units for each X; consecutive units of a tile are computed in one go.
#ifndef PLUGINS_SPARSE_X86_SPMM_PRODUCT_H_
#define PLUGINS_SPARSE_X86_SPMM_PRODUCT_H_

#include "plugins/sparse_x86/kernel_avx2.h"
#include "plugins/sparse_x86/spmm_plan.h"

namespace {

struct SpmmProduct {
  const SpmmWeights* weights;
  SpmmTiles tiles;
  int64_t pixels;
  float low, high;

  KL_INLINE int64_t unit_count() const {
    return pixels > 0 ? tiles.tile_count * tiles.split_count : 0;
  }
  KL_INLINE uint64_t worker_scratch_bytes() const {
    const int64_t columns = Minimum(weights->chunk, weights->columns);
    return tiles.packs ? (uint64_t)(columns * tiles.width * kLanes) * sizeof(float) : 0;
  }
};

KL_INLINE void RunTile(const SpmmProduct& product, const float* x, const float* bias, float* y,
                       int64_t tile, int64_t first_split, int64_t last_split, float* packed) {
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
  const int64_t first = (int64_t)w.block_count * first_split / tiles.split_count;
  const int64_t last = (int64_t)w.block_count * last_split / tiles.split_count;
  for (int64_t chunk = 0; chunk < w.chunk_count; ++chunk) {
    const int64_t column = chunk * w.chunk;
    pass.chunk_index = chunk;
    pass.x = x + column * product.pixels + begin * kLanes;
    pass.x_pitch = product.pixels;
    if (tiles.packs) {
      PackPixels(pass.x, product.pixels, Minimum(w.chunk, w.columns - column), width,
                 pass.last_pixels, packed);
      pass.x = packed;
      pass.x_pitch = width * kLanes;
    }
    function(pass, first, last);
  }
}

// Units [begin, end) of one X.
KL_INLINE void RunUnits(const SpmmProduct& product, const float* x, const float* bias, float* y,
                        int64_t begin, int64_t end, float* packed) {
  const int64_t splits = product.tiles.split_count;
  while (begin < end) {
    const int64_t tile = begin / splits, first = begin % splits;
    const int64_t last = Minimum(splits, first + (end - begin));
    RunTile(product, x, bias, y, tile, first, last, packed);
    begin += last - first;
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

#endif  // PLUGINS_SPARSE_X86_SPMM_PRODUCT_H_
