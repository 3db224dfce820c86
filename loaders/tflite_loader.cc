// TFLite files. What is supported and refused: loaders/tflite/README.md.
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "core/base/status.h"
#include "core/model/model_source.h"
#include "loaders/tflite/file.h"
#include "loaders/tflite/translator.h"

namespace kinglet {
namespace {

class TfliteLoader : public Loader {
 public:
  absl::string_view format() const override { return "tflite"; }

  bool Recognises(absl::string_view path, absl::string_view head) const override {
    if (head.empty()) return false;
    return absl::EndsWithIgnoreCase(path, ".tflite") ||
           (head.size() >= 8 && head.substr(4, 4) == "TFL3");
  }

  absl::StatusOr<std::unique_ptr<ModelSource>> Load(absl::string_view path) const override {
    KL_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> mapped, MappedFile::Open(path));
    KL_ASSIGN_OR_RETURN(const TfliteFile file, ReadTflite(*mapped));
    auto source = std::make_unique<ModelSource>();
    source->path = std::string(path);
    source->format = std::string(format());
    source->file_bytes = mapped->size();
    if (!file.description.empty()) source->metadata.Insert("general.description", file.description);
    TfliteTranslator translator(file, source.get());
    KL_RETURN_IF_ERROR(translator.Translate());
    return source;
  }
};

}  // namespace

const Loader* tflite_loader();  // for the generated table

const Loader* tflite_loader() {
  static const TfliteLoader loader;
  return &loader;
}

}  // namespace kinglet
