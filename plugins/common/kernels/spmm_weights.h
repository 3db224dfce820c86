// Pruned weights W [rows][columns] as the sparse kernels keep them.
//
//   SpmmWeights | order u32 [row blocks] | start u32 [chunks][row blocks + 1] | entries
//
// A row block is `block` (1, 2 or 4) neighbouring rows (output channels); an entry is a column in
// which one of them is not zero: {column within its chunk, block weights}. Entries lie chunk by
// chunk (`chunk` columns each, so that the columns of X that one pass reads fit the L1 cache), in a
// chunk row block by row block, in `order`: within a quarter of the row blocks fewest entries
// first, because a loop that runs about as often as the one before it is predicted; quarters one
// after the other, so that threads write rows that lie apart. Nothing depends on X or on the
// instruction set.
//
// Ownership: plain bytes, 64-byte aligned, made by pack(). Thread safety: constants afterwards.
#ifndef PLUGINS_COMMON_KERNELS_SPMM_WEIGHTS_H_
#define PLUGINS_COMMON_KERNELS_SPMM_WEIGHTS_H_

#include <stdint.h>
#include <string.h>

#include "plugins/common/kernels/f32x8.h"

namespace {

// A matrix of f32 weights with the rows' elements `column_stride` apart.
struct SpmmSource {
  const float* data;
  int64_t rows;
  int64_t columns;
  int64_t row_stride;
  int64_t column_stride;

  KL_INLINE float at(int64_t row, int64_t column) const {
    return data[row * row_stride + column * column_stride];
  }
};

template <int kBlock>
struct SpmmEntry {
  uint32_t column;
  float weights[kBlock];
};

struct SpmmWeights {
  uint32_t rows;
  uint32_t columns;
  uint32_t block;
  uint32_t chunk;
  uint32_t chunk_count;
  uint32_t block_count;
  uint64_t entry_count;
  uint64_t entries_offset;  // bytes from here

