// TFLite files taken apart and put together again, for tests that change them.
#ifndef KINGLET_TESTS_CNN_TFLITE_MODEL_H_
#define KINGLET_TESTS_CNN_TFLITE_MODEL_H_

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "loaders/tflite/schema_generated.h"

namespace kinglet {

inline std::unique_ptr<tflite::ModelT> ReadTfliteModel(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return std::unique_ptr<tflite::ModelT>(tflite::GetModel(bytes.data())->UnPack());
}

inline std::string TfliteBytes(const tflite::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite::Model::Pack(builder, &model), tflite::ModelIdentifier());
  return std::string(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
}

// The network up to what its last operator, a SOFTMAX, reads.
inline void EndAtLogits(tflite::ModelT* model) {
  tflite::SubGraphT& graph = *model->subgraphs[0];
  const uint32_t code = graph.operators.back()->opcode_index;
  ASSERT_EQ(std::max<int>(model->operator_codes[code]->builtin_code,
                          model->operator_codes[code]->deprecated_builtin_code),
            25);
  graph.outputs = {graph.operators.back()->inputs[0]};
  graph.operators.pop_back();
}

}  // namespace kinglet

#endif  // KINGLET_TESTS_CNN_TFLITE_MODEL_H_
