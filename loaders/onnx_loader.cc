// ONNX files. What is supported and refused: loaders/onnx/README.md.
#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx_pb.h>

#include <limits>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/model/model_source.h"
#include "loaders/common/errors.h"
#include "loaders/common/readable.h"
#include "loaders/onnx/quantized_fusion.h"
#include "loaders/onnx/translator.h"

namespace kinglet {
namespace {

// Operator sets of the default domain whose operators are translated.
constexpr int64_t kOldestOpset = 7;
constexpr int64_t kNewestOpset = 25;

// Messages within messages: graphs nest a few levels deep, a file may not make the parser recurse.
constexpr int kNestingLimit = 64;

absl::StatusOr<onnx::ModelProto> Parse(const MappedFile& file) {
  if (file.size() > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
    return Corrupt(file.path(), 0, "at most 2^31 - 1 bytes, as protocol buffers are defined",
                   absl::StrCat(file.size(), " bytes; keep the tensors in external data"));
  }
  KL_RETURN_IF_ERROR(CheckReadable(file, 0, file.size()));
  const int size = static_cast<int>(file.size());
  google::protobuf::io::CodedInputStream stream(file.data(), size);
  stream.SetRecursionLimit(kNestingLimit);
  onnx::ModelProto model;
  if (!model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return Corrupt(file.path(), static_cast<uint64_t>(stream.CurrentPosition()),
                   "an ONNX ModelProto in protocol buffer encoding", "bytes that are none");
  }
  if (!model.has_graph()) return Corrupt(file.path(), "the model", "a graph", "none");
  return model;
}

absl::StatusOr<int64_t> Opset(const onnx::ModelProto& model, absl::string_view path) {
  for (const onnx::OperatorSetIdProto& opset : model.opset_import()) {
    if (!opset.domain().empty() && opset.domain() != "ai.onnx") continue;
    if (opset.version() >= kOldestOpset && opset.version() <= kNewestOpset) return opset.version();
    return absl::UnimplementedError(absl::StrCat(path, ": ONNX operator set ", opset.version(),
                                                 " is not supported; export with one from ",
                                                 kOldestOpset, " to ", kNewestOpset));
  }
  return Corrupt(path, "the model", "an operator set of the default domain", "none");
}

void InsertText(absl::string_view key, const std::string& text, Metadata* metadata) {
  if (!text.empty()) metadata->Insert(std::string(key), text);
}

class OnnxLoader : public Loader {
 public:
  absl::string_view format() const override { return "onnx"; }

  // The encoding has no magic number: the name tells, or a first field that is the version of the
  // representation followed by another field of a ModelProto.
  bool Recognises(absl::string_view path, absl::string_view head) const override {
    if (head.empty()) return false;
    if (absl::EndsWithIgnoreCase(path, ".onnx")) return true;
    constexpr absl::string_view kNextFields = "\x12\x1a\x22\x28\x32\x3a\x42\x72";
    return head.size() > 2 && head[0] == 0x08 && head[1] >= 3 && head[1] <= 20 &&
           absl::StrContains(kNextFields, head[2]);
  }

  absl::StatusOr<std::unique_ptr<ModelSource>> Load(absl::string_view path) const override {
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
    KL_ASSIGN_OR_RETURN(const onnx::ModelProto model, Parse(*file));
    KL_ASSIGN_OR_RETURN(const int64_t opset, Opset(model, path));
    auto source = std::make_unique<ModelSource>();
    source->path = std::string(path);
    source->format = std::string(format());
    source->file_bytes = file->size();
    source->metadata.Insert("onnx.ir_version", model.ir_version());
    source->metadata.Insert("onnx.opset", opset);
    InsertText("general.name", model.graph().name(), &source->metadata);
    InsertText("onnx.producer", model.producer_name(), &source->metadata);
    OnnxTranslator translator(model.graph(), opset, source->path);
    KL_RETURN_IF_ERROR(translator.Translate());
    KL_RETURN_IF_ERROR(translator.Finish(source.get()));
    FuseQuantized(&*source->graph);
    return source;
  }
};

}  // namespace

const Loader* onnx_loader();  // for the generated table

const Loader* onnx_loader() {
  static const OnnxLoader loader;
  return &loader;
}

}  // namespace kinglet
