#include "tools/common/shipped_model.h"

#include "absl/strings/str_cat.h"
#include "tools/common/files.h"

namespace kinglet::tools {

Failure FindShippedModel(std::string* path) {
  *path = absl::StrCat(ProgramFolder(), "/models/kinglet-demo.gguf");
  if (FileExists(*path)) return Success();
  return {kExitNoInput, absl::StrCat("no model: -m FILE is missing, and there is no ", *path,
                                     "; name a GGUF file or a Hugging Face folder with -m")};
}

std::string FindShippedBank() {
  const std::string path = absl::StrCat(ProgramFolder(), "/models/kinglet-demo.klbank");
  return FileExists(path) ? path : "";
}

}  // namespace kinglet::tools
