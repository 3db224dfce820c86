// Who may include whom, proven on the source tree:
//
//   core:    abi <- base <- text <- model <- memory <- plugin <- exec <- capi
//   loaders, schedulers: core interfaces only
//   plugins: core/abi, their own folder, plugins/common
//   tools:   core/capi, core/abi and tools
//
// Unit tests and tests/ are free to include what they test with.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTopFolders = {"core",  "loaders", "plugins",    "schedulers",
                                              "tests", "tools",   "third_party"};

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

bool EndsWith(const std::string& text, const std::string& suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

bool HasPrefix(const std::string& path, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return StartsWith(path, prefix); });
}

// "core/plugin/" of "core/plugin/testdata/good.c".
std::string SecondFolder(const std::string& path) {
  const size_t first = path.find('/');
  const size_t second = first == std::string::npos ? first : path.find('/', first + 1);
  return second == std::string::npos ? path : path.substr(0, second + 1);
}

// The folders of core that a folder of core may include: itself and what is below it.
std::vector<std::string> CoreUpTo(const std::string& folder) {
  const std::array<const char*, 8> ladder = {"abi",    "base",   "text", "model",
                                             "memory", "plugin", "exec", "capi"};
  std::vector<std::string> allowed;
  for (const char* rung : ladder) {
    allowed.push_back(std::string("core/") + rung + "/");
    if (allowed.back() == folder) return allowed;
  }
  return {};
}

// Where files of this folder may include from. Empty: nobody said, which is an error as well.
std::vector<std::string> AllowedFor(const std::string& file) {
  const std::string folder = SecondFolder(file);
  if (StartsWith(file, "core/")) {
    std::vector<std::string> allowed = CoreUpTo(folder);
    // The C API puts everything together.
    if (folder == "core/capi/") allowed.insert(allowed.end(), {"loaders/", "schedulers/"});
    return allowed;
  }
  if (StartsWith(file, "loaders/")) {
    return {"core/abi/", "core/base/", "core/text/", "core/model/", "loaders/"};
  }
  if (StartsWith(file, "schedulers/")) {
    return {"core/abi/", "core/base/", "core/exec/scheduler.h", "schedulers/"};
  }
  if (StartsWith(file, "plugins/")) return {"core/abi/", "plugins/common/", folder};
  // core/abi: the types that kinglet.h itself is written in.
  if (StartsWith(file, "tools/")) return {"core/capi/", "core/abi/", "tools/"};
  if (StartsWith(file, "third_party/")) return {folder};
  return {};
}

// Tests, and what only tests are linked with: they are free to include what they test with.
bool IsTest(const std::string& file) {
  const std::string stem = fs::path(file).stem().string();
  if (StartsWith(file, "plugins/reference/operator_runner.")) return true;
  if (StartsWith(stem, "fake_")) return true;  // in a testonly library
  return StartsWith(file, "tests/") || EndsWith(stem, "_test") || EndsWith(stem, "_benchmark") ||
         EndsWith(stem, "_fuzz");
}

bool IsProjectPath(const std::string& included) {
  const std::string top = included.substr(0, included.find('/'));
  return std::find(kTopFolders.begin(), kTopFolders.end(), top) != kTopFolders.end();
}

// Why `file` may not include `included`, as written between the quotes; empty when it may.
std::string Objection(const std::string& file, const std::string& included) {
  if (included.find('/') == std::string::npos) return "paths are from the root of the project";
  if (included.find("..") != std::string::npos) return "paths do not climb";
  if (!IsProjectPath(included) || IsTest(file)) return "";
  if (HasPrefix(included, AllowedFor(file))) return "";
  return "its folder is not below this one";
}

struct Include {
  std::string path;
  bool quoted;
};

std::vector<Include> IncludesOf(const fs::path& path) {
  std::vector<Include> includes;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const size_t word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0) continue;
    const size_t open = line.find_first_of("\"<", word + 7);
    if (open == std::string::npos) continue;
    const bool quoted = line[open] == '"';
    const size_t close = line.find(quoted ? '"' : '>', open + 1);
    if (close == std::string::npos) continue;
    includes.push_back({line.substr(open + 1, close - open - 1), quoted});
  }
  return includes;
}

// Every C and C++ file of the project, by its path from the root.
class SourceTree : public testing::Test {
 protected:
  void SetUp() override {
    // A test starts among links to its data; this one leads to the tree itself.
    root_ = fs::canonical("README.md").parent_path();
    for (const std::string& top : kTopFolders) {
      if (!fs::exists(root_ / top)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(root_ / top)) {
        static const std::set<std::string> kSuffixes = {".h", ".cc", ".c", ".inc"};
        if (!entry.is_regular_file() || kSuffixes.count(entry.path().extension().string()) == 0) {
          continue;
        }
        files_.push_back(fs::relative(entry.path(), root_).string());
      }
    }
    std::sort(files_.begin(), files_.end());
    ASSERT_GT(files_.size(), 100u) << "this is not the source tree: " << root_;
  }

  fs::path root_;
  std::vector<std::string> files_;
};

