#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

class PluginRuleTest : public testing::Test {
 protected:
  void SetUp() override {
    library_ = dlopen("third_party/bazel/libsample_unstamped.so", RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << dlerror();
  }
  void TearDown() override {
    if (library_ != nullptr) dlclose(library_);
  }

  // The names that the loaded library defines for others, read from its dynamic symbol table.
  std::vector<std::string> ExportedNames() const {
    const link_map* map = nullptr;
    if (dlinfo(library_, RTLD_DI_LINKMAP, &map) != 0) return {};
    const ElfW(Sym)* symbols = nullptr;
    const char* names = nullptr;
    const uint32_t* gnu_hash = nullptr;
    for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
      if (entry->d_tag == DT_SYMTAB) symbols = reinterpret_cast<ElfW(Sym)*>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(entry->d_un.d_ptr);
      if (entry->d_tag == DT_GNU_HASH) gnu_hash = reinterpret_cast<uint32_t*>(entry->d_un.d_ptr);
    }
    if (symbols == nullptr || names == nullptr || gnu_hash == nullptr) return {};
    // A GNU hash table holds exactly the defined names: bucket -> chain, whose last word is odd.
    const uint32_t bucket_count = gnu_hash[0], first_index = gnu_hash[1],
                   filter_words = gnu_hash[2];
    const uint32_t* buckets = gnu_hash + 4 + filter_words * (sizeof(ElfW(Addr)) / 4);
    const uint32_t* chain = buckets + bucket_count;
    std::vector<std::string> exported;
    for (uint32_t bucket = 0; bucket < bucket_count; bucket++) {
      uint32_t index = buckets[bucket];
      if (index < first_index) continue;
      do {
        exported.push_back(names + symbols[index].st_name);
      } while ((chain[index++ - first_index] & 1) == 0);
    }
    return exported;
  }

  void* library_ = nullptr;
};

TEST_F(PluginRuleTest, ExportsTheEntryAndNothingElse) {
  EXPECT_EQ(ExportedNames(), std::vector<std::string>{"kl_plugin_query_v1"});
  EXPECT_EQ(dlsym(library_, "kl_sample_not_the_entry"), nullptr);
}

TEST_F(PluginRuleTest, KernelSourcesAreCompiledForTheirInstructionSet) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this processor has no AVX2";
  void* symbol = dlsym(library_, "kl_plugin_query_v1");
  ASSERT_NE(symbol, nullptr) << dlerror();
  const auto query = reinterpret_cast<const void* (*)(const void*, void*)>(symbol);
  const int values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  int sum = 0;
  EXPECT_EQ(query(values, &sum), values);
  EXPECT_EQ(sum, 36);
}

}  // namespace
