// Where plugin files are: the library's own folder, or one that was asked for. Never the working
// directory by itself.
//
//   bazel-bin/kinglet                     the program, or libkinglet.so
//   bazel-bin/plugins/reference/libkinglet_reference.so
//   bazel-bin/plugins/libkinglet_sample.so
#ifndef KINGLET_CORE_PLUGIN_PLUGIN_FOLDER_H_
#define KINGLET_CORE_PLUGIN_PLUGIN_FOLDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// The folder `plugins` beside the shared library or program that holds this code, symbolic links
// resolved. The folder need not exist.
absl::StatusOr<std::string> OwnPluginFolder();

// The plugin files of a folder, sorted: NAME/libkinglet_NAME.so and libkinglet_NAME.so.
// Errors: the folder does not exist or cannot be read.
absl::StatusOr<std::vector<std::string>> ListPluginFiles(absl::string_view folder);

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_PLUGIN_FOLDER_H_
