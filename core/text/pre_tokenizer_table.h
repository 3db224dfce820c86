// The regular expressions of the known pre-tokenizers.
#ifndef KINGLET_CORE_TEXT_PRE_TOKENIZER_TABLE_H_
#define KINGLET_CORE_TEXT_PRE_TOKENIZER_TABLE_H_

#include <vector>

namespace kinglet {

struct PreTokenizerFamily {
  std::vector<const char*> names;     // values of tokenizer.ggml.pre
  std::vector<const char*> patterns;  // PCRE2, \s meaning Unicode's White_Space
  bool ignores_merges;
  bool adds_bos;
};

// To add one: a row here and a line in pre_tokenizer_test.cc.
const std::vector<PreTokenizerFamily>& PreTokenizerFamilies();

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_PRE_TOKENIZER_TABLE_H_
