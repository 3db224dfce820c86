#include "core/plugin/plugin_folder.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kinglet {
namespace {

constexpr char kPrefix[] = "libkinglet_";
constexpr char kSuffix[] = ".so";

bool IsRegularFile(const std::string& path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
}

}  // namespace

absl::StatusOr<std::string> OwnPluginFolder() {
  Dl_info info;
  link_map* map = nullptr;
  const bool found = dladdr1(reinterpret_cast<void*>(&OwnPluginFolder), &info,
                             reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0;
  // The link map of the program itself has no name.
  const bool in_library = found && map != nullptr && map->l_name != nullptr && *map->l_name != '\0';
  const char* path = in_library ? map->l_name : "/proc/self/exe";
  char resolved[PATH_MAX];
  if (realpath(path, resolved) == nullptr) {
    return absl::NotFoundError(absl::StrCat("the library's own plugin folder: ", path, ": ",
                                            strerror(errno), "; name a plugin folder"));
  }
  char* last_slash = strrchr(resolved, '/');
  *last_slash = '\0';
  return absl::StrCat(resolved, "/plugins");
}

absl::StatusOr<std::vector<std::string>> ListPluginFiles(absl::string_view folder) {
  const std::string root(folder);
  DIR* directory = opendir(root.c_str());
  if (directory == nullptr) {
    return absl::NotFoundError(absl::StrCat("plugin folder ", folder, ": ", strerror(errno),
                                            "; name a folder that exists"));
  }
  std::vector<std::string> files;
  while (const dirent* entry = readdir(directory)) {
    const absl::string_view name = entry->d_name;
    if (absl::StartsWith(name, ".")) continue;
    const bool is_library = absl::StartsWith(name, kPrefix) && absl::EndsWith(name, kSuffix);
    const std::string path = is_library
                                 ? absl::StrCat(root, "/", name)
                                 : absl::StrCat(root, "/", name, "/", kPrefix, name, kSuffix);
    if (IsRegularFile(path)) files.push_back(path);
  }
  closedir(directory);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace kinglet