  KL_INLINE const uint32_t* order() const { return (const uint32_t*)(this + 1); }
  // Entries of the chunk's i-th row block (in order): [starts[i], starts[i + 1]).
  KL_INLINE const uint32_t* starts(int64_t chunk_index) const {
    return order() + block_count + chunk_index * (block_count + 1);
  }
  template <int kBlock>
  KL_INLINE const SpmmEntry<kBlock>* entries() const {
    return (const SpmmEntry<kBlock>*)((const char*)this + entries_offset);
  }
};

constexpr int kSpmmBlocks[] = {1, 2, 4};

// What a look at the weights says.
struct SpmmCount {
  int64_t nonzeros;
  int64_t entries[3];  // for blocks of 1, 2, 4
};

KL_INLINE SpmmCount CountSpmm(const SpmmSource& w) {
  SpmmCount count = {};
  for (int64_t row = 0; row < w.rows; row += 4) {
    for (int64_t column = 0; column < w.columns; ++column) {
      bool set[4] = {};
      for (int64_t i = 0; i < 4 && row + i < w.rows; ++i) set[i] = w.at(row + i, column) != 0.0f;
      count.nonzeros += set[0] + set[1] + set[2] + set[3];
      count.entries[1] += (set[0] || set[1]) + (set[2] || set[3]);
      count.entries[2] += set[0] || set[1] || set[2] || set[3];
    }
  }
  count.entries[0] = count.nonzeros;
  return count;
}

KL_INLINE int64_t SpmmChunkCount(int64_t columns, int64_t chunk) {
  return Maximum(1, CeilDivide(columns, chunk));
}

KL_INLINE uint64_t SpmmEntriesOffset(int64_t block_count, int64_t chunk_count) {
  const int64_t words = block_count + chunk_count * (block_count + 1);
  return (uint64_t)RoundUp((int64_t)sizeof(SpmmWeights) + 4 * words, 64);
}

KL_INLINE uint64_t SpmmBytes(const SpmmSource& w, const SpmmCount& count, int block_index,
                             int64_t chunk) {
  const int64_t block = kSpmmBlocks[block_index];
  return SpmmEntriesOffset(w.rows / block, SpmmChunkCount(w.columns, chunk)) +
         (uint64_t)(count.entries[block_index] * (4 + 4 * block));
}

// Writes the row blocks' entries of one chunk. Returns the index of the next entry.
template <int kBlock>
KL_INLINE uint32_t EncodeChunk(const SpmmSource& w, const uint32_t* order, int64_t block_count,
                               int64_t first, int64_t last, uint32_t next, uint32_t* starts,
                               SpmmEntry<kBlock>* entries) {
  for (int64_t i = 0; i < block_count; ++i) {
    starts[i] = next;
    const int64_t row = (int64_t)order[i] * kBlock;
    for (int64_t column = first; column < last; ++column) {
      SpmmEntry<kBlock> entry;
      bool any = false;
      for (int b = 0; b < kBlock; ++b) {
        entry.weights[b] = w.at(row + b, column);
        any = any || entry.weights[b] != 0.0f;
      }
      entry.column = (uint32_t)(column - first);
      if (any) entries[next++] = entry;
    }
  }
  starts[block_count] = next;
  return next;
}

template <int kBlock>
KL_INLINE int64_t CountBlock(const SpmmSource& w, int64_t row) {
  int64_t count = 0;
  for (int64_t column = 0; column < w.columns; ++column) {
    bool any = false;
    for (int b = 0; b < kBlock; ++b) any = any || w.at(row + b, column) != 0.0f;
    count += any;
  }
  return count;
}

// Sorts `order` by counts, then by number.
KL_INLINE void SortBlocks(const uint32_t* counts, uint32_t* order, int64_t count) {
  const auto less = [&](uint32_t a, uint32_t b) {
    return counts[a] != counts[b] ? counts[a] < counts[b] : a < b;
  };
  const auto sift = [&](int64_t root, int64_t end) {
    for (int64_t child; (child = 2 * root + 1) < end; root = child) {
      if (child + 1 < end && less(order[child], order[child + 1])) ++child;
      if (!less(order[root], order[child])) return;
      const uint32_t moved = order[root];
      order[root] = order[child];
      order[child] = moved;
    }
  };
  for (int64_t i = count / 2; i-- > 0;) sift(i, count);
  for (int64_t end = count; end-- > 1;) {
    const uint32_t largest = order[0];
    order[0] = order[end];
    order[end] = largest;
    sift(0, end);
  }
}

// Each quarter of the row blocks by their number of entries, equal ones in order. A heap sort: it
// needs no memory and no luck. counts: room for a word for each row block.
template <int kBlock>
void OrderBlocks(const SpmmSource& w, int64_t block_count, uint32_t* counts, uint32_t* order) {
  constexpr int64_t kGroups = 4;
  for (int64_t i = 0; i < block_count; ++i) {
    order[i] = (uint32_t)i;
    counts[i] = (uint32_t)CountBlock<kBlock>(w, i * kBlock);
  }
  for (int64_t group = 0; group < kGroups; ++group) {
    const int64_t first = block_count * group / kGroups;
    SortBlocks(counts, order + first, block_count * (group + 1) / kGroups - first);
  }
}

template <int kBlock>
KL_INLINE void EncodeSpmm(const SpmmSource& w, int64_t chunk, void* destination) {
  SpmmWeights* weights = (SpmmWeights*)destination;
  const int64_t chunk_count = SpmmChunkCount(w.columns, chunk), block_count = w.rows / kBlock;
  weights->rows = (uint32_t)w.rows;
  weights->columns = (uint32_t)w.columns;
  weights->block = kBlock;
  weights->chunk = (uint32_t)chunk;
  weights->chunk_count = (uint32_t)chunk_count;
  weights->block_count = (uint32_t)block_count;
  weights->entries_offset = SpmmEntriesOffset(block_count, chunk_count);
  uint32_t* order = (uint32_t*)(weights + 1);
  uint32_t* starts = order + block_count;
  // The first chunk's starts are written after the order is known: until then they hold counts.
  OrderBlocks<kBlock>(w, block_count, starts, order);
  SpmmEntry<kBlock>* entries = (SpmmEntry<kBlock>*)((char*)destination + weights->entries_offset);
  uint32_t next = 0;
  for (int64_t c = 0; c < chunk_count; ++c) {
    const int64_t last = Minimum(w.columns, (c + 1) * chunk);
    next = EncodeChunk<kBlock>(w, order, block_count, c * chunk, last, next,
                               starts + c * (block_count + 1), entries);
  }
  weights->entry_count = next;
}

}  // namespace

#endif  // PLUGINS_COMMON_KERNELS_SPMM_WEIGHTS_H_
