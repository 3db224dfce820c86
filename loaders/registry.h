// All formats of this build. The table is generated from the list of loaders in BUILD.bazel.
#ifndef KINGLET_LOADERS_REGISTRY_H_
#define KINGLET_LOADERS_REGISTRY_H_

#include <vector>

#include "core/model/model_source.h"

namespace kinglet {

// In the order of the build line, in which LoadSource() asks them. Thread safe; lives for ever.
const std::vector<const Loader*>& AllLoaders();

}  // namespace kinglet

#endif  // KINGLET_LOADERS_REGISTRY_H_
