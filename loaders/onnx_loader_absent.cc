// In place of the ONNX loader where its protocol buffers cannot be had: recognises the files, and
// says so instead of calling them unknown.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/model/model_source.h"

namespace kinglet {
namespace {

class AbsentOnnxLoader : public Loader {
 public:
  absl::string_view format() const override { return "onnx"; }
  bool Recognises(absl::string_view path, absl::string_view head) const override {
    return !head.empty() && absl::EndsWithIgnoreCase(path, ".onnx");
  }
  absl::StatusOr<std::unique_ptr<ModelSource>> Load(absl::string_view path) const override {
    return absl::UnimplementedError(absl::StrCat(
        path,
        ": this build of Kinglet reads no ONNX files (Debian has no ONNX library for its "
        "processor beside the x86 one); use a build for x86_64"));
  }
};

}  // namespace

const Loader* onnx_loader();  // for the generated table

const Loader* onnx_loader() {
  static const AbsentOnnxLoader loader;
  return &loader;
}

}  // namespace kinglet
