// stamp_plugin IN OUT: copies a plugin and writes its checksum into the copy's manifest.
//
// The step between linking and use; kl_plugin runs it.
#include <cstdio>
#include <cstring>

#include "core/plugin/elf_manifest.h"

namespace {

int Fail(const char* what) {
  fprintf(stderr, "stamp_plugin: %s\n", what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return Fail("expected two arguments: IN OUT");
  auto bytes = kinglet::ReadPluginFile(argv[1]);
  if (!bytes.ok()) return Fail(std::string(bytes.status().message()).c_str());
  const auto manifest = kinglet::ParseManifest(bytes->data(), bytes->size(), argv[1]);
  if (!manifest.ok()) return Fail(std::string(manifest.status().message()).c_str());
  const uint64_t checksum = kinglet::PluginChecksum(bytes->data(), bytes->size(), *manifest);
  memcpy(bytes->data() + manifest->checksum_offset, &checksum, sizeof checksum);

  FILE* out = fopen(argv[2], "wb");
  if (out == nullptr) return Fail("the output cannot be created");
  const bool written = fwrite(bytes->data(), 1, bytes->size(), out) == bytes->size();
  if (fclose(out) != 0 || !written) return Fail("the output cannot be written");
  return 0;
}
