#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/make_model/vocabulary.h"

namespace kinglet::tools {
namespace {

enum TokenKind : int32_t { kNormal = 1, kControl = 3 };

constexpr const char* kSpecial[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

// Pairs that English text merges, most frequent first; "_" stands for the space's letter.
constexpr char kMerges[] =
    "_ t,h e,i n,_ a,r e,_t he,o n,e r,_ s,a t,_ w,_ o,e n,_ c,i t,i s,a n,o r,e s,_ b,e d,_ f,"
    "in g,_ p,o u,_a n,a l,a r,_t o,_ m,_o f,_ in,_ d,_ h,_an d,i c,l e,_t h,o m,_b e,_ l,l l,"
    "en t,_ n,_ re,_h e,_ e,a s,_w h,s t,v e,_i s,_f or,u t,_y ou,_ y,l y,o t,i on,_s t";

constexpr char kTemplate[] =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ "
    "'<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' "
    "}}{% endif %}";

void AppendUtf8(uint32_t code_point, std::string* out) {
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
  } else {  // the alphabet ends below 0x800
    out->push_back(static_cast<char>(0xC0 | code_point >> 6));
    out->push_back(static_cast<char>(0x80 | (code_point & 63)));
  }
}

// The letter that byte-level BPE (GPT-2) gives each byte: printable ones themselves, the rest in
// order from U+0100.
std::vector<std::string> ByteLetters() {
  std::vector<std::string> letters(256);
  uint32_t extra = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    AppendUtf8(printable ? byte : extra++, &letters[byte]);
  }
  return letters;
}

std::vector<std::string> Merges(const std::string& space) {
  std::vector<std::string> merges;
  for (absl::string_view pair : absl::StrSplit(kMerges, ',')) {
    std::string merge;
    for (const char c : pair) {
      if (c == '_') {
        merge += space;
      } else {
        merge.push_back(c);
      }
    }
    merges.push_back(merge);
  }
  return merges;
}

}  // namespace

int64_t EmbeddedTokenizerMinimum() {
  return static_cast<int64_t>(256 + Merges("_").size() + std::size(kSpecial));
}

Failure AddEmbeddedTokenizer(int64_t token_count, GgufWriter* writer) {
  const int64_t least = EmbeddedTokenizerMinimum();
  if (token_count < least) {
    return {kExitUsage, absl::StrCat("--vocab ", token_count,
                                     " is too small for the embedded tokenizer, which has ", least,
                                     " tokens: give at least that many, or --tokenizer FILE.gguf")};
  }
  std::vector<std::string> tokens = ByteLetters();
  const std::string space = tokens[' '];
  const std::vector<std::string> merges = Merges(space);
  for (const std::string& merge : merges) {
    const size_t gap = merge.find(' ');
    tokens.push_back(merge.substr(0, gap) + merge.substr(gap + 1));
  }
  std::vector<int32_t> kinds(tokens.size(), kNormal);
  const int32_t end_of_text = static_cast<int32_t>(tokens.size());
  for (const char* special : kSpecial) {
    tokens.push_back(special);
    kinds.push_back(kControl);
  }
  while (static_cast<int64_t>(tokens.size()) < token_count) {
    tokens.push_back(absl::StrCat(space, "w", tokens.size()));
    kinds.push_back(kNormal);
  }
  writer->Add("tokenizer.ggml.model", "gpt2");
  writer->Add("tokenizer.ggml.pre", "qwen2");
  writer->Add("tokenizer.ggml.tokens", tokens);
  writer->Add("tokenizer.ggml.token_type", kinds);
  writer->Add("tokenizer.ggml.merges", merges);
  writer->Add("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(end_of_text));
  writer->Add("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(end_of_text + 2));
  writer->Add("tokenizer.ggml.padding_token_id", static_cast<uint32_t>(end_of_text));
  writer->Add("tokenizer.ggml.add_bos_token", false);
  writer->Add("tokenizer.chat_template", kTemplate);
  return Success();
}

}  // namespace kinglet::tools
