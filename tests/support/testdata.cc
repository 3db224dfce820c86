#include "tests/support/testdata.h"

#include <cstring>
#include <string>

namespace kinglet {
namespace {

std::string& MutableFolder() {
  static std::string* folder = new std::string;
  return *folder;
}

}  // namespace

const std::string& TestDataFolder() { return MutableFolder(); }

void TakeTestDataFlag(int* argc, char** argv) {
  static constexpr char kFlag[] = "--testdata=";
  constexpr size_t kFlagLength = sizeof(kFlag) - 1;
  bool found = false;
  int kept_count = 1;
  for (int i = 1; i < *argc; i++) {
    if (std::strncmp(argv[i], kFlag, kFlagLength) != 0) {
      argv[kept_count++] = argv[i];
      continue;
    }
    if (found) continue;
    found = true;
    std::string folder = argv[i] + kFlagLength;
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    MutableFolder() = folder;
  }
  // argv ends in a null pointer, which is kept.
  if (kept_count < *argc) argv[kept_count] = nullptr;
  *argc = kept_count;
}

}  // namespace kinglet
