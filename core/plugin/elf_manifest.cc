#include "core/plugin/elf_manifest.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "core/abi/plugin.h"
#include "core/base/checked_math.h"
#include "core/base/checksum.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr uint64_t kLargestFileBytes = 1ull << 30;

#if defined(__x86_64__)
constexpr uint16_t kThisMachine = EM_X86_64;
constexpr char kThisIsa[] = "x86_64";
#elif defined(__aarch64__)
constexpr uint16_t kThisMachine = EM_AARCH64;
constexpr char kThisIsa[] = "aarch64";
#else
#error "Plugins are defined for x86_64 and aarch64"
#endif

// A view of the file whose every read is checked.
class ElfFile {
 public:
  ElfFile(const uint8_t* data, uint64_t size_bytes, absl::string_view path)
      : data_(data), size_(size_bytes), path_(path) {}

  // Copies a structure; the file may be mapped at any alignment.
  template <typename T>
  bool Read(uint64_t offset, T* value) const {
    if (!Contains(offset, sizeof(T))) return false;
    memcpy(value, data_ + offset, sizeof(T));
    return true;
  }

  bool Contains(uint64_t offset, uint64_t bytes) const {
    uint64_t end = 0;
    return CheckedAdd(offset, bytes, &end) && end <= size_;
  }

  // Whether the string at `offset` of the range [begin, begin + bytes) is `text`.
  bool StringIs(uint64_t begin, uint64_t bytes, uint64_t offset, absl::string_view text) const {
    if (offset >= bytes || bytes - offset < text.size() + 1) return false;
    const char* found = reinterpret_cast<const char*>(data_ + begin + offset);
    return memcmp(found, text.data(), text.size()) == 0 && found[text.size()] == '\0';
  }

  absl::Status Truncated(absl::string_view what, uint64_t offset, uint64_t bytes) const {
    return Corrupt(absl::StrCat("the file is cut short: its ", what, " of ", bytes,
                                " bytes at offset ", offset, " reaches past the end of the file (",
                                size_, " bytes)"));
  }

  absl::Status Corrupt(absl::string_view what) const {
    return absl::DataLossError(
        absl::StrCat("plugin ", path_, ": ", what, "; build or copy the plugin again"));
  }

  absl::Status CheckHeader(Elf64_Ehdr* header) const;
  absl::Status CheckSegments(const Elf64_Ehdr& header) const;
  absl::StatusOr<Elf64_Shdr> FindSection(const Elf64_Ehdr& header, absl::string_view name) const;

 private:
  const uint8_t* data_;
  const uint64_t size_;
  const absl::string_view path_;
};

absl::Status ElfFile::CheckHeader(Elf64_Ehdr* header) const {
  if (size_ < sizeof *header || memcmp(data_, ELFMAG, SELFMAG) != 0) {
    return Corrupt(absl::StrCat("expected an ELF shared library, found ", size_,
                                " bytes that do not start with an ELF header"));
  }
  Read(0, header);
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) {
    return Corrupt(absl::StrCat("expected 64-bit little-endian ELF (class 2, data 1), found class ",
                                header->e_ident[EI_CLASS], ", data ", header->e_ident[EI_DATA]));
  }
  if (header->e_type != ET_DYN) {
    return Corrupt(absl::StrCat("expected a shared library (ELF type 3), found type ",
                                header->e_type, " at offset 16"));
  }
  return absl::OkStatus();
}