TEST_F(SourceTree, EveryIncludeGoesDownTheLadder) {
  for (const std::string& file : files_) {
    for (const Include& include : IncludesOf(root_ / file)) {
      if (!include.quoted) continue;
      const std::string objection = Objection(file, include.path);
      EXPECT_EQ(objection, "") << file << " includes \"" << include.path << "\"";
    }
  }
}

TEST_F(SourceTree, EveryIncludedProjectFileExistsOrIsGenerated) {
  const std::set<std::string> generated = {"loaders/tflite/schema_generated.h",
                                           "schedulers/scheduler_table.h",
                                           "tests/conformance/plugin_list.inc"};
  for (const std::string& file : files_) {
    for (const Include& include : IncludesOf(root_ / file)) {
      if (!include.quoted || !IsProjectPath(include.path)) continue;
      EXPECT_TRUE(fs::exists(root_ / include.path) || generated.count(include.path) > 0)
          << file << " includes \"" << include.path << "\"";
    }
  }
}

TEST_F(SourceTree, TheAbiStandsOnTheStandardLibraryAlone) {
  const std::set<std::string> standard = {"stdarg.h", "stddef.h", "stdint.h", "stdio.h",
                                          "string.h"};
  size_t header_count = 0;
  for (const std::string& file : files_) {
    if (!StartsWith(file, "core/abi/") || !EndsWith(file, ".h")) continue;
    ++header_count;
    for (const Include& include : IncludesOf(root_ / file)) {
      EXPECT_TRUE(include.quoted ? StartsWith(include.path, "core/abi/")
                                 : standard.count(include.path) > 0)
          << file << " includes " << include.path;
    }
  }
  EXPECT_GE(header_count, 10u);
}

// But for the library that plugins with banks are linked with: nothing in those is compiled for an
// instruction set.
TEST_F(SourceTree, WhatPluginsShareIsHeadersOnly) {
  const std::string banks = "plugins/common/record_bank/";
  for (const std::string& file : files_) {
    if (IsTest(file)) continue;
    if (StartsWith(file, "plugins/common/") && !StartsWith(file, banks)) {
      EXPECT_TRUE(EndsWith(file, ".h")) << file;
    }
    const std::string folder = SecondFolder(file);
    if (StartsWith(file, banks) || EndsWith(folder, "_bank/") || !StartsWith(file, "plugins/")) {
      continue;
    }
    for (const Include& include : IncludesOf(root_ / file)) {
      EXPECT_FALSE(StartsWith(include.path, banks)) << file << " includes " << include.path;
    }
  }
}

TEST(LayeringRulesTest, WhatIsForbiddenIsFound) {
  const auto forbidden = [](const char* file, const char* included) {
    return Objection(file, included) != "";
  };
  EXPECT_TRUE(forbidden("core/abi/types.h", "core/base/status.h"));
  EXPECT_TRUE(forbidden("core/base/status.h", "core/memory/budget.h"));
  EXPECT_TRUE(forbidden("core/memory/budget.cc", "core/plugin/registry.h"));
  EXPECT_TRUE(forbidden("core/plugin/registry.cc", "core/exec/plan.h"));
  EXPECT_TRUE(forbidden("core/exec/session.cc", "core/capi/kinglet.h"));
  EXPECT_TRUE(forbidden("core/exec/session.cc", "loaders/registry.h"));
  EXPECT_TRUE(forbidden("core/capi/model.cc", "tools/chat/chat.h"));
  EXPECT_TRUE(forbidden("core/unheard_of/a.cc", "core/abi/types.h"));
  EXPECT_TRUE(forbidden("loaders/gguf/reader.cc", "core/exec/plan.h"));
  EXPECT_TRUE(forbidden("schedulers/pool.cc", "core/exec/program.h"));
  EXPECT_TRUE(forbidden("plugins/sparse_x86/a.cc", "core/base/status.h"));
  EXPECT_TRUE(forbidden("plugins/sparse_x86/a.cc", "plugins/reference/cases.h"));
  EXPECT_TRUE(forbidden("tools/chat/chat.cc", "core/exec/session.h"));
  EXPECT_TRUE(forbidden("core/exec/session.cc", "session.h"));
  EXPECT_TRUE(forbidden("core/exec/session.cc", "core/exec/../capi/kinglet.h"));
}

TEST(LayeringRulesTest, WhatIsAllowedIsNot) {
  const auto allowed = [](const char* file, const char* included) {
    return Objection(file, included) == "";
  };
  EXPECT_TRUE(allowed("core/exec/session.cc", "core/memory/kv_cache.h"));
  EXPECT_TRUE(allowed("core/capi/model.cc", "loaders/registry.h"));
  EXPECT_TRUE(allowed("schedulers/pool.cc", "core/exec/scheduler.h"));
  EXPECT_TRUE(allowed("plugins/sparse_x86/a.cc", "plugins/common/table.h"));
  EXPECT_TRUE(allowed("plugins/sparse_x86/a.cc", "plugins/sparse_x86/b.h"));
  EXPECT_TRUE(allowed("tools/chat/chat.cc", "core/capi/kinglet.h"));
  EXPECT_TRUE(allowed("core/base/status.h", "absl/status/status.h"));
  EXPECT_TRUE(allowed("plugins/sparse_x86/a_test.cc", "tests/conformance/trial.h"));
}

}  // namespace
}  // namespace kinglet
