#include "core/base/cpu_info.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace kinglet {

#if defined(__x86_64__)

namespace {

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// Zeros where the processor has no such leaf.
Registers Cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return Registers();
  return r;
}

constexpr bool Has(uint32_t word, int bit) { return ((word >> bit) & 1) != 0; }

// Which registers the operating system saves (XCR0).
uint64_t SavedRegisters() {
  uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

constexpr uint64_t kSavesAvx = 0x6;        // XMM, YMM
constexpr uint64_t kSavesAvx512 = 0xe6;    // and opmask, ZMM
constexpr uint64_t kSavesTiles = 0x60000;  // tile configuration, tile data

// Linux lets a process use the tile registers only after it asked.
bool TilesGranted() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

uint64_t CpuFeatures() {
  const Registers basic = Cpuid(1, 0);
  const Registers extended = Cpuid(7, 0);
  // Leaf 7 says in eax how many subleaves it has.
  const Registers further = extended.eax >= 1 ? Cpuid(7, 1) : Registers();
  uint64_t features = 0;
  if (Has(basic.ecx, 19)) features |= KL_CPU_SSE41;
  const uint64_t saved = Has(basic.ecx, 27) ? SavedRegisters() : 0;

  const bool avx2_family = Has(basic.ecx, 28) && Has(basic.ecx, 12) && Has(basic.ecx, 29) &&
                           Has(extended.ebx, 5) && Has(extended.ebx, 8);
  if (!avx2_family || (saved & kSavesAvx) != kSavesAvx) return features;
  features |= KL_CPU_AVX2;
  if (Has(further.eax, 4)) features |= KL_CPU_AVX_VNNI;

  const bool avx512_family = Has(extended.ebx, 16) && Has(extended.ebx, 17) &&
                             Has(extended.ebx, 28) && Has(extended.ebx, 30) &&
                             Has(extended.ebx, 31);
  if (!avx512_family || (saved & kSavesAvx512) != kSavesAvx512) return features;
  features |= KL_CPU_AVX512;
  if (Has(extended.ecx, 11)) features |= KL_CPU_AVX512_VNNI;
  if (Has(further.eax, 5)) features |= KL_CPU_AVX512_BF16;

  const bool amx = Has(extended.edx, 24) && Has(extended.edx, 25);
  if (amx && (saved & kSavesTiles) == kSavesTiles && TilesGranted()) features |= KL_CPU_AMX_INT8;
  return features;
}

#elif defined(__aarch64__)

uint64_t CpuFeatures() {
  // Bits of AT_HWCAP and AT_HWCAP2: the kernel's documentation, arch/arm64/elf_hwcaps.
  constexpr uint64_t kAsimd = 1u << 1, kAsimdHalf = 1u << 10, kAsimdDotProduct = 1u << 20,
                     kSve = 1u << 22;
  constexpr uint64_t kInt8MatrixMultiply = 1u << 13;
  const uint64_t first = getauxval(AT_HWCAP);
  const uint64_t second = getauxval(AT_HWCAP2);
  uint64_t features = 0;
  if ((first & kAsimd) == 0) return features;
  features |= KL_CPU_NEON;
  if ((first & kAsimdHalf) != 0) features |= KL_CPU_FP16;
  if ((first & kAsimdDotProduct) != 0) features |= KL_CPU_DOTPROD;
  if ((second & kInt8MatrixMultiply) != 0) features |= KL_CPU_I8MM;
  if ((first & kSve) != 0) features |= KL_CPU_SVE;
  return features;
}

#else

uint64_t CpuFeatures() { return 0; }

#endif

}  // namespace kinglet
