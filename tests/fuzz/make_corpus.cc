// Writes the seeds of the fuzz targets for model files: bazel run //tests/fuzz:make_corpus --
// $PWD/tests/fuzz
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "loaders/gguf/gguf_test_builder.h"
#include "loaders/hf/safetensors_test_builder.h"
#include "loaders/klbank/klbank_test_builder.h"

namespace kinglet {
namespace {

bool Write(const std::string& path, const std::string& bytes) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.close();
  if (!out) std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return static_cast<bool>(out);
}

std::string Experts() {
  GgufBuilder builder = SmallModel();
  return builder.U32("llama.expert_count", 2)
      .U32("llama.expert_used_count", 1)
      .Tensor("blk.0.ffn_gate_inp.weight", {32, 2}, KL_TYPE_F32)
      .Tensor("blk.0.ffn_up_exps.weight", {32, 32, 2}, KL_TYPE_Q4_0)
      .Bytes();
}

std::string EveryKindOfValue() {
  GgufBuilder builder;
  builder.Text("general.architecture", "qwen2")
      .Bool("bool", true)
      .U16("u16", 1)
      .I32("i32", -1)
      .F32("f32", 1.5f);
  builder.Entry("u8", 0, "\1").Entry("i8", 1, "\1").Entry("i16", 3, Little<int16_t>(1));
  builder.Entry("u64", 10, Little<uint64_t>(1))
      .Entry("i64", 11, Little<int64_t>(1))
      .Entry("f64", 12, Little(1.0));
  builder.Ints("ints", {1, 2})
      .Floats("floats", {1, 2})
      .Texts("texts", {"a", ""})
      .RawArray("bools", 7, 2, std::string("\1\0", 2));
  return builder.Bytes();
}

std::string Vocabulary() {
  GgufBuilder builder = SmallModel();
  return builder.Text("tokenizer.ggml.model", "gpt2")
      .Text("tokenizer.ggml.pre", "qwen2")
      .Texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<e>"})
      .Ints("tokenizer.ggml.token_type", {1, 1, 1, 3})
      .Texts("tokenizer.ggml.merges", {"a b"})
      .U32("tokenizer.ggml.eos_token_id", 3)
      .Bytes();
}

std::string Shard() {
  GgufBuilder builder;
  return builder.Text("general.architecture", "llama")
      .U16("split.no", 0)
      .U16("split.count", 2)
      .Bytes();
}

std::string BlockTypes() {
  GgufBuilder builder;
  builder.Text("general.architecture", "llama");
  for (kl_dtype type = 0; type < KL_TYPE_U8; type++) {
    const kl_dtype_info info = kl_dtype_info_of(type);
    if (info.name != nullptr) builder.Tensor(info.name, {info.block_elements}, type);
  }
  return builder.Bytes();
}

constexpr char kTokenizer[] =
    R"({"added_tokens":[{"id":3,"content":"<e>","special":true,"lstrip":true}],
"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split",
"pattern":{"Regex":"[0-9]"},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false}]},
"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<e>"}},{"Sequence":{"id":"A"}}]},
"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b",["a","b"]]}})";

constexpr char kSentencePiece[] = R"({"normalizer":{"type":"Sequence","normalizers":[
{"type":"Prepend","prepend":"\u2581"},{"type":"Replace","pattern":{"String":" "},"content":"\u2581"}]},
"model":{"unk_token":"<unk>","byte_fallback":true,"vocab":{"<unk>":0,"<0x0A>":1,"\u2581":2,"a":3,"\u2581a":4},
"merges":["\u2581 a"]},"eos_token":{"content":"a"},"add_bos_token":true,"chat_template":[{"name":"default"}]})";

constexpr char kConfig[] = R"({"model_type":"smallthinker","num_hidden_layers":2,"hidden_size":8,
"num_attention_heads":2,"rope_layout":[0,1],"sliding_window_layout":[0,1],"sliding_window_size":4,
"rope_scaling":{"rope_type":"yarn","factor":2},"eos_token_id":[1,2],"moe_num_primary_experts":2})";

// One whole bank, and a part of one with a single level.
bool WriteBanks(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  KlbankHead part = SmallKlbankHead();
  part.shape.depth = 1;
  part.shape.rows = {1, 0, 0, 0};
  part.shape.type = KL_TYPE_F16;
  part.generic = false;
  const bool written = WriteKlbank(folder + "/small", SmallKlbankHead()).ok() &&
                       WriteKlbank(folder + "/part", part, {{1, 0}}).ok();
  if (!written) std::fprintf(stderr, "cannot write into %s\n", folder.c_str());
  return written;
}

bool WriteAll(const std::string& folder) {
  const std::string tensors = SafetensorsBuilder().Tensor("a", {2, 3}).Tensor("b", {5}).Bytes();
  return Write(folder + "/gguf_corpus/small_model", SmallModel().Bytes()) &&
         Write(folder + "/gguf_corpus/experts", Experts()) &&
         Write(folder + "/gguf_corpus/values", EveryKindOfValue()) &&
         Write(folder + "/gguf_corpus/vocabulary", Vocabulary()) &&
         Write(folder + "/gguf_corpus/shard", Shard()) &&
         Write(folder + "/gguf_corpus/block_types", BlockTypes()) &&
         Write(folder + "/safetensors_corpus/two_tensors", tensors) &&
         Write(folder + "/safetensors_corpus/empty", SafetensorsBytes("{}", "")) &&
         Write(folder + "/safetensors_corpus/metadata",
               SafetensorsBytes(R"({"__metadata__":{"format":"pt"}})", "")) &&
         Write(folder + "/tokenizer_json_corpus/byte_level", kTokenizer) &&
         Write(folder + "/tokenizer_json_corpus/sentencepiece", kSentencePiece) &&
         Write(folder + "/tokenizer_json_corpus/config", kConfig) &&
         WriteBanks(folder + "/klbank_corpus");
}

}  // namespace
}  // namespace kinglet

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  return kinglet::WriteAll(argv[1]) ? 0 : 1;
}
