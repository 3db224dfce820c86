#include "tools/make_model/generate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "core/abi/dtype.h"

namespace kinglet::tools {
namespace {

constexpr int64_t kPieceElements = 1 << 18;

int64_t RowLength(const TensorPlan& tensor) { return tensor.shape.back(); }

int64_t RowCount(const TensorPlan& tensor) {
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < tensor.shape.size(); ++d) rows *= tensor.shape[d];
  return rows;
}

// [rows, columns] to [columns, rows].
void Transpose(const std::vector<Code>& in, int64_t rows, int64_t columns, std::vector<Code>* out) {
  constexpr int64_t kTile = 32;
  out->resize(in.size());
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      for (int64_t r = r0; r < std::min(rows, r0 + kTile); ++r) {
        for (int64_t c = c0; c < std::min(columns, c0 + kTile); ++c) {
          (*out)[static_cast<size_t>(c * rows + r)] = in[static_cast<size_t>(r * columns + c)];
        }
      }
    }
  }
}

}  // namespace

int64_t RowsOfPiece(const TensorPlan& tensor) {
  if (tensor.by_expert) return tensor.shape[1];
  return std::max<int64_t>(1, kPieceElements / RowLength(tensor));
}

void GenerateRows(const TensorPlan& tensor, uint64_t seed, int64_t first_row, int64_t rows,
                  std::vector<uint8_t>* out) {
  const int64_t length = RowLength(tensor);
  const size_t count = static_cast<size_t>(rows * length);
  if (!tensor.values.empty()) {
    out->resize(count * sizeof(float));
    std::memcpy(out->data(), tensor.values.data() + first_row * length, out->size());
    return;
  }
  const BlockType& type = *FindBlockType(tensor.type);
  const kl_dtype_info info = kl_dtype_info_of(tensor.type);
  const LevelTable table(type, tensor.mean_ratio);
  const double size =
      tensor.unit_square_mean ? std::hypot(table.mean(), table.deviation()) : table.deviation();
  const float step = static_cast<float>(tensor.deviation / size);
  Random random(seed, tensor.name, static_cast<uint64_t>(first_row / RowsOfPiece(tensor)));
  std::vector<Code> codes(count);
  table.Draw(&random, codes.data(), count);
  if (tensor.by_expert && !tensor.store_transposed) {
    std::vector<Code> by_neuron = std::move(codes);
    Transpose(by_neuron, length, rows, &codes);
  }
  out->resize(count / info.block_elements * info.block_bytes);
  uint8_t* next = out->data();
  for (size_t i = 0; i < count; i += info.block_elements, next += info.block_bytes) {
    type.pack(codes.data() + i, type.levels.data(), step, &random, next);
  }
}

Failure GenerateWeights(const std::vector<TensorPlan>& tensors, const std::vector<size_t>& indices,
                        uint64_t seed, int thread_count, const GenerateProgress& progress,
                        GgufWriter* writer) {
  struct Piece {
    size_t tensor;
    int64_t first_row, rows;
  };
  std::vector<Piece> pieces;
  uint64_t total = 0;
  for (size_t t = 0; t < tensors.size(); ++t) {
    const int64_t rows = RowCount(tensors[t]);
    const int64_t step = RowsOfPiece(tensors[t]);
    for (int64_t row = 0; row < rows; row += step) {
      pieces.push_back({t, row, std::min(step, rows - row)});
    }
    total += writer->TensorBytes(indices[t]);
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;  // guards done, failure and progress
  uint64_t done = 0;
  Failure failure;
  const auto work = [&] {
    std::vector<uint8_t> bytes;
    for (size_t i = next++; i < pieces.size(); i = next++) {
      const Piece& piece = pieces[i];
      const TensorPlan& tensor = tensors[piece.tensor];
      GenerateRows(tensor, seed, piece.first_row, piece.rows, &bytes);
      const uint64_t row_bytes =
          kl_row_bytes(tensor.type, static_cast<uint64_t>(RowLength(tensor)));
      Failure written =
          writer->Write(indices[piece.tensor], static_cast<uint64_t>(piece.first_row) * row_bytes,
                        bytes.data(), bytes.size());
      const std::lock_guard<std::mutex> lock(mutex);
      done += bytes.size();
      if (!failure.ok()) return;
      if (written.ok() && !progress(done, total)) written = {kExitInterrupted, "interrupted"};
      if (!written.ok()) failure = std::move(written);
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < thread_count; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return failure;
}

}  // namespace kinglet::tools
