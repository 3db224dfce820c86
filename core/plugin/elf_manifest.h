// What a plugin file says about itself, read from its bytes before any of its code runs.
//
//   libkinglet_x.so (ELF64)          PluginManifest
//   section .kinglet.manifest  --->  name, version, ABI, processor, checksum
//
// Pure functions over bytes that may be anything: truncated, damaged, not ELF at all. Every error
// names the path, what was expected, what was found and what to do.
#ifndef KINGLET_CORE_PLUGIN_ELF_MANIFEST_H_
#define KINGLET_CORE_PLUGIN_ELF_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

struct PluginManifest {
  std::string name;
  std::string version;
  std::string isa;  // "x86_64", "aarch64" or "any"
  uint32_t abi_major = 0;
  uint32_t abi_minor = 0;
  uint64_t checksum = 0;         // 0: not stamped
  uint16_t elf_machine = 0;      // e_machine of the file
  uint64_t checksum_offset = 0;  // bytes from the file's start
};

// The manifest in a plugin file's bytes. Checks structure, not fitness: see CheckManifest().
// `path` is for messages. Errors: KL_DATA_CORRUPT for a file that is no whole ELF64 shared library
// or holds a broken manifest, KL_NOT_FOUND for one without a manifest, KL_VERSION_MISMATCH for a
// manifest of another ABI major (whose layout is unknown and not read).
absl::StatusOr<PluginManifest> ParseManifest(const uint8_t* data, uint64_t size_bytes,
                                             absl::string_view path);

// FNV-1a 64 over the file with the manifest's checksum field as zeros; never 0.
uint64_t PluginChecksum(const uint8_t* data, uint64_t size_bytes, const PluginManifest& manifest);

// Whether this process can run the plugin: processor and, when stamped, checksum.
absl::Status CheckManifest(const PluginManifest& manifest, const uint8_t* data, uint64_t size_bytes,
                           absl::string_view path);

// The whole file, at most 1 GiB. Errors: not found, not a regular file, not readable, too large.
absl::StatusOr<std::vector<uint8_t>> ReadPluginFile(absl::string_view path);

// ReadPluginFile, ParseManifest and CheckManifest in one.
absl::StatusOr<PluginManifest> ReadManifest(absl::string_view path);

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_ELF_MANIFEST_H_
