// Where the model that comes with the program lies.
#ifndef KINGLET_TOOLS_COMMON_SHIPPED_MODEL_H_
#define KINGLET_TOOLS_COMMON_SHIPPED_MODEL_H_

#include <string>

#include "tools/common/report.h"

namespace kinglet::tools {

// models/kinglet-demo.gguf beside the program (links resolved). Never in the working directory.
Failure FindShippedModel(std::string* path);
// Its memory bank beside it; empty where there is none. The bank names its encoder, which lies there too.
std::string FindShippedBank();

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_SHIPPED_MODEL_H_
