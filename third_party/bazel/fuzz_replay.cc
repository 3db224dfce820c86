// Runs a fuzz target on each file it is given: the corpus, in builds without libFuzzer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  int replayed_count = 0;
  for (int i = 1; i < argc; i++) {
    const std::string path = argv[i];
    if (path.rfind("--", 0) == 0) continue;  // a flag meant for every test, such as --testdata=
    std::ifstream in(path, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "cannot open the corpus file %s\n", path.c_str());
      return 1;
    }
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    replayed_count++;
  }
  if (replayed_count == 0) {
    std::fprintf(stderr, "no corpus file given: name at least one in the fuzz target's corpus\n");
    return 1;
  }
  std::printf("replayed %d corpus files\n", replayed_count);
  return 0;
}