// The dynamic linker maps segments without looking at the file's length: a missing page would be
// a SIGBUS in dlopen.
absl::Status ElfFile::CheckSegments(const Elf64_Ehdr& header) const {
  if (header.e_phentsize != sizeof(Elf64_Phdr)) {
    return Corrupt(absl::StrCat("expected program headers of ", sizeof(Elf64_Phdr),
                                " bytes, found ", header.e_phentsize));
  }
  const uint64_t table_bytes = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (!Contains(header.e_phoff, table_bytes)) {
    return Truncated("program header table", header.e_phoff, table_bytes);
  }
  for (uint32_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    Read(header.e_phoff + i * sizeof segment, &segment);
    if (segment.p_type == PT_LOAD && !Contains(segment.p_offset, segment.p_filesz)) {
      return Truncated("segment", segment.p_offset, segment.p_filesz);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Elf64_Shdr> ElfFile::FindSection(const Elf64_Ehdr& header,
                                                absl::string_view name) const {
  const absl::Status missing = absl::NotFoundError(absl::StrCat(
      "plugin ", path_, ": expected a section ", name, ", found none among ", header.e_shnum,
      " sections; a plugin's source needs KL_PLUGIN_MANIFEST(name, version, isa)"));
  if (header.e_shnum == 0) return missing;
  if (header.e_shentsize != sizeof(Elf64_Shdr)) {
    return Corrupt(absl::StrCat("expected section headers of ", sizeof(Elf64_Shdr),
                                " bytes, found ", header.e_shentsize));
  }
  const uint64_t table_bytes = uint64_t{header.e_shnum} * sizeof(Elf64_Shdr);
  if (!Contains(header.e_shoff, table_bytes)) {
    return Truncated("section header table", header.e_shoff, table_bytes);
  }
  if (header.e_shstrndx >= header.e_shnum) {
    return Corrupt(
        absl::StrCat("section names are in section ", header.e_shstrndx, " of ", header.e_shnum));
  }
  Elf64_Shdr names;
  Read(header.e_shoff + header.e_shstrndx * sizeof names, &names);
  if (!Contains(names.sh_offset, names.sh_size)) {
    return Truncated("section name table", names.sh_offset, names.sh_size);
  }
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    Read(header.e_shoff + i * sizeof section, &section);
    if (!StringIs(names.sh_offset, names.sh_size, section.sh_name, name)) continue;
    if (section.sh_type == SHT_NOBITS || !Contains(section.sh_offset, section.sh_size)) {
      return Truncated("manifest section", section.sh_offset, section.sh_size);
    }
    return section;
  }
  return missing;
}

// The text of a fixed field; nothing when it is empty or not terminated.
template <size_t kBytes>
std::string FixedText(const char (&field)[kBytes]) {
  const size_t length = strnlen(field, kBytes);
  return length == kBytes ? std::string() : std::string(field, length);
}

}  // namespace

absl::StatusOr<PluginManifest> ParseManifest(const uint8_t* data, uint64_t size_bytes,
                                             absl::string_view path) {
  const ElfFile file(data, size_bytes, path);
  Elf64_Ehdr header;
  KL_RETURN_IF_ERROR(file.CheckHeader(&header));
  KL_RETURN_IF_ERROR(file.CheckSegments(header));
  KL_ASSIGN_OR_RETURN(const Elf64_Shdr section, file.FindSection(header, KL_MANIFEST_SECTION));

  // Magic, struct_size and abi_major keep their place in every major version; the rest does not.
  const uint64_t at = section.sh_offset;
  kl_manifest raw = {};
  constexpr uint64_t kStableBytes = offsetof(kl_manifest, abi_minor);
  if (section.sh_size < kStableBytes ||
      memcmp(data + at, KL_MANIFEST_MAGIC, sizeof raw.magic) != 0) {
    return file.Corrupt(absl::StrCat("expected a manifest that starts with ", KL_MANIFEST_MAGIC,
                                     " at offset ", at, ", found something else"));
  }
  memcpy(&raw, data + at, kStableBytes);
  if (raw.abi_major != KL_ABI_MAJOR) {
    return absl::AbortedError(
        absl::StrCat("plugin ", path, ": built for ABI major version ", raw.abi_major,
                     ", this build of Kinglet reads version ", KL_ABI_MAJOR,
                     "; build the plugin with the headers in core/abi of this version"));
  }
  if (raw.struct_size < sizeof raw || section.sh_size < sizeof raw) {
    return file.Corrupt(absl::StrCat("expected a manifest of at least ", sizeof raw,
                                     " bytes at offset ", at, ", found ", raw.struct_size,
                                     " in a section of ", section.sh_size));
  }
  memcpy(&raw, data + at, sizeof raw);

  PluginManifest manifest;
  manifest.name = FixedText(raw.name);
  manifest.version = FixedText(raw.version);
  manifest.isa = FixedText(raw.isa);
  manifest.abi_major = raw.abi_major;
  manifest.abi_minor = raw.abi_minor;
  manifest.checksum = raw.checksum;
  manifest.elf_machine = header.e_machine;
  manifest.checksum_offset = at + offsetof(kl_manifest, checksum);
  if (manifest.name.empty() || manifest.version.empty() || manifest.isa.empty()) {
    return file.Corrupt(absl::StrCat("the manifest at offset ", at,
                                     " has an empty or unterminated name, version or isa"));
  }
  return manifest;
}

uint64_t PluginChecksum(const uint8_t* data, uint64_t size_bytes, const PluginManifest& manifest) {
  constexpr uint8_t kZeros[sizeof(uint64_t)] = {};
  const uint64_t after = manifest.checksum_offset + sizeof kZeros;
  Checksum checksum;
  checksum.Add(data, manifest.checksum_offset);
  checksum.Add(kZeros, sizeof kZeros);
  checksum.Add(data + after, size_bytes - after);
  const uint64_t hash = checksum.value();
  return hash == 0 ? 1 : hash;  // 0 means "not stamped"
}

absl::Status CheckManifest(const PluginManifest& manifest, const uint8_t* data, uint64_t size_bytes,
                           absl::string_view path) {
  const bool isa_fits = manifest.isa == "any" || manifest.isa == kThisIsa;
  if (!isa_fits || manifest.elf_machine != kThisMachine) {
    return absl::UnimplementedError(
        absl::StrCat("plugin ", path, ": expected a plugin for ", kThisIsa, " (ELF machine ",
                     kThisMachine, "), found one for ", manifest.isa, " (ELF machine ",
                     manifest.elf_machine, "); build it for this processor or leave it out"));
  }
  if (manifest.checksum == 0) return absl::OkStatus();
  const uint64_t found = PluginChecksum(data, size_bytes, manifest);
  if (found != manifest.checksum) {
    return absl::DataLossError(absl::StrCat(
        "plugin ", path, ": expected checksum ", absl::Hex(manifest.checksum, absl::kZeroPad16),
        ", the file's bytes give ", absl::Hex(found, absl::kZeroPad16),
        ": it was damaged or changed after it was built; build or copy the plugin again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint8_t>> ReadPluginFile(absl::string_view path) {
  const std::string name(path);
  const auto failed = [&](const char* what) {
    const int code = errno;
    const std::string text = absl::StrCat("plugin ", path, ": ", what, ": ", strerror(code));
    return code == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
  };
  const int descriptor = open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return failed("cannot be opened");
  struct Closer {
    int descriptor;
    ~Closer() { close(descriptor); }
  } closer{descriptor};

  struct stat facts;
  if (fstat(descriptor, &facts) != 0) return failed("cannot be examined");
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("plugin ", path, ": expected a regular file, found a folder or a device"));
  }
  const uint64_t size = static_cast<uint64_t>(facts.st_size);
  if (size > kLargestFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat("plugin ", path, ": expected at most ",
                                                   kLargestFileBytes, " bytes, found ", size));
  }
  std::vector<uint8_t> bytes(size);
  uint64_t done = 0;
  while (done < size) {
    const ssize_t got = pread(descriptor, bytes.data() + done, size - done, done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("cannot be read");
    if (got == 0) break;  // became shorter meanwhile: the parser says so
    done += static_cast<uint64_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

absl::StatusOr<PluginManifest> ReadManifest(absl::string_view path) {
  KL_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, ReadPluginFile(path));
  KL_ASSIGN_OR_RETURN(PluginManifest manifest, ParseManifest(bytes.data(), bytes.size(), path));
  KL_RETURN_IF_ERROR(CheckManifest(manifest, bytes.data(), bytes.size(), path));
  return manifest;
}

}  // namespace kinglet
